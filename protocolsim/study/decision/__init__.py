"""What a decision rule is worth: both ways of each decision, thresholds, regret, potential outcomes."""
