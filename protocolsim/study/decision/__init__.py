"""What a decision rule is worth: both branches of each decision, thresholds, regret, potential outcomes."""
