"""States, schedule, decision rules, and what can be seen to be wrong with them."""
