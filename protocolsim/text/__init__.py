"""Escaping of user-written text for each output language (HTML, CSV, shell, ...), one file for each; numbers in words.

Private: what is public stands in the package root.
"""
