"""A boundary scaled until the simulated type I error is what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.errors import UsageError
from protocolsim.interim.design import Boundary, Design
from protocolsim.interim.estimates.made import CLAIMS, IGNORING
from protocolsim.study.boundaries.matrix import LookMatrix
from protocolsim.study.boundaries.sets import DECLARED, BoundarySet, futility_boundary, own_set, success_boundary
from protocolsim.study.boundaries.tried import tried

_TRIES, _CLOSE = 80, 1e-7
_DIGITS = 6
_FARTHEST = 64.0


@dataclass(frozen=True)
class Scaled:
    """A boundary times a factor, at which the simulated type I error is as near below the target as it comes.

    `error` is that error with its Monte Carlo standard error `mcse`; `ignoring`: it was found as if no stop for
    futility were obeyed, so that it holds whether they are or not.
    """

    boundary: str
    factor: float
    values: tuple[float, ...]
    target: float
    error: float
    mcse: float
    ignoring: bool
    made: BoundarySet

    def as_json(self) -> dict[str, Any]:
        """Plain values for a file; None for a look without a bound."""
        return {
            "boundary": self.boundary,
            "factor": self.factor,
            "values": [None if np.isnan(v) else v for v in self.values],
            "target": self.target,
            "type_i_error": self.error,
            "type_i_error_mcse": self.mcse,
            "ignoring_futility": self.ignoring,
        }


def scaled(null: LookMatrix, target: float) -> Scaled:
    """Scale the boundary on success so that trials without an effect claim one as often as `target` says, or less.

    Stops for futility are ignored unless the boundary of futility was made to be binding. The factor is found to seven
    digits; bounds are rounded to six decimals away from zero. Raises UsageError where no rule that claims an effect has
    a boundary, where its values are not above 0, or where no factor reaches the target.
    """
    design = null.design
    upper = success_boundary(design)
    if upper is None:
        raise UsageError("no rule that claims an effect compares with a boundary, so that there is none to scale")
    own = np.array(upper.values)
    if not (own[~np.isnan(own)] > 0.0).all() or np.isnan(own).all():
        raise UsageError(f"'{upper.name}' has bounds that are not above 0, which no factor moves one way")
    lower = futility_boundary(design)
    ignoring = lower is not None and not lower.binding
    factor = _factor(null, upper, target, ignoring=ignoring)
    values = _away(own * factor)
    error = _errors(null, upper.name, values[None, :], ignoring=ignoring)[0]
    mcse = float(np.sqrt(error * (1.0 - error) / max(1, null.replicates - 1)))
    futility = "" if lower is None else DECLARED
    made = BoundarySet(f"declared x {factor:.4f}", futility, _with(design, upper, values))
    return Scaled(upper.name, factor, tuple(values.tolist()), target, float(error), mcse, ignoring, made)


def _with(design: Design, upper: Boundary, values: Floats) -> Mapping[str, tuple[float, ...]]:
    return {**own_set(design).values, upper.name: tuple(values.tolist())}


def _away(values: Floats) -> Floats:
    """Rounded up, so that rounding does not let more trials claim an effect."""
    unit = 10.0**_DIGITS
    return np.asarray(np.ceil(values * unit - 1e-9) / unit)


def _errors(null: LookMatrix, name: str, values: Floats, *, ignoring: bool) -> Floats:
    found = tried(null, {name: values}).values
    return found[IGNORING if ignoring and IGNORING in found else CLAIMS]


def _factor(null: LookMatrix, upper: Boundary, target: float, *, ignoring: bool) -> float:
    """The least factor at which the error is not above the target: brackets, then halves them."""
    own = np.array(upper.values)

    def error(factor: float) -> float:
        return float(_errors(null, upper.name, (own * factor)[None, :], ignoring=ignoring)[0])

    low, high = 1.0, 1.0
    while error(high) > target:
        low, high = high, 2.0 * high
        if high > _FARTHEST:
            raise UsageError(f"however far '{upper.name}' is moved, more than {100.0 * target:g} % claim an effect")
    while low == high or error(low) <= target:
        high, low = min(low, high), 0.5 * low
        if low < 1.0 / _FARTHEST:
            raise UsageError(f"however near '{upper.name}' is moved, less than {100.0 * target:g} % claim an effect")
    for _ in range(_TRIES):
        if high - low <= _CLOSE * high:
            break
        middle = 0.5 * (low + high)
        low, high = (middle, high) if error(middle) > target else (low, middle)
    return high
