"""Looks at the accumulating data: statistics, boundaries and rules by which a trial is stopped or concluded.

Private: what is public stands in the package root.
"""
