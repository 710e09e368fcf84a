"""Compiled functions over columns: what they are made of, where their machine code is kept, compiling ahead of need.

Private: what is public stands in the package root.
"""
