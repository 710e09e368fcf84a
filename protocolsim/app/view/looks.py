"""The looks: every boundary at once, with and without an effect; statistics against boundaries, and when trials end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from htmltools import Tag, TagList, tags

from protocolsim.app.boundary_controls import PREFIX
from protocolsim.app.described import Described
from protocolsim.app.figure import figure
from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState, scenario_of
from protocolsim.app.view.base import Part, View
from protocolsim.app.work.material import Progress, replicates_of, result_of, tried_of
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.interim.design import Boundary
from protocolsim.report.looks.figures import boundaries, endings
from protocolsim.report.looks.frames import bounded
from protocolsim.report.looks.wording import spoken
from protocolsim.report.style import numbers
from protocolsim.scenario.load import changed, value_of
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.boundaries.boundaries import Boundaries
from protocolsim.study.boundaries.tried import TriedBoundaries
from protocolsim.text.shell import command

_REMEMBERED = 256
_NOTHING = "This scenario declares no looks at the accumulating data (interim:), so that there is none to show."
_NO_BOUNDARY = (
    "Its rules compare with fixed numbers, which are drawn as bounds here, and not with a boundary that the file "
    "declares: there is none to drag."
)
Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class EveryBoundary:
    """Every look of every trial beside the page, from which any boundary is read."""

    tried: Boundaries
    remembered: dict[Settings, TagList] = field(default_factory=dict, compare=False)

    @property
    def size(self) -> int:
        """Bytes, about."""
        passes = (self.tried.passes.effect, self.tried.passes.null)
        return sum(m.values.nbytes + 5 * m.decision.nbytes for m in passes if m is not None)


def _dragged(state: VisitorState) -> Settings:
    """The settings that move a boundary and nothing else."""
    return tuple(s for s in state.settings if s[0].startswith(PREFIX))


class EveryBoundaryPart(Part):
    """The numbers at any boundary: nothing is simulated while one is dragged."""

    name: ClassVar[str] = "boundaries"

    def reduced(self, state: VisitorState) -> VisitorState:
        """Everything but the boundaries, which are tried on what was simulated."""
        kept = tuple(s for s in state.settings if not s[0].startswith(PREFIX))
        return replace(state.simulated, settings=kept)

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """Two passes, with the effect and without; none where no looks or no boundaries are declared."""
        design = scenario_of(state).interim
        if design is None or not design.boundaries:
            return Made({}, _NOTHING if design is None else _NO_BOUNDARY)
        return Made({}, tried_of(state, Progress(tell, 2 * replicates_of(state))))

    def receive(self, answer: Answer, state: VisitorState) -> Answer:  # noqa: ARG002 - the passes say it all
        """The passes, on which any boundary is tried here."""
        if isinstance(answer.facts, Boundaries):
            answer.facts = EveryBoundary(answer.facts)
        return answer

    def respond(self, answer: Answer, state: VisitorState) -> dict[str, Any] | None:
        """The numbers at the boundaries that are set up."""
        if not isinstance(answer.facts, EveryBoundary):
            return None
        return {"table": str(at_boundaries(answer.facts, _dragged(state)))}

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The numbers."""
        if not isinstance(answer.facts, EveryBoundary):
            return tags.p(answer.facts, class_="missing")
        return tags.div(at_boundaries(answer.facts, _dragged(state)), id="looks-numbers")


def at_boundaries(every: EveryBoundary, dragged: Settings) -> TagList:
    """The numbers at the boundaries that are set up; what was computed once is remembered.

    Raises ScenarioError or UsageError for a boundary that cannot be made.
    """
    if dragged not in every.remembered:
        if len(every.remembered) >= _REMEMBERED:
            every.remembered.clear()
        every.remembered[dragged] = _at(every.tried, dragged)
    return every.remembered[dragged]


def with_boundaries(scenario: Scenario, dragged: Settings) -> tuple[Boundary, ...]:
    """The boundaries of a scenario with these settings, made as the file's are."""
    given = {name: value_of(name, text) for name, text in dragged}
    design = changed(scenario, given).interim
    assert design is not None
    return design.boundaries


def _at(made: Boundaries, dragged: Settings) -> TagList:
    scenario = made.scenario
    assert scenario.interim is not None
    bounds = scenario.interim.boundaries if not dragged else with_boundaries(scenario, dragged)
    values = {b.name: tuple(None if np.isnan(v) else v for v in b.values) for b in bounds}
    here = made.trying([values])  # behind the design's own
    told = [f"{name}={text}" for name, text in dragged]
    line = command("run", *(word for setting in told for word in ("--set", setting)))
    without = f", and the trial without one ({made.without})" if made.without else ""
    return TagList(
        tags.h3("The boundaries" if not dragged else "The boundaries as dragged"),
        _bounds(scenario, bounds),
        tags.h3("What they bring about"),
        _brought(scenario, here.effect, here.null),
        tags.p(
            f"{numbers.count(made.replicates, 'simulated trial')}, seed {made.seed}, with the effect{without}: the "
            "same trials at every boundary, none of them simulated anew. The ± is the Monte Carlo standard error. The "
            "numbers with the effect are those of ",
            tags.code(line),
            " with whatever else is set up.",
            class_="note",
        ),
    )


def _bounds(scenario: Scenario, bounds: tuple[Boundary, ...]) -> Tag:
    assert scenario.interim is not None
    head = tags.tr(tags.td(), *[tags.th(spoken(k.name), scope="col") for k in scenario.interim.looks])
    rows = [
        tags.tr(
            tags.th(spoken(b.name), scope="row", title=b.words),
            *[tags.td("" if np.isnan(v) else f"{v:.3f}", data_exact=repr(float(v))) for v in b.values],
            data_boundary=b.name,
        )
        for b in bounds
    ]
    return tags.div(tags.table(tags.thead(head), tags.tbody(*rows), class_="estimates"), class_="scroll")


def _brought(scenario: Scenario, effect: TriedBoundaries, null: TriedBoundaries | None) -> Tag:
    columns = ("with the effect", "without") if null is not None else ("with the effect",)
    rows = []
    for name, about in scenario.of_looks.items():
        if name not in effect.values or (name.count("[") > 1 and name.startswith("bias")):
            continue
        cells = [_cell(which, name, about.unit, k) for k, which in enumerate((effect, null)) if which is not None]
        rows.append(
            tags.tr(tags.th(about.label, scope="row", title=about.counting), *cells, data_estimate=name)
        )  # fmt: skip
    head = tags.tr(tags.td(), *[tags.th(h, scope="col") for h in columns])
    return tags.div(tags.table(tags.thead(head), tags.tbody(*rows), class_="estimates"), class_="scroll")


def _cell(found: TriedBoundaries, name: str, unit: str, column: int) -> Tag:
    value, errors = float(found.values[name][-1]), found.errors
    error = float(errors[name][-1]) if name in errors else float("nan")
    said = numbers.with_error(numbers.scaled(value, unit), numbers.scaled(error, unit))
    text = numbers.UNDEFINED if np.isnan(value) else f"{said} {numbers.unit_of(name, unit)}".rstrip()
    return tags.td(text, data_exact=repr(value), data_column=str(column))


class LookFiguresPart(Part):
    """Statistics against boundaries, and when trials end: simulated at the boundaries as they are when let go."""

    name: ClassVar[str] = "figures"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up."""
        return state.simulated

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """A run at these boundaries."""
        scenario = scenario_of(state)
        if scenario.interim is None:
            return Made({}, ())
        result = result_of(state, Progress(tell, looked_at(scenario, replicates_of(state))))
        charts: Mapping[str, Any] = {
            **{
                _name(k): partial(boundaries, result, statistic)
                for k, statistic in enumerate(bounded(scenario.interim))
            },
            "endings": partial(endings, result),
        }
        return Made(charts, tuple(charts))

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The figures."""
        return TagList(
            tags.span(),
            tags.div(*[figure(("looks", self.name), name, answer, state) for name in answer.facts], class_="pictures"),
        )


def _name(place: int) -> str:
    return "boundaries" if place == 0 else f"boundaries_{place + 1}"


def _head() -> Tag:
    return tags.p(
        "Looks at the accumulating data of each simulated trial, and what ends it there. A boundary that rules compare "
        "with can be dragged in the form: type I error, power and size answer at once, from one simulation with the "
        "effect and one without; the figures follow when it is let go.",
        class_="lead",
    )


def _offered(described: Described) -> bool:
    return described.looks


VIEW: Any = View(6, "looks", "The looks", _head(), (EveryBoundaryPart(), LookFiguresPart()), _offered)
