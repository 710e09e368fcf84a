"""Where the chunks of a study are carried out: here, in worker processes, or on a cluster.

Private: what is public stands in the package root.
"""
