"""Analyses: the tests a trial ends in, one file per kind.

Private: what is public stands in the package root.
"""
