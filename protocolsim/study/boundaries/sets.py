"""Boundaries to try: the design's own, families that spend the same error, and futility from none upwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.errors import UsageError, unknown
from protocolsim.interim.design import Boundary, Design
from protocolsim.protocol.rules import names_in, parse
from protocolsim.sequential.boundaries import rounded, upper_bounds
from protocolsim.sequential.recursion import crossing

DECLARED = "as declared"
NO_FUTILITY = "none"
GIVEN = "given"
_DELTAS = tuple(np.round(np.linspace(0.0, 0.5, 11), 2).tolist())
_SPENDING: tuple[tuple[str, float | None], ...] = (
    ("obrien_fleming", None), ("pocock", None),
    *(("hwang_shih_decani", g) for g in (-8.0, -4.0, -2.0, 0.0, 1.0)),
    *(("power", p) for p in (1.5, 2.0, 3.0)),
)  # fmt: skip
_CONSTANTS = (-0.5, 0.0, 0.5, 1.0)
_SHIFTS = (-0.5, -0.25, 0.25, 0.5)


@dataclass(frozen=True)
class BoundarySet:
    """Bounds at each look for some of a design's boundaries; the others stand as declared.

    `family` says what the bound on success is, `futility` what the bound on futility is ("" where there is none).
    """

    family: str
    futility: str
    values: Mapping[str, tuple[float, ...]]


def own_set(design: Design) -> BoundarySet:
    """The design's own boundaries."""
    lower = futility_boundary(design)
    return BoundarySet(DECLARED, "" if lower is None else DECLARED, {b.name: b.values for b in design.boundaries})


def usual_sets(design: Design) -> tuple[BoundarySet, ...]:
    """The design's own boundaries first, then families at the same error, each with every bound of futility.

    Families are of a boundary that spends an error, on looks that plan an information fraction: those of Wang and
    Tsiatis, and spending functions. Without such a boundary only futility is varied.
    """
    own = own_set(design)
    upper, lower = success_boundary(design), futility_boundary(design)
    families = [(DECLARED, {}), *(() if upper is None else _families(design, upper))]
    below = [("", {})] if lower is None else list(_futilities(lower))
    made = [BoundarySet(f, g, {**own.values, **up, **down}) for f, up in families for g, down in below]
    first = next(k for k, one in enumerate(made) if one.family == DECLARED and one.futility == own.futility)
    return (made[first], *made[:first], *made[first + 1 :])


def as_bounds(design: Design, sets: Sequence[BoundarySet]) -> dict[str, Floats]:
    """The bounds of all sets, [sets, looks] by boundary. Raises UsageError for another name or number of bounds."""
    declared = {b.name: b.values for b in design.boundaries}
    for one in sets:
        for name, values in one.values.items():
            if name not in declared:
                raise UsageError(unknown("boundary", name, declared))
            if len(values) != len(design.looks):
                raise UsageError(f"'{name}': {len(values)} bounds stand here, and there are {len(design.looks)} looks")
    return {
        name: np.array([one.values.get(name, own) for one in sets], dtype=np.float64) for name, own in declared.items()
    }


GivenBounds = Mapping[str, Sequence[float | None]]
"""Bounds as a user gives them, by boundary; None for a look without one."""


def given_set(design: Design, values: GivenBounds) -> BoundarySet:
    """Bounds that a user gives, by boundary: one for each look or for each but the last; None for a look without one.

    Raises UsageError for a name or a number of bounds that does not fit.
    """
    looks = len(design.looks)
    made = {}
    for name, given in values.items():
        numbers = tuple(float("nan") if v is None else float(v) for v in given)
        made[name] = (*numbers, float("nan")) if len(numbers) == looks - 1 else numbers
    result = BoundarySet(GIVEN, "" if futility_boundary(design) is None else GIVEN, {**own_set(design).values, **made})
    as_bounds(design, [result])
    return result


def success_boundary(design: Design) -> Boundary | None:
    """The boundary that a rule which claims an effect compares with; None where none does."""
    return _read_by(design, design.success)


def futility_boundary(design: Design) -> Boundary | None:
    """The boundary that a stop for futility compares with; None where none does."""
    return _read_by(design, design.futility)


def error_of(design: Design, boundary: Boundary) -> float | None:
    """The one-sided error that a boundary spends: as declared, or of given values by the joint distribution of Z.

    None where the looks plan no information fractions, or its values are no bounds of Z that could be.
    """
    if not np.isnan(boundary.spends):
        return boundary.spends
    fractions = planned(design)
    values = np.array(boundary.values)
    if fractions is None or np.isnan(values[-1]) or not (values[~np.isnan(values)] > 0.0).all():
        return None
    error = float(np.sum(crossing(fractions, np.full(len(values), np.nan), values, 0.0).above))
    return error if 0.0 < error < 0.5 else None


def planned(design: Design) -> Floats | None:
    """The information fractions of the looks; None where some look plans none, or they do not grow to 1."""
    fractions = np.array([look.planned for look in design.looks])
    sound = not np.isnan(fractions).any() and (np.diff(fractions) > 0.0).all() and fractions[0] > 0.0
    return fractions if sound and abs(fractions[-1] - 1.0) < 1e-9 else None


def _read_by(design: Design, reasons: Iterable[str]) -> Boundary | None:
    named = {b.name: b for b in design.boundaries}
    for rule in (r for r in design.rules if r.reason in set(reasons) and r.rule is not None):
        assert rule.rule is not None
        for name in names_in(parse(rule.rule.words)):
            if name in named:
                return named[name]
    return None


def _families(design: Design, upper: Boundary) -> Iterator[tuple[str, dict[str, tuple[float, ...]]]]:
    fractions, error = planned(design), error_of(design, upper)
    if fractions is None or error is None or not _of_z(design, upper):
        return
    for shape, parameter in (*(("wang_tsiatis", d) for d in _DELTAS), *_SPENDING):
        bounds = rounded(upper_bounds(shape, parameter, error, fractions))
        words = shape if parameter is None else f"{shape}({parameter:g})"
        yield words, {upper.name: tuple(bounds.tolist())}


def _of_z(design: Design, boundary: Boundary) -> bool:
    """Whether what compares with a boundary is on the scale of Z."""
    if not np.isnan(boundary.spends):
        return True
    scores = {s.name for s in design.statistics if s.key == "z of"}
    read = [names_in(parse(r.rule.words)) for r in design.rules if r.rule is not None]
    return all(scores.intersection(names) for names in read if boundary.name in names)


def _futilities(lower: Boundary) -> Iterator[tuple[str, dict[str, tuple[float, ...]]]]:
    """None; the same at every look that has a bound; the design's own, and moved."""
    own = np.array(lower.values)
    yield NO_FUTILITY, {lower.name: tuple([float("nan")] * len(own))}
    for constant in _CONSTANTS:
        yield f"{constant:g} at each look", {lower.name: tuple(np.where(np.isnan(own), np.nan, constant).tolist())}
    yield DECLARED, {}
    for shift in _SHIFTS:
        moved = tuple(np.round(own + shift, 6).tolist())
        yield f"declared {'+' if shift > 0 else '-'} {abs(shift):g}", {lower.name: moved}
