"""Endpoints: the numbers a trial reports, one file per kind."""
