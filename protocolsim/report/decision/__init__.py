"""What a decision rule is worth at every threshold: figures, tables, page and terminal."""
