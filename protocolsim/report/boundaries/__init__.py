"""Every boundary of a design: figure, page and terminal."""
