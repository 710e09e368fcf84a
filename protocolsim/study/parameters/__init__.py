"""Uncertain parameters: which are drawn for each pair of trials, and how much of the variance they make."""
