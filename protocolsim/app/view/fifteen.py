"""Fifteen patients: one simulated trial as it would have been seen, beside what was published; and another draw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from htmltools import Tag, TagList, tags

from protocolsim.app.figure import figure
from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState, scenario_of
from protocolsim.app.table import Row, estimates_table
from protocolsim.app.view.base import Part, View
from protocolsim.app.work.material import Progress, replicates_of, result_of
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.report.run import figures
from protocolsim.report.run.swimmers import swimmers
from protocolsim.report.style import numbers
from protocolsim.study.estimation.estimate import estimate

_FIGURES = ("swimmers", "published")


@dataclass(frozen=True)
class TrialFacts:
    """One trial's own results beside those of all, and which of how many it is."""

    rows: tuple[Row, ...]
    draw: int
    draws: int
    verdict: str


class TrialPart(Part):
    """One trial of those simulated."""

    name: ClassVar[str] = "trial"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up, and which draw."""
        return replace(state, patient=0, view="", other=(), beside="", measure="")

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """The trial of the draw, and all of them."""
        number = looked_at(scenario_of(state), replicates_of(state))
        result = result_of(state, Progress(tell, number))
        draw = state.draw % number
        rows = tuple(
            Row(estimate(endpoint, result.sums[name][draw : draw + 1]), result.estimates[name])
            for name, endpoint in result.scenario.endpoints.items()
        )
        charts = {
            "swimmers": lambda: swimmers(result, draw),
            "published": lambda: figures.simulated_against_published(result),
        }
        return Made(charts, TrialFacts(rows, draw, number, numbers.verdict(result)))

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The lanes first, then the numbers."""
        facts: TrialFacts = answer.facts
        where = ("fifteen", self.name)
        columns = ("this trial", f"all {facts.draws:,} trials")
        return TagList(
            tags.h2(f"Trial {facts.draw} of {numbers.count(facts.draws, 'simulated trial')} (0 to {facts.draws - 1})"),
            figure(where, "swimmers", answer, state),
            tags.h3("This trial's results, those of all trials, and the published ones"),
            estimates_table(facts.rows, columns, spread=True),
            tags.p(numbers.RANGE_MEANS, class_="note"),
            figure(where, "published", answer, state),
            tags.p(facts.verdict, class_="note"),
        )


def _head() -> TagList:
    return TagList(
        tags.p(
            "One trial as its investigators would have seen it. Draw another: the same design, other random numbers. "
            "Look at how far small trials differ before believing any one of them.",
            class_="lead",
        ),
        tags.p(
            tags.button(
                "Previous draw", type="button", class_="btn btn-outline-primary", data_step="draw", data_by="-1"
            ),
            " ",
            tags.button("New draw", type="button", class_="btn btn-primary", data_step="draw", data_by="1"),
        ),
    )


VIEW: Any = View(3, "fifteen", "Fifteen patients", _head(), (TrialPart(),))
