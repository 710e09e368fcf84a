"""Parameters fitted to published results by approximate Bayesian computation."""
