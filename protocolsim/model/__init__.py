"""Declared models: formulas become column programs, which compiled kernels run for many subjects at once.

Private: what is public stands in the package root.

A disease or drug that is declared in YAML has no Python of its own. What its file says of traits, quantities,
assessments and events is turned into short programs over columns (`assembler.py`); `interpreter.py` runs them, and
`programs.py` offers them to the engines as the kernels of an ordinary component.
"""
