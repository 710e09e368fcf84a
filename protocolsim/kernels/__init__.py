"""Numba kernels: their fingerprints, the on-disk cache of machine code, and parallel compilation ahead of need.

Beside them the methods of dataclasses, which Python compiles in each process anew.

Private: what is public stands in the package root.
"""
