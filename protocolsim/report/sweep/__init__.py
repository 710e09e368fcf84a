"""What a sweep over a grid gave: figures, page and terminal."""
