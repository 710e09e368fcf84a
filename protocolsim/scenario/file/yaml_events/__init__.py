"""A text of YAML as a row of events: quickly where that is certain, and carefully, with what is wrong, elsewhere.

Private: what is public stands in the package root.
"""
