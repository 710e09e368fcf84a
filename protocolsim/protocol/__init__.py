"""States, schedule, decision rules, and what can be seen to be wrong with them.

Private: what is public stands in the package root.
"""
