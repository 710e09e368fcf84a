"""Declared models: from what a file says of a disease or a drug to a component that engines run.

`declared.py` puts a model together; each of its sections has a file of its own. Formulas are read by `scope.py`.
"""
