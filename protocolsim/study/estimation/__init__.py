"""Estimation of endpoints from records, with Monte Carlo standard errors."""
