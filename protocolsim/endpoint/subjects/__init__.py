"""What endpoints count: the populations of a trial, and what its records hold of each subject."""
