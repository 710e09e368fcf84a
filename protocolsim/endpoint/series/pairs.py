"""Pairs of visits that follow each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import StateNames
from protocolsim.endpoint.subjects.rows import codes, in_states
from protocolsim.records import MADE, Records


@dataclass(frozen=True)
class Pairs:
    """Two visits of one subject, one after the other: the subject's row in `subjects`, and the values at both."""

    row: Integers
    first: Floats
    second: Floats


def successive(records: Records, variable: str, during: StateNames) -> Pairs:
    """Every pair of successive planned visits of a variable at which it was seen both times, in the named states.

    No states: any. A visit that was missed, or showed nothing of the variable, is in no pair, and none bridges it.
    """
    table = records["observations"]
    planned = np.flatnonzero(table["variable"] == codes([variable], records.labels.variables, "variable")[0])
    row = records.subject_rows("observations")[planned]
    value = table["value"][planned]
    seen: Mask = (table["status"][planned] == MADE) & ~np.isnan(value)
    if during:
        seen &= in_states(table["state"][planned], records.labels, during)
    both = np.flatnonzero(seen[1:] & seen[:-1] & (row[1:] == row[:-1]))
    return Pairs(row[both], value[both], value[both + 1])
