"""Escaping of user-written text for each output language (HTML, Markdown, CSV, ...), one file for each; numbers out of words.

Private: what is public stands in the package root.
"""
