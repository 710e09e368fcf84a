"""The batch engine: a vectorised simulation of all subjects of many replicates, as columns of NumPy arrays."""
