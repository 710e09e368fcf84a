"""Symbolic execution of a protocol in z3: chart, history and rules as formulas, and the solver's budget."""
