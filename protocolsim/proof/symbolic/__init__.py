"""A patient as symbols: the chart, the history and the rules as formulas of z3, and the budget of asking it."""
