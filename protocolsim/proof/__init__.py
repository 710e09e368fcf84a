"""Verification of a protocol: properties of every possible patient, proven with z3, and enumeration of its paths.

Private: what is public stands in the package root.
"""
