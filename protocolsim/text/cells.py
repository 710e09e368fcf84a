"""Escaping for CSV, against formula injection in spreadsheets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def csv_cell(value: object) -> object:
    """What stands in the cell: text that a spreadsheet would compute gets an apostrophe in front; numbers are as is."""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def csv_text(frame: pd.DataFrame) -> str:
    """The table as CSV, lines ending in a line feed; names of columns are text like any other."""
    safe = frame.rename(columns=csv_cell)
    for place, kind in enumerate(safe.dtypes):
        if not _numeric(kind):
            # By place: two columns may have one name.
            safe.isetitem(place, [csv_cell(value) for value in safe.iloc[:, place]])
    return str(safe.to_csv(index=False, lineterminator="\n"))


def _numeric(kind: object) -> bool:
    return getattr(kind, "kind", "O") in "biufcmM"
