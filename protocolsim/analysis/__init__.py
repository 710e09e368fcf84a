"""Analyses: the tests a trial ends in, one file per kind."""
