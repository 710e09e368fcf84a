"""Statistics of looks at accumulating data: boundaries, crossing, conditional power, Bayesian probabilities.

Private: what is public stands in the package root. Functions of numbers alone; nothing here knows a scenario.
"""
