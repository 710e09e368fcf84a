"""The reference engine: one subject after another on a SimPy calendar, each a state machine of `transitions`."""
