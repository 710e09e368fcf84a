"""What lessons need: questions that are answered before they are shown, and texts whose numbers are computed.

Private: what is public stands in the package root.
"""
