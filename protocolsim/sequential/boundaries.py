"""Boundaries of a group-sequential design on the scale of Z: for efficacy, and for futility."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.errors import UsageError
from protocolsim.sequential.recursion import Grid, checked, crossing, start
from protocolsim.sequential.shapes.base import BoundaryShape, FixedShape, SpendingShape
from protocolsim.sequential.shapes.catalogue import shape_named

_FARTHEST = 8.2  # from the mean, in standard deviations: what lies beyond is less than 1e-15, and is not spent
_MOST_DRIFT = 64.0

# A shape, or its name, with its parameter (None where it has none).
Chosen = tuple[BoundaryShape | str, float | None]


@dataclass(frozen=True)
class Bounds:
    """A design: bounds [K] on the scale of Z, nan where there is none, and the drift at which it has its power."""

    upper: Floats
    lower: Floats
    drift: float


def rounded(bounds: Floats) -> Floats:
    """Bounds to 6 decimals: then they are data, alike on every processor."""
    return np.asarray(np.round(np.asarray(bounds, dtype=np.float64), 6) + 0.0)


def upper_bounds(
    shape: BoundaryShape | str, parameter: float | None, alpha: float, t: Floats, *, symmetric: bool = False
) -> Floats:
    """Efficacy bounds with one-sided error alpha; futility is ignored.

    Parameters
    ----------
    shape : a boundary shape, or its name.
    parameter : of the shape; None where it has none.
    alpha : one-sided error, between 0 and 1/2.
    t : [K], information fractions, increasing, at most 1; a spending function spends all of alpha where the last is 1.
    symmetric : a two-sided test that stops at the upper bound or at its negative, with error alpha on each side.

    Returns
    -------
    Floats : [K], bounds on the scale of Z, not rounded; nan where a spending function has (almost) nothing to spend.

    Raises
    ------
    UsageError : what is given makes no design, with the reason.
    """
    chosen, value = _chosen(shape, parameter)
    t = _fractions(t)
    _error("alpha", alpha)
    if isinstance(chosen, FixedShape):
        return _solved(chosen, value, alpha, t, symmetric=symmetric)
    planned = _planned(chosen, value, alpha, t)
    bounds, grid, spent = np.full(len(t), np.nan), start(), 0.0
    for k in range(len(t)):
        bound = _upper_at(grid, planned[k] - spent, float(t[k]))
        if not np.isnan(bound):
            bounds[k], spent = bound, planned[k]
            grid = _passed(grid, -bound if symmetric else np.nan, bound, t, k, 0.0)
    return bounds


def futility_bounds(
    shape: BoundaryShape | str, parameter: float | None, beta: float, t: Floats, upper: Floats
) -> tuple[Floats, float]:
    """Non-binding futility bounds, which spend beta under the drift at which the design has power 1 - beta.

    The drift is solved for so that at the last look the futility bound is the efficacy bound. The trial then needs
    (drift / (z_alpha + z_beta))^2 times the information of one without looks. `joint_bounds` also finds binding ones.

    Parameters
    ----------
    shape, parameter : how beta is spent; a spending function, or its name.
    beta : probability to stop for futility, or to miss at the end, at the drift.
    t : [K], information fractions, of which the last is 1.
    upper : [K], efficacy bounds, which stand whether futility is obeyed or not; nan where a look has none.

    Returns
    -------
    (lower, drift) : futility bounds [K] on the scale of Z, not rounded, nan where (almost) nothing is spent; the mean
    of Z at t = 1 for which the power is 1 - beta.

    Raises
    ------
    UsageError : what is given makes no design, with the reason.
    """
    t, upper = checked(_fractions(t), upper)
    if np.isnan(upper[-1]):
        raise UsageError("the last look has no efficacy bound, which the last futility bound would meet")

    def given(_: Grid, k: int) -> float:
        return float(upper[k])

    design = _meeting(_beta(shape, parameter, beta, t), t, given, binding=False)
    return design.lower, design.drift


def joint_bounds(
    efficacy: Chosen, futility: Chosen, alpha: float, beta: float, t: Floats, *, binding: bool = False
) -> Bounds:
    """Efficacy and futility bounds of one design, each a shape with its parameter; alpha is one-sided.

    Non-binding: the efficacy bounds are those of `upper_bounds`, and alpha holds whether futility is obeyed or not.
    Binding: the efficacy bounds are lower, since a trial that stopped for futility cannot reject; alpha holds only
    where futility is obeyed. Binding bounds need a spending function for both. Raises UsageError.
    """
    t = _fractions(t)
    if not binding:
        upper = upper_bounds(*efficacy, alpha, t)
        lower, drift = futility_bounds(*futility, beta, t, upper)
        return Bounds(upper, lower, drift)
    chosen, value = _chosen(*efficacy)
    _error("alpha", alpha)
    steps = np.diff(_planned(chosen, value, alpha, t), prepend=0.0)

    def solved(null: Grid, k: int) -> float:
        return _upper_at(null, float(steps[k]), float(t[k]))

    return _meeting(_beta(*futility, beta, t), t, solved, binding=True)


def _meeting(planned: Floats, t: Floats, upper_at: Callable[[Grid, int], float], *, binding: bool) -> Bounds:
    """The design whose bounds meet at the last look; `planned` is beta spent by look."""
    from scipy.optimize import brentq

    def missing(drift: float) -> float:
        return _under(drift, planned, t, upper_at, binding=binding)[1]

    high = 1.0
    while missing(high) > 0.0:
        high *= 2.0
        if high > _MOST_DRIFT:
            raise UsageError(f"no drift below {_MOST_DRIFT:g} has power {1.0 - planned[-1]:g} with these bounds")
    drift = float(brentq(missing, 0.0, high, xtol=1e-13, rtol=1e-14))
    return _under(drift, planned, t, upper_at, binding=binding)[0]


def _under(
    drift: float, planned: Floats, t: Floats, upper_at: Callable[[Grid, int], float], *, binding: bool
) -> tuple[Bounds, float]:
    """The bounds under a drift, and by how much the error at the last look is larger than beta has left for it."""
    null, alternative, spent = start(), start(), 0.0
    upper, lower = np.full(len(t), np.nan), np.full(len(t), np.nan)
    last = len(t) - 1
    for k in range(last):
        upper[k] = upper_at(null, k)
        lower[k] = _lower_at(alternative, planned[k] - spent, float(t[k]), drift)
        if lower[k] >= upper[k]:  # the bounds have met already: the drift is too large
            return Bounds(upper, lower, drift), -1.0
        if not np.isnan(lower[k]):
            spent = float(planned[k])
        null = _passed(null, lower[k] if binding else np.nan, upper[k], t, k, 0.0)
        alternative = _passed(alternative, lower[k], upper[k], t, k, drift)
    upper[last] = lower[last] = upper_at(null, last)
    missed = alternative.below(upper[last], float(t[last]), drift)[0]
    return Bounds(upper, lower, drift), missed - float(planned[last] - spent)


def _passed(grid: Grid, lower: float, upper: float, t: Floats, k: int, drift: float) -> Grid:
    """Those who go on past look k, where nan is no bound."""
    if k + 1 == len(t) or np.isnan([lower, upper]).all():
        return grid
    low, high = (-np.inf if np.isnan(lower) else lower), (np.inf if np.isnan(upper) else upper)
    return grid.passed(float(low), float(high), float(t[k]), drift, float(t[k + 1]))


def _upper_at(grid: Grid, error: float, t: float) -> float:
    """The bound that is crossed upwards with this probability under no drift; nan where that is hardly any."""
    from scipy.optimize import brentq

    if grid.above(_FARTHEST, t, 0.0)[0] >= error:
        return np.nan
    if grid.above(-_FARTHEST, t, 0.0)[0] <= error:
        raise UsageError(f"fewer trials reach the look at {t:g} than are to stop there")
    return float(brentq(lambda z: grid.above(z, t, 0.0)[0] - error, -_FARTHEST, _FARTHEST, xtol=1e-12, rtol=1e-14))


def _lower_at(grid: Grid, error: float, t: float, drift: float) -> float:
    """The bound that is crossed downwards with this probability; nan: hardly any; inf: fewer than that get here."""
    from scipy.optimize import brentq

    mean = drift * float(np.sqrt(t))
    low, high = mean - _FARTHEST, mean + _FARTHEST
    if grid.below(low, t, drift)[0] >= error:
        return np.nan
    if grid.below(high, t, drift)[0] <= error:
        return np.inf
    return float(brentq(lambda z: grid.below(z, t, drift)[0] - error, low, high, xtol=1e-12, rtol=1e-14))


def _solved(shape: FixedShape, parameter: float, alpha: float, t: Floats, *, symmetric: bool) -> Floats:
    """The bounds of a fixed shape, with the constant for which the error is alpha."""
    from scipy.optimize import brentq

    of_last = t / t[-1]
    none = np.full(len(t), np.nan)

    def excess(constant: float) -> float:
        bounds = shape.bounds(constant, of_last, parameter)
        return float(np.sum(crossing(t, -bounds if symmetric else none, bounds, 0.0).above)) - alpha

    high = 1.0
    while excess(high) > 0.0:
        high *= 2.0
        if high > 2.0 * _FARTHEST:
            raise UsageError(f"'{shape.kind}': the looks before the last spend more than alpha, {alpha:g}")
    return shape.bounds(float(brentq(excess, 0.0, high, xtol=1e-12, rtol=1e-14)), of_last, parameter)


def _beta(shape: BoundaryShape | str, parameter: float | None, beta: float, t: Floats) -> Floats:
    """Beta spent by look; all of it by the last."""
    chosen, value = _chosen(shape, parameter)
    _error("beta", beta)
    if abs(float(t[-1]) - 1.0) > 1e-9:
        raise UsageError(f"the last information fraction is {t[-1]:g}; bounds can only meet at 1")
    return _planned(chosen, value, beta, t)


def _planned(shape: BoundaryShape, parameter: float, error: float, t: Floats) -> Floats:
    """Error spent by look. Raises UsageError where the shape is no spending function."""
    if not isinstance(shape, SpendingShape):
        raise UsageError(f"'{shape.kind}' is no spending function, which is needed here")
    return shape.spent(error, t, parameter)


def _chosen(shape: BoundaryShape | str, parameter: float | None) -> tuple[BoundaryShape, float]:
    found = shape_named(shape) if isinstance(shape, str) else shape
    return found, found.checked(parameter)


def _fractions(t: Floats) -> Floats:
    (fractions,) = checked(t)
    if fractions[-1] > 1.0 + 1e-9:
        raise UsageError(f"the last information fraction is {fractions[-1]:g}; expected at most 1")
    return np.minimum(fractions, 1.0)


def _error(name: str, value: float) -> None:
    if not 0.0 < value < 0.5:
        raise UsageError(f"{name} is {value:g}; expected a number between 0 and 0.5")
