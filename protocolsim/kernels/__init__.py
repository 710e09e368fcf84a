"""Numba kernels: their fingerprints, the on-disk cache of machine code, and parallel compilation ahead of need.

Private: what is public stands in the package root.
"""
