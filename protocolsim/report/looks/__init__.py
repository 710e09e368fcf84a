"""Looks at the accumulating data: one trial's looks as a story, and the figures and tables of many."""
