"""The opening and the guided story of a scenario: what they say and show, for the page and as one file."""
