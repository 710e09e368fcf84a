"""What statistics of shares are made of: how many subjects of an arm meet a share's conditions, among how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import entered
from protocolsim.endpoint.share import Share
from protocolsim.interim.base import trial_of
from protocolsim.records import Records


@dataclass(frozen=True)
class ArmCounts:
    """Of each replicate: how many subjects meet the conditions (x), and how many are counted (n), [replicates]."""

    x: Integers
    n: Integers

    @property
    def anybody(self) -> Mask:
        """Where somebody is counted."""
        return self.n > 0


def counted(of: Share, known: Records, populations: Mapping[str, Mask], arm: tuple[str, ...]) -> ArmCounts:
    """The counts of those who entered the states of an arm; of everybody in the share's population without one."""
    contributions = of.contributions(known, populations)
    return _counts(contributions, known, entered(known, arm) if arm else None)


def both_counted(
    of: Share, known: Records, populations: Mapping[str, Mask], arm: tuple[str, ...], control: tuple[str, ...]
) -> tuple[ArmCounts, ArmCounts]:
    """The counts of an arm and of the control; who entered states of both counts in neither.

    Without an arm, everybody who has not entered the control's states is in it.
    """
    contributions = of.contributions(known, populations)
    other = entered(known, control)
    one = entered(known, arm) if arm else ~other
    return _counts(contributions, known, one & ~other), _counts(contributions, known, other & ~one)


def _counts(contributions: Floats, known: Records, mask: Mask | None) -> ArmCounts:
    trial = trial_of(known)
    if mask is not None:
        contributions, trial = contributions[mask], trial[mask]
    x, n = (np.bincount(trial, weights=c, minlength=known.replicates) for c in contributions.T)
    return ArmCounts(np.rint(x).astype(np.int64), np.rint(n).astype(np.int64))
