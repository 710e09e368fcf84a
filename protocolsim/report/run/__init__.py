"""The report of one run: figures, their data, findings, page and terminal."""
