"""Simulation engines, which turn a trial into records: the reference engine (des) and the vectorised one (batch).

Private: what is public stands in the package root.
"""
