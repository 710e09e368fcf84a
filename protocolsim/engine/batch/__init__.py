"""The fast engine: all subjects of many replicates at once, in columns."""
