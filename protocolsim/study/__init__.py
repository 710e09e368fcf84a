"""Many runs: replicates, estimates, stored results.

Private: what is public stands in the package root.
"""
