"""Text that people wrote, on its way into another language: one file for each language, and no other way into it.

Private: what is public stands in the package root.
"""
