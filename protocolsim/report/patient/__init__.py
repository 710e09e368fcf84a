"""The story of one patient: its steps in words, figures, page and terminal."""
