"""What lessons need: questions that are answered before they are shown, and texts whose numbers are computed."""
