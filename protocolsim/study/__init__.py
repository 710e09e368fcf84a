"""Many runs: replicates, estimates, stored results."""
