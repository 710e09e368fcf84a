"""Every boundary of a design at once, from one pass in which no rule is obeyed."""
