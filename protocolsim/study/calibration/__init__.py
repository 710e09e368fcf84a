"""Calibration: parameters fitted to published results by approximate Bayesian computation (ABC)."""
