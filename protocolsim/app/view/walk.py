"""Patients who move: one trial's patients walk through the state chart, the same patients in another trial beside."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from htmltools import HTML, Tag, TagList, tags

from protocolsim.app.figure import wide
from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState, over, scenario_of
from protocolsim.app.view.base import Part, View
from protocolsim.app.work.material import Progress, replicates_of, result_of
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.errors import UsageError
from protocolsim.report.run.walk import ground, walk
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.thresholds import the_rule

_NO_EFFECT, _AT = "none", "at "
_BESIDE = 760  # pixels: a wider chart has what is said below it, and not beside
_QUARTERS = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class WalkFacts:
    """The chart, those who walk on it (a list for each side, with its words), and what may be chosen beside them."""

    ground: dict[str, Any]
    sides: tuple[tuple[str, list[dict[str, Any]]], ...]
    offered: tuple[tuple[str, str], ...]
    draw: int
    enrolled: int
    followed: str


class WalkPart(Part):
    """The walk of one trial, and of the same patients otherwise."""

    name: ClassVar[str] = "walk"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up, the draw, and who walks beside."""
        return replace(state, patient=None, view="", other=(), beside="", measure="")

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """Both trials, patient by patient."""
        scenario = scenario_of(state)
        number = looked_at(scenario, replicates_of(state))
        offered = _offered(scenario)
        words = dict(offered).get(state.walk)
        progress = Progress(tell, number * (1 if words is None else 2))
        result = result_of(state, progress)
        draw = state.draw % number
        mine = walk(result, draw)
        sides = [("As set up", mine)]
        if words is not None:
            settings = over(state.settings, _settings(scenario, state.walk))
            beside = result_of(replace(state, settings=settings), progress)
            sides.append((words, walk(beside, draw, [patient["number"] for patient in mine])))
        followed = scenario.spoken.follow
        subjects = result.shown["subjects"]
        enrolled = int((subjects["enrolled"] & (subjects["replicate"] == draw)).sum())
        return Made({}, WalkFacts(ground(result), tuple(sides), offered, draw, enrolled, followed))

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The controls, and a chart for each side, which the script fills (static/walk.js)."""
        facts: WalkFacts = answer.facts
        told = {
            "rooms": facts.ground["rooms"],
            "states": facts.ground["states"],
            "sides": [patients for _, patients in facts.sides],
            "followed": facts.followed,
        }
        charts = [
            tags.figure(
                tags.h3(words),
                tags.div(HTML(facts.ground["svg"]), class_="drawing"),
                tags.figcaption(tags.p(class_="walk-said")),
                data_side=str(place),
            )
            for place, (words, _) in enumerate(facts.sides)
        ]
        number = len(facts.sides[0][1])
        who = f"{number} patients" if number == facts.enrolled else f"the first {number} of {facts.enrolled:,} patients"
        return TagList(
            tags.h2(f"Trial {facts.draw}: {who}, week by week"),
            _controls(facts.offered, state.walk),
            tags.div(
                *charts,
                class_="sides" if len(charts) > 1 else "" if wide(facts.ground["svg"], _BESIDE) else "beside",
                id="walk",
                data_walk=json.dumps(told),
            ),
            tags.p(
                "A disc is a patient, with the number that it has everywhere. A disc that lights up has just been "
                f"assessed ({facts.followed}): the larger the ring, the larger the value. "
                if facts.followed
                else "A disc is a patient, with the number that it has everywhere. ",
                "The walk stops for a moment where a rule decides, and says what it read. Weeks count from each "
                "patient's own enrolment. A disc opens its patient.",
                class_="note",
            ),
        )


def _controls(offered: tuple[tuple[str, str], ...], chosen: str) -> Tag:
    beside = [
        tags.label("Beside it ", for_="walk-beside"),
        tags.select(
            tags.option("nothing", value=""),
            *[tags.option(words, value=name, selected="" if name == chosen else None) for name, words in offered],
            {"data-shiny-no-bind-input": ""},
            id="walk-beside",
            data_ask="walk",
            class_="form-select form-select-sm",
        ),
    ]
    return tags.div(
        tags.button("Play", type="button", id="walk-play", class_="btn btn-primary btn-sm"),
        tags.button("A week back", type="button", class_="btn btn-outline-primary btn-sm", data_walk_by="-1"),
        tags.button("A week on", type="button", class_="btn btn-outline-primary btn-sm", data_walk_by="1"),
        tags.input(
            {"data-shiny-no-bind-input": ""},
            id="walk-week",
            type="range",
            step="any",
            aria_label="Week since enrolment",
        ),
        tags.output(id="walk-now", for_="walk-week"),
        tags.span(
            tags.label("Speed ", for_="walk-speed"),
            tags.select(
                *[tags.option(said, value=by, selected="" if by == "1" else None) for said, by in _SPEEDS],
                {"data-shiny-no-bind-input": ""},
                id="walk-speed",
                class_="form-select form-select-sm",
            ),
            class_="pair",
        ),
        tags.span(*beside, class_="pair") if offered else None,
        class_="walk-controls sticky",
    )


_SPEEDS = (("slow", "0.4"), ("as usual", "1"), ("fast", "3"), ("very fast", "8"))


def _offered(scenario: Scenario) -> tuple[tuple[str, str], ...]:
    """What the same patients may be seen under, by its name in an address, and in words."""
    offered = []
    if scenario.effect is not None:
        offered.append((_NO_EFFECT, "The same patients without the drug's effect"))
    try:
        rule = the_rule(scenario)
    except UsageError:
        return tuple(offered)
    settable = scenario.settable(f"parameters.{rule.parameter}")
    low, high = settable.low, settable.high
    if low is not None and high is not None:
        for quarter in _QUARTERS:
            said = settable.write(float(f"{low + quarter * (high - low):.3g}"))
            words = f"The same patients at {scenario.spoken.number(rule.parameter)} {said}"
            offered.append((f"{_AT}{said}", words))
    return tuple(offered)


def _settings(scenario: Scenario, chosen: str) -> dict[str, Any]:
    if chosen == _NO_EFFECT:
        assert scenario.effect is not None
        return dict(scenario.effect.none)
    return {the_rule(scenario).parameter: chosen.removeprefix(_AT)}


def _head() -> Tag:
    return tags.p(
        "The patients of one trial walk through its protocol, each by the rules, assessment by assessment. Where a "
        "trial has a drug's effect or a threshold to change, the same patients, with the same random numbers, can walk "
        "beside.",
        class_="lead",
    )


VIEW: Any = View(3, "walk", "Week by week", _head(), (WalkPart(),))
