"""Escaping of user-written text for each output language (HTML, Markdown, CSV, shell, ...), one file for each.

Private: what is public stands in the package root.
"""
