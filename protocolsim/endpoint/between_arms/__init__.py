"""What a contrast between two arms rests on: confidence intervals from sums, and how they do over many trials."""
