"""How much an endpoint varies because other patients would have been enrolled: from the patients of each trial itself.

The delete-one jackknife over the patients of one trial (Efron and Stein 1981): each is left out in turn, and the spread
of the values is the variance that independent patients give. What varies in a trial as a whole (looks that stop it,
patients who wait for each other, parameters drawn for it) is not in it, so that it tells the two apart. It is honest
for what is a smooth function of sums; of medians it is not, and of what only says yes or no there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, Reported
from protocolsim.records import Records

_PREFIX = "patients."  # no endpoint's name has a dot


@dataclass(frozen=True, kw_only=True)
class PatientVariance(Reported):
    """The jackknife variance of an endpoint in each trial, over its patients; nan where it cannot be had."""

    of: Endpoint

    @property
    def unit(self) -> str:
        """The square of the endpoint's; it is shown nowhere."""
        return ""

    @property
    def counting(self) -> str:
        """What it is."""
        return f"the variance of '{self.of.name}' that the patients of one trial give"

    def value(self, sums: Floats) -> Floats:
        """The variance itself."""
        return sums[..., 0]

    def sums(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """The variance in each trial, [replicates, 1]; nan where a trial comes in parts, or has fewer than two."""
        trials = records.replicates
        if not records.whole:
            return np.full((trials, 1), np.nan)
        own = self.of.contributions(records, populations)
        trial = records["subjects"]["replicate"] - records.first_replicate
        counted = (own != 0.0).any(axis=1) & ~np.isnan(own).any(axis=1)
        own, trial = own[counted], trial[counted]
        whole = self.of.added(own, trial, trials)
        left_out = self.of.value(whole[trial] - own)
        size = np.bincount(trial, minlength=trials).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(trial, weights=left_out, minlength=trials) / size
            centred = left_out - mean[trial]
            spread = np.bincount(trial, weights=centred * centred, minlength=trials)
            variance = np.where(size > 1.0, (size - 1.0) / size * spread, np.nan)
        return variance[:, np.newaxis]


def patient_variances(reported: Mapping[str, Reported]) -> dict[str, Reported]:
    """The patients' variance of every endpoint of which it can be had, by a name that no endpoint has."""
    return {name_of(name): PatientVariance(name=name_of(name), label=one.label, of=one)
            for name, one in reported.items() if isinstance(one, Endpoint) and why_not(one) == ""}  # fmt: skip


def name_of(endpoint: str) -> str:
    """The name under which the variance of an endpoint is kept."""
    return f"{_PREFIX}{endpoint}"


def why_not(reported: Reported) -> str:
    """Why the patients' variance of an endpoint cannot be told from the trial's; "" where it can."""
    if not isinstance(reported, Endpoint):
        return "it is of the trial and not of its patients"
    if reported.decides:
        return "a trial only says yes or no"
    if reported.ranks:
        return "a median is no smooth function of its patients"
    return ""
