"""Frames compared as a reader of results sees them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from protocolsim.records import Records


def same_frame(read: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Read back, a frame has the same columns and values, to the last bit; texts may be categories."""
    assert list(read.columns) == list(frame.columns)
    assert len(read) == len(frame)
    for name in frame:
        if isinstance(frame[name].dtype, pd.CategoricalDtype) or frame[name].dtype.kind not in "fiub":
            mine, theirs = (f[name].astype(object).where(f[name].notna(), None).tolist() for f in (read, frame))
            assert mine == theirs, name
        else:
            pd.testing.assert_series_equal(read[name], frame[name], check_exact=True)


def differences(one: Records, other: Records) -> list[str]:
    """The columns of the first records that are not in the other ones to the last bit (undefined is undefined)."""
    found = []
    for table, columns in one.tables.items():
        for name, column in columns.items():
            theirs = other.tables[table].get(name)
            floats = column.dtype.kind == "f"
            if theirs is None or not np.array_equal(column, theirs, equal_nan=floats):
                found.append(f"{table}.{name}")
    return found
