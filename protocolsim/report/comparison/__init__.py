"""Two scenarios beside each other: figures and terminal."""
