"""Observations that were made and have no value, where the model does not say that one may be missing.

What a model computes may be undefined for some patient: a division by zero, the logarithm of what is not above it. To
every endpoint such an observation is one that shows nothing, so that somebody has to say how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Reported
from protocolsim.engine.base import Trial
from protocolsim.records import MADE, Records

NAME = "observations.undefined"  # no endpoint's name has a dot


@dataclass(frozen=True, kw_only=True)
class UndefinedValues(Reported):
    """How many observations of each variable have no value, in the order of `variables`, which are their codes."""

    variables: tuple[int, ...]

    @property
    def unit(self) -> str:
        """Observations; of several variables there is no one number."""
        return ""

    @property
    def counting(self) -> str:
        """What it is."""
        return "observations that were made and have no value"

    def value(self, sums: Floats) -> Floats:
        """Those of all variables."""
        return np.asarray(sums.sum(axis=-1))

    def sums(self, records: Records, populations: Mapping[str, Mask]) -> Floats:  # noqa: ARG002 - of everybody
        """By replicate and variable."""
        table = records["observations"]
        rows = np.flatnonzero(np.isnan(table["value"]) & (table["status"] == MADE))
        found = np.zeros((records.replicates, len(records.labels.variables)))
        np.add.at(found, (table["replicate"][rows] - records.first_replicate, table["variable"][rows]), 1.0)
        return found[:, list(self.variables)]


def undefined_values(trial: Trial) -> dict[str, Reported]:
    """What counts them in a trial; nothing where each variable may be missing by itself."""
    never_missing = {v.name for planned in trial.assessments for v in planned.assessment.variables if not v.missing}
    codes = tuple(k for k, name in enumerate(trial.labels.variables) if name in never_missing)
    if not codes:
        return {}
    return {NAME: UndefinedValues(name=NAME, label="observations without a value", variables=codes)}


def undefined_by_variable(trial: Trial, sums: Mapping[str, Floats]) -> dict[str, int]:
    """How many there were of each variable that has any, by its name, from the sums of a run."""
    counted = undefined_values(trial).get(NAME)
    if not isinstance(counted, UndefinedValues) or NAME not in sums:
        return {}
    number = sums[NAME].sum(axis=0).tolist()
    return {trial.labels.variables[k]: int(n) for k, n in zip(counted.variables, number, strict=True) if n}
