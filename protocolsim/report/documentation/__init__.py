"""The pages of the models and the STRESS-DES checklist."""
