"""Exact operating characteristics of designs with binary outcomes, by enumeration of all counts.

Private: what is public stands in the package root.
"""
