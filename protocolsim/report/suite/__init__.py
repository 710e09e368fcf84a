"""The validation suite as a table in a terminal, as a page, as files, and as a page of the documentation.

Private: what is public stands in the package root.
"""
