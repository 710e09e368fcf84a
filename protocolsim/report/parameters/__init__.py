"""Uncertain parameters: whose the variance of single trials is, and which of them it would help most to know."""
