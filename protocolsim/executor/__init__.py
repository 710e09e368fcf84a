"""Executors of the chunks of a study: this process, worker processes, or a Dask cluster.

Private: what is public stands in the package root.
"""
