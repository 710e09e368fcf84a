"""The public API: the verbs of the command line as functions, and what they return.

Everything here is exported by the package root, and nothing else of the package is public. It adds to the inner rooms
the forms in which a scenario may be given, figures by name and HTML for notebooks; what a number is, they say.
"""
