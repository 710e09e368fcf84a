"""The cohort of a trial: sites, recruitment, randomisation, and limited capacity.

Private: what is public stands in the package root.
"""
