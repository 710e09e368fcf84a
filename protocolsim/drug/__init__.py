"""Drugs: what a treatment does to a subject, one file each.

Private: what is public stands in the package root.
"""
