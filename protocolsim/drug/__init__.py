"""Drugs: what a treatment does to a subject, one file each."""
