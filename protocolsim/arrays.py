"""The kinds of column that kernels read and write, under one name each for the whole package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

LEAST_EXTENT = 2
"""The least rows and columns of a table that kernels read, used or not.

NumPy calls a table of one row or one column C-contiguous, however it was laid out, and every kernel would be compiled
anew for it. So both engines, and trials with one cause of events, run the same machine code.
"""
