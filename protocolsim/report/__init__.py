"""Tables, figures and pages: the only room that draws.

Private: what is public stands in the package root.
"""
