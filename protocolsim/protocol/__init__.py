"""The protocol: states, visit schedule, transitions, decision rules, and structural checks of them.

Private: what is public stands in the package root.
"""
