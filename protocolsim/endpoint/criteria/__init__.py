"""What endpoints and populations ask of a course, as criteria that are met from one date until another.

Private: what is public stands in the package root.
"""
