"""Verification of a scenario's bounds on every path: proven, violated by a path, or undecided."""

from __future__ import annotations

from collections.abc import Iterator

from protocolsim.proof.base import Case, Finding
from protocolsim.proof.paths import PlannedDose, Route, Routes
from protocolsim.proof.text import weeks
from protocolsim.protocol.rules import TOLERANCE
from protocolsim.protocol.states import Bound


def bounds(case: Case, routes: Routes) -> Iterator[Finding]:
    """A fault for each bound that a path breaks, a warning for each that could not be proven."""
    for bound in case.protocol.always:
        yield from _bound(case, routes, bound)


def largest(case: Case, routes: Routes, bound: Bound, *, least: bool = False) -> tuple[float, Route | None]:
    """The maximum of the bounded number over the paths, and a path that attains it.

    least: of what it comes to at least, where doses depend on the patient.
    """
    most, where = 0.0, None
    for route in routes.found:
        value = measured(case, bound, route, least=least)
        if value is not None and (where is None or value > most):
            most, where = value, route
    return most, where


def measured(case: Case, bound: Bound, route: Route, *, least: bool = False) -> float | None:
    """The bounded number on one path, at most, or at least; None where it does not arise."""
    if bound.measure == "time":
        if bound.since is None:
            since = route.enrolled
        else:
            since = next((m for n, m in _entries(route) if n == bound.since), None)
        return None if since is None else float(route.ends - since)
    doses = [d for d in route.doses if d.drug == bound.drug]
    if bound.in_any is None:
        return _amount(bound, doses, least=least)
    # A visit may be late, and so come nearer to the next.
    width = bound.in_any + case.late
    near = ([e for e in doses if 0 <= e.minute - d.minute < width] for d in doses)
    return max((_amount(bound, some, least=least) for some in near), default=0.0)


def _entries(route: Route) -> Iterator[tuple[int, int]]:
    """The states entered, each with its minute, the last first."""
    yield from zip(reversed(route.states), reversed(route.minutes), strict=True)


def _amount(bound: Bound, doses: list[PlannedDose], *, least: bool) -> float:
    if bound.measure == "doses":
        return float(len(doses))
    total = 0.0
    for dose in doses:
        total += dose.least if least else dose.amount
    return total


def _bound(case: Case, routes: Routes, bound: Bound) -> Iterator[Finding]:
    most, where = largest(case, routes, bound, least=True)
    possible, _ = largest(case, routes, bound)
    path = ("protocol", "always", bound.name)
    what = said(case, bound)
    if where is not None and most - bound.at_most > TOLERANCE:
        way = through(case, where)
        slack = " (where a visit may be late)" if case.late and bound.in_any is not None else ""
        message = f"a patient who goes {way} has {_shown(case, bound, most)}{slack}, more than the bound: {what}"
        yield Finding(
            "bound broken", "fault", path, message, {bound.name: most}, possible=bool(slack) or where.possible
        )
    elif not routes.whole:
        message = f"not proven: {routes.why}; on those that were followed it holds ({what})"
        yield Finding("not proven", "warning", path, message)
    elif possible - bound.at_most > TOLERANCE:
        at_worst = _shown(case, bound, possible) if possible < float("inf") else "any number"
        could = f"by their ranges it could be {at_worst}"
        yield Finding("not proven", "warning", path, f"not proven: doses depend on what is seen; {could} ({what})")
    elif bound.measure == "time" and case.late:
        message = f"not proven: where visits wait for each other, a state's end waits too ({what}; planned: "
        yield Finding("not proven", "warning", path, f"{message}{_shown(case, bound, most)})")


def through(case: Case, route: Route) -> str:
    """A path by its states."""
    return " -> ".join(case.protocol.states[n].name for n in route.states)


def said(case: Case, bound: Bound) -> str:
    """A bound in words."""
    if bound.measure == "time":
        since = "enrolment" if bound.since is None else f"the entry of '{case.protocol.states[bound.since].name}'"
        return f"at most {weeks(bound.at_most)} since {since}"
    interval = "" if bound.in_any is None else f" in any {weeks(bound.in_any)}"
    return f"at most {_shown(case, bound, bound.at_most)} of {case.drugs[bound.drug]}{interval}"


def _shown(case: Case, bound: Bound, value: float) -> str:
    if bound.measure == "time":
        return weeks(value)
    if bound.measure == "total dose":
        return f"{value:.6g} {case.protocol.dose_units[bound.drug] or ''}".rstrip()
    return f"{value:.6g} dose" + ("" if value == 1 else "s")
