"""The validation suite: many published results beside simulated trials, their scores, and each predicted by the others.

Private: what is public stands in the package root.
"""
