"""Diseases and drugs in Python, each said of one subject and by name, and the kernels over many that are made of that.

`model.py` is what their authors use (`ByName`, `alike`). `reading.py` looks up every name of a function, `columns.py`
and `rows.py` write the kernel, `made.py` compiles it as if it stood in the author's file.

Private: what is public stands in the package root.
"""
