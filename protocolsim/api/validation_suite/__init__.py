"""The validation suite in Python: `validate_all` and what it returns.

Private: what is public stands in the package root.
"""
