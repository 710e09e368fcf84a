"""What statistics of shares are made of: how many subjects of an arm meet a share's conditions, among how many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import StateNames
from protocolsim.endpoint.criteria.dated import Criteria, of_course
from protocolsim.endpoint.share import Share
from protocolsim.endpoint.subjects.population import Population
from protocolsim.endpoint.subjects.rows import entered
from protocolsim.errors import UsageError
from protocolsim.interim.base import OfCounts, trial_of
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


def counted(
    of: Share, known: Records, populations: Mapping[str, Mask], arm: StateNames, control: StateNames | None = None
) -> list[ArmCounts]:
    """The counts of those who entered the states of an arm, and with a control also of those who entered the control's.

    Who entered states of both counts in neither. Without an arm each is in it who has not entered the control's.
    """
    contributions = of.contributions(known, populations)
    if control is None:
        return [_counts(contributions, known, entered(known, arm) if arm else None)]
    other = entered(known, control)
    one = entered(known, arm) if arm else ~other
    return [_counts(contributions, known, one & ~other), _counts(contributions, known, other & ~one)]


def _counts(contributions: Floats, known: Records, mask: Mask | None) -> ArmCounts:
    trial = trial_of(known)
    if mask is not None:
        contributions, trial = contributions[mask], trial[mask]
    x, n = (np.bincount(trial, weights=c, minlength=known.replicates).astype(np.float64) for c in contributions.T)
    return arm_counts(x, n)


def arm_counts(x: Floats, n: Floats) -> ArmCounts:
    """From whole numbers that are kept as floats."""
    return ArmCounts(np.rint(x).astype(np.int64), np.rint(n).astype(np.int64))


def criteria_of(
    of: Share, declared: Mapping[str, Population], arm: StateNames, control: StateNames | None = None
) -> tuple[Criteria, ...] | None:
    """Of the x and n of each of the same arms, in that order; None where dates do not tell them."""
    found = of.criteria(declared)
    if found is None:
        return None
    arms = [of_course(entered=arm, not_entered=control or ())]
    if control is not None:
        arms.append(of_course(entered=control, not_entered=arm))
    return tuple(c & a for a in arms for c in found)


def control_of(above: float | StateNames) -> StateNames | None:
    """The states of the control's arm, where a share is compared with it; None where it is compared with a number."""
    return above if isinstance(above, tuple) else None


def check_share(name: str, above: float | StateNames) -> None:
    """Raise UsageError where a statistic compares with a number that is no share."""
    if not isinstance(above, tuple) and not 0.0 <= above <= 1.0:
        raise UsageError(f"statistic '{name}': {above:g} is no share; expected 0 to 100 %, or control")


def of_arm_counts(criteria: tuple[Criteria, ...] | None, value: Callable[..., Floats]) -> OfCounts | None:
    """A statistic of the counts of one arm or two, from `criteria_of`; None where dates do not tell them."""
    if criteria is None:
        return None
    return OfCounts(criteria, lambda n, *_: value(*(arm_counts(*n[k : k + 2]) for k in range(0, len(n), 2))))
