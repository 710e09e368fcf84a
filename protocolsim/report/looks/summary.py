"""The looks of a run in numbers: by look and reason, and over all trials; terminal and page say it this way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from protocolsim.interim.estimates.made import (
    CLAIMS,
    DECISION,
    DURATION,
    ENROLLED,
    FLIPPED,
    IGNORING,
    LOOKS,
    PIPELINE,
    SCREENED,
    bias_name,
    ending_name,
    estimated,
)
from protocolsim.report.looks.frames import endings_of
from protocolsim.report.looks.wording import spoken
from protocolsim.report.style import numbers
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.result import Result

ANY = "any look"
OVER_ALL_MEANS = (
    "Shares are of all trials: of those that end at each look, and of those that hold it. Information is the share of "
    "the planned maximum, as planned and, where it differs, as found on average."
)


@dataclass(frozen=True)
class EndingsOfLook:
    """One look of all trials: its information, the share of trials that hold it, and that end at it by reason.

    `endings` are in the order of `reasons`, "" where a reason cannot end a trial at this look.
    """

    name: str
    information: str
    held: str
    endings: tuple[str, ...]


@dataclass(frozen=True)
class LooksSummary:
    """The looks of a run. `reasons` are the headings of the endings; `over_all` are estimates of all trials."""

    reasons: tuple[str, ...]
    rows: tuple[EndingsOfLook, ...]
    over_all: tuple[Estimate, ...]


def summary_of(result: Result) -> LooksSummary | None:
    """What a run says of its looks; None where none are declared."""
    design = result.scenario.interim
    if design is None:
        return None
    told, rows = result.estimates, []
    for look in design.looks:
        here = [told.get(ending_name(reason, look.name)) for reason in design.conclusions]
        row = (spoken(look.name), _information(result, look.name), _held(result, look.name), _shares(here))
        rows.append(EndingsOfLook(*row))
    every = [told.get(ending_name(reason)) for reason in design.conclusions]
    rows.append(EndingsOfLook(ANY, "", "", _shares(every)))
    names = (
        *(CLAIMS, IGNORING, ENROLLED, SCREENED, LOOKS, DECISION, DURATION, PIPELINE, FLIPPED),
        *(bias_name(name) for name in estimated(design)),
    )
    return LooksSummary(endings_of(design)[:-1], tuple(rows), tuple(told[name] for name in names if name in told))


def _shares(estimates: Sequence[Estimate | None]) -> tuple[str, ...]:
    return tuple("" if e is None else numbers.simulated(e) for e in estimates)


def _held(result: Result, look: str) -> str:
    """The share of trials that hold a look: in the others it found no information."""
    found = result.estimates[f"information[{look}][found]"]
    return f"{numbers.plain(100.0 * (1.0 - found.n_undefined / found.n_replicates))} %"


def _information(result: Result, look: str) -> str:
    """As planned, and as found where that differs in whole per cent; "" where there is neither."""
    said = []
    for name in (f"information[{look}][planned]", f"information[{look}][found]"):
        estimate = result.estimates.get(name)
        if estimate is not None and not math.isnan(estimate.value):
            said.append(f"{numbers.plain(round(100.0 * estimate.value, 1))} %")
    return said[0] if len(set(said)) == 1 else f"{said[0]} (found {said[1]})" if said else ""
