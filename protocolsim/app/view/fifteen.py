"""One trial: as it would have been seen, beside what was published; and trial after trial, until they make a pile."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from htmltools import Tag, TagList, tags

from protocolsim.app.figure import figure
from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState, scenario_of
from protocolsim.app.table import Row, estimates_table
from protocolsim.app.view.base import Part, View
from protocolsim.app.work.material import Progress, replicates_of, result_of
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.report.run import figures
from protocolsim.report.run.arms import arms_of
from protocolsim.report.run.flow import flow, paths
from protocolsim.report.run.outcomes import outcomes_by_arm
from protocolsim.report.run.swimmers import swimmers
from protocolsim.report.style import numbers
from protocolsim.study.estimation.estimate import estimate
from protocolsim.study.result import Result

_WORDS = (
    "", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve", "Thirteen",
    "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen", "Twenty",
)  # fmt: skip


@dataclass(frozen=True)
class TrialFacts:
    """One trial's own results beside those of all, and which of how many it is.

    `paths`: the way of its patients through the states, as the page draws the one who is chosen.
    """

    rows: tuple[Row, ...]
    draw: int
    draws: int
    paths: dict[str, Any]


class TrialPart(Part):
    """One trial of those simulated."""

    name: ClassVar[str] = "trial"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up, and which draw."""
        return replace(state, patient=None, view="", walk="", other=(), beside="", measure="")

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """The trial of the draw, and all of them."""
        number = looked_at(scenario_of(state), replicates_of(state))
        result = result_of(state, Progress(tell, number))
        draw = state.draw % number
        rows = tuple(
            Row(estimate(endpoint, result.sums[name][draw : draw + 1]), result.estimates[name])
            for name, endpoint in result.scenario.endpoints.items()
        )
        return Made({"swimmers": lambda: swimmers(result, draw)}, TrialFacts(rows, draw, number, paths(result, draw)))

    def ahead(self, answer: Answer, state: VisitorState) -> tuple[VisitorState, ...]:
        """The next trial."""
        facts: TrialFacts = answer.facts
        return (replace(state, draw=facts.draw + 1),) if facts.draw + 1 < facts.draws else ()

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The lanes, then the numbers."""
        facts: TrialFacts = answer.facts
        columns = ("this trial", f"all {facts.draws:,} trials")
        return TagList(
            tags.h2(f"Trial {facts.draw}, of {numbers.count(facts.draws, 'simulated trial')} numbered from 0"),
            tags.div(
                figure(("fifteen", self.name), "swimmers", answer, state),
                tags.details(
                    tags.summary("This trial's results, those of all trials, and the published ones"),
                    estimates_table(facts.rows, columns, spread=True),
                    tags.p(numbers.RANGE_MEANS, class_="note"),
                    open="",
                ),
                class_="pictures",
            ),
            tags.template(id="paths", data_paths=json.dumps(facts.paths)),
        )


class PilePart(Part):
    """What each endpoint was in every trial: the script lays them down one by one (static/pile.js)."""

    name: ClassVar[str] = "pile"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up: which trials have been drawn the page itself remembers."""
        return state.simulated

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """Every trial's value of every endpoint that single trials have."""
        number = looked_at(scenario_of(state), replicates_of(state))
        result = result_of(state, Progress(tell, number))
        charts = {"published": lambda: figures.simulated_against_published(result)}
        return Made(charts, (tuple(_piles(result)), numbers.verdict(result)))

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The piles, empty at first, and where the published trial lies among all."""
        piles, verdict = answer.facts
        return TagList(
            tags.h2("Trial after trial"),
            tags.p(
                "Every dot is one simulated trial; the dark one is the trial shown above, the line is the published "
                "value. Draw some more before believing any one of them. A dot opens its trial.",
                class_="note",
            ),
            tags.p(
                _button("New trial", "draw", 1, "primary"), " ",
                tags.button("A hundred trials", type="button", class_="btn btn-outline-primary", data_pile="100"), " ",
                tags.button("Start again", type="button", class_="btn btn-outline-secondary", data_pile="0"),
            ),
            tags.div(id="piles", data_piles=json.dumps(piles), class_="piles"),
            figure(("fifteen", self.name), "published", answer, state),
            tags.p(verdict, class_="note"),
        )  # fmt: skip


def _piles(result: Result) -> list[dict[str, Any]]:
    """Name, label, unit, published value and the value of each trial, None where it has none."""
    piles = []
    for name, endpoint in result.scenario.endpoints.items():
        shared = result.estimates[name]
        if shared.decides or shared.over_trials:
            continue
        values = np.asarray(endpoint.value(endpoint.completed(result.sums[name])), dtype=np.float64)
        if not np.isfinite(values).any() or np.nanmin(values) == np.nanmax(values):
            continue
        piles.append(
            {
                "name": name,
                "label": shared.label,
                "unit": shared.unit,
                "published": None if shared.published is None else numbers.scaled(shared.published.value, shared.unit),
                "values": [
                    float(f"{numbers.scaled(float(v), shared.unit):.6g}") if np.isfinite(v) else None for v in values
                ],
            }
        )
    return piles


class FlowPart(Part):
    """The flow of the patients of all trials through the states."""

    name: ClassVar[str] = "flow"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up."""
        return state.simulated

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """A run as it is set up."""
        result = result_of(state, Progress(tell, looked_at(scenario_of(state), replicates_of(state))))
        charts = {"flow": lambda: flow(result)}
        if arms_of(result) is not None:
            charts["outcomes"] = lambda: outcomes_by_arm(result)
        return Made(charts)

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The flow, and of a trial with arms how their courses ended."""
        names = [name for name in ("flow", "outcomes") if name != "outcomes" or answer.has(name)]
        return TagList(*[figure(("fifteen", self.name), name, answer, state) for name in names])


def titled(size: int) -> str:
    """'Fifteen patients', '400 patients'."""
    said = _WORDS[size] if 0 < size < len(_WORDS) else f"{size:,}"
    return f"{said} patient" + ("" if size == 1 else "s")


def _button(said: str, name: str, by: int, look: str) -> Tag:
    return tags.button(said, type="button", class_=f"btn btn-{look}", data_step=name, data_by=str(by))


def _head() -> TagList:
    return TagList(
        tags.p(
            "One trial as its investigators would have seen it. Draw another: the same design, other random numbers. "
            "A lane chooses its patient, who is then marked in every picture of the page; chosen again, it opens.",
            class_="lead",
        ),
        tags.p(
            _button("Previous trial", "draw", -1, "outline-primary"), " ", _button("New trial", "draw", 1, "primary")
        ),
    )


VIEW: Any = View(
    4,
    "fifteen",
    "One trial",
    _head(),
    (TrialPart(), FlowPart(), PilePart()),
    titled=lambda described: titled(described.size),
)
