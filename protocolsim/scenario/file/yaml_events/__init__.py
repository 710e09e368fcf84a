"""A text of YAML as a row of events: the plain part that scenarios are written in, and all the rest.

Private: what is public stands in the package root.
"""
