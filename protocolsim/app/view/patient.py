"""One patient: what was seen and decided, in order; and the same patient, same random numbers, on the other branch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from htmltools import HTML, Tag, TagList, tags

from protocolsim.app.figure import figure
from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState, over, scenario_of
from protocolsim.app.view.base import Part, View
from protocolsim.app.work.material import Progress, replicates_of, result_of
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.errors import UsageError
from protocolsim.report.patient.figures import trace_figure
from protocolsim.report.patient.page import story_html
from protocolsim.report.patient.story import Trace, trace
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.counterfactual import NOT_IDENTIFIED
from protocolsim.study.decision.potential_outcomes import PASSES, potential_outcomes
from protocolsim.study.decision.threshold_rule import forced


@dataclass(frozen=True)
class PatientFacts:
    """One patient in words, and which of how many; `other` says why there is no other branch, "" where there is."""

    heading: str
    patient: str
    words: tuple[str, ...]
    story: str
    note: str
    other: str


class StoryPart(Part):
    """One patient's story on both branches of the rule."""

    name: ClassVar[str] = "story"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up, the draw and the patient."""
        return replace(state, view="", other=(), beside="", measure="")

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """The patient of that place among those enrolled in the trial of the draw."""
        scenario = scenario_of(state)
        number = looked_at(scenario, replicates_of(state))
        result = result_of(state, Progress(tell, number))
        draw = state.draw % number
        # A story is about a replicate that the scenario has.
        whole = scenario_of(replace(state, settings=over(state.settings, {"replicates": number})))
        subjects = result.records["subjects"]
        enrolled = np.flatnonzero(subjects["enrolled"] & (subjects["replicate"] == draw))
        place = state.patient % len(enrolled)
        subject = int(subjects["subject"][enrolled[place]])
        own = trace(whole, subject, replicate=draw, seed=state.seed)
        other, why = _other(whole, subject, draw, state.seed)
        sides = {"own": own} | ({"other": other} if other is not None else {})
        charts = {name: partial(trace_figure, side) for name, side in sides.items()}
        heading = f"Patient {place + 1} of {len(enrolled)} in trial {draw}: subject {subject}"
        facts = PatientFacts(heading, own.patient, own.words, story_html(own), own.note, why)
        return Made(charts, facts)

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """Both figures, then the story."""
        facts: PatientFacts = answer.facts
        where = ("patient", self.name)
        sides = [tags.div(tags.h3("As it went"), figure(where, "own", answer, state))]
        if "other" in answer.figures:
            other = figure(where, "other", answer, state)
            sides.append(tags.div(tags.h3(f"On the other branch ({NOT_IDENTIFIED})"), other))
        return TagList(
            tags.h2(facts.heading),
            tags.p(facts.patient),
            tags.div(*sides, class_="sides"),
            tags.p(facts.other, class_="missing") if facts.other else None,
            tags.h3("The story"),
            HTML(facts.story),
            tags.p(facts.note, class_="note"),
            tags.ul(*[tags.li(w) for w in facts.words], class_="note"),
        )


def _other(scenario: Scenario, subject: int, draw: int, seed: int | None) -> tuple[Trace | None, str]:
    """The same subject, sent down the other branch at the rule with a threshold; or why there is no such story."""
    try:
        both = potential_outcomes(scenario, replicate=draw, subject=subject, seed=seed)
    except UsageError as error:
        return None, f"No other branch: {error}."
    frame = both.frame
    went = str(frame.loc[frame["went"], "branch"].iloc[0])
    trial = forced(scenario.trial, both.rule.transition, went != PASSES)
    return trace(replace(scenario, trial=trial), subject, replicate=draw, seed=seed), ""


def _head() -> TagList:
    def step(said: str, name: str, by: int, look: str) -> Tag:
        return tags.button(said, type="button", class_=f"btn btn-sm btn-{look}", data_step=name, data_by=str(by))

    return TagList(
        tags.p(
            "One patient, visit by visit, with every decision and the numbers it read; beside it the same patient with "
            "the same random numbers, had the rule decided otherwise.",
            class_="lead",
        ),
        tags.p(
            step("Previous patient", "patient", -1, "outline-primary"), " ",
            step("Next patient", "patient", 1, "primary"), " ",
            step("Another trial", "draw", 1, "outline-primary"),
        ),
    )  # fmt: skip


VIEW: Any = View(2, "patient", "One patient", _head(), (StoryPart(),))
