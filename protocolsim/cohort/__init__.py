"""Who is enrolled, when and where, and what is limited there.

Private: what is public stands in the package root.
"""
