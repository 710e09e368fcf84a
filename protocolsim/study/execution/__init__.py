"""A study cut into chunks that any worker can carry out, and their results put in order."""
