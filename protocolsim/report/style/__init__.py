"""The house style of every report: numbers as text, figures, text widths, HTML sections, terminal tables."""
