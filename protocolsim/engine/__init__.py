"""From a trial to its records: the reference engine and the fast one.

Private: what is public stands in the package root.
"""
