"""One patient: the story of a simulated subject, as it went and as it would have gone on the other branch."""

from __future__ import annotations

from collections.abc import Sequence
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
from protocolsim.report.patient.page import decisions_html, story_html
from protocolsim.report.patient.story import Trace, patient_named, trace
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.counterfactual import NOT_IDENTIFIED
from protocolsim.study.decision.potential_outcomes import PASSES, potential_outcomes
from protocolsim.study.decision.threshold_rule import forced
from protocolsim.text.shell import command

_MOST_NAMED = 20
_AHEAD = 2  # patients after this one who are made ready


@dataclass(frozen=True)
class PatientFacts:
    """One patient in words, and among which; `other` says why there is no other branch, "" where there is.

    `enrolled` are the numbers of all who are enrolled in this trial, in order. `refused` says why it is not the
    patient who was asked for.
    """

    number: int
    draw: int
    enrolled: tuple[int, ...]
    patient: str
    words: tuple[str, ...]
    decisions: str
    story: str
    note: str
    other: str
    refused: str
    again: str

    @property
    def heading(self) -> str:
        """Who this is: one number, the same in the lanes, the address and `protocolsim trace`."""
        return patient_named(self.number, self.draw)

    def stepped(self, number: int | None, by: int) -> int:
        """The number of the patient so many further on; the last and the first are as far as it goes."""
        now = self.enrolled.index(number if number in self.enrolled else self.number)
        return self.enrolled[min(max(0, now + by), len(self.enrolled) - 1)]


class StoryPart(Part):
    """One patient's story on both branches of the rule."""

    name: ClassVar[str] = "story"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up, the draw and the patient."""
        return replace(state, view="", walk="", other=(), beside="", measure="")

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """The patient of that number in the trial of the draw."""
        scenario = scenario_of(state)
        number = looked_at(scenario, replicates_of(state))
        result = result_of(state, Progress(tell, number))
        draw = state.draw % number
        # A story is about a replicate that the scenario has.
        whole = scenario_of(replace(state, settings=over(state.settings, {"replicates": number})))
        subjects = result.records["subjects"]
        mine = subjects["replicate"] == draw
        enrolled = tuple(int(s) for s in subjects["subject"][np.flatnonzero(subjects["enrolled"] & mine)])
        if not enrolled:
            raise UsageError(f"nobody was enrolled in trial {draw}; look at another one")
        asked = enrolled[0] if state.patient is None else state.patient
        subject = asked if asked in enrolled else enrolled[0]
        refused = "" if asked == subject else _refused(asked, draw, enrolled, screened=int(mine.sum()))
        own = trace(whole, subject, replicate=draw, seed=state.seed)
        other, why = _other(whole, subject, draw, state.seed)
        sides = {"own": own} | ({"other": other} if other is not None else {})
        charts = {name: partial(trace_figure, side) for name, side in sides.items()}
        facts = PatientFacts(
            subject,
            draw,
            enrolled,
            own.patient,
            own.words,
            decisions_html(own),
            story_html(own),
            own.note,
            why,
            refused,
            _again(state, subject, draw),
        )
        return Made(charts, facts)

    def ahead(self, answer: Answer, state: VisitorState) -> Sequence[VisitorState]:
        """The patients who come next."""
        facts: PatientFacts = answer.facts
        following = dict.fromkeys(facts.stepped(facts.number, by) for by in range(1, _AHEAD + 1))
        return [replace(state, patient=number) for number in following if number != facts.number]

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The decisions, both figures, and the story to be opened."""
        facts: PatientFacts = answer.facts
        where = ("patient", self.name)
        sides = [tags.div(tags.h3("As it went"), figure(where, "own", answer, state))]
        if answer.has("other"):
            other = figure(where, "other", answer, state)
            sides.append(tags.div(tags.h3(f"On the other branch ({NOT_IDENTIFIED})"), other))
        place = facts.enrolled.index(facts.number) + 1
        return TagList(
            tags.div(facts.refused, class_="alert alert-warning", role="alert") if facts.refused else None,
            tags.h2(facts.heading),
            tags.p(f"Enrolled as number {place} of {len(facts.enrolled)}. {facts.patient}"),
            HTML(facts.decisions),
            tags.div(*sides, class_="sides"),
            tags.p(facts.other, class_="missing") if facts.other else None,
            tags.details(
                tags.summary("The story, visit by visit"),
                HTML(facts.story),
                tags.p(facts.note, class_="note"),
                tags.ul(*[tags.li(w) for w in facts.words], class_="note"),
                tags.p("The same in a terminal: ", tags.code(facts.again), class_="note") if facts.again else None,
            ),
        )


def _again(state: VisitorState, subject: int, draw: int) -> str:
    """What to type for the same story; "" for a text that stands in no file."""
    if state.text is not None:
        return ""
    given = [word for name, value in state.settings for word in ("--set", f"{name}={value}")]
    seed = [] if state.seed is None else ["--seed", state.seed]
    return command("trace", state.scenario, "--subject", subject, "--replicate", draw, *given, *seed)


def _refused(asked: int, draw: int, enrolled: Sequence[int], *, screened: int) -> str:
    named = ", ".join(map(str, enrolled[:_MOST_NAMED])) + (", ..." if len(enrolled) > _MOST_NAMED else "")
    what = "was screened and not enrolled" if asked < screened else "is not there"
    return (
        f"Patient {asked} {what} in trial {draw}; enrolled are {named}. Patient numbers count all who are screened, "
        f"from 0. Here is patient {enrolled[0]}."
    )


def _other(scenario: Scenario, subject: int, draw: int, seed: int | None) -> tuple[Trace | None, str]:
    """The same subject, sent down the other branch at the rule with a threshold; or why there is no such story."""
    try:
        both = potential_outcomes(scenario, replicate=draw, subject=subject, seed=seed)
    except UsageError as error:
        why = str(error).removeprefix(f"{scenario.name}: it ")
        return None, f"No other branch is drawn: the trial {why}. Where a decision has one, it is told there."
    frame = both.frame
    went = str(frame.loc[frame["went"], "branch"].iloc[0])
    trial = forced(scenario.trial, both.rule.transition, went != PASSES)
    return trace(replace(scenario, trial=trial), subject, replicate=draw, seed=seed), ""


def _head() -> TagList:
    def step(said: str, name: str, by: int, look: str) -> Tag:
        return tags.button(said, type="button", class_=f"btn btn-sm btn-{look}", data_step=name, data_by=str(by))

    return TagList(
        tags.p(
            "One patient, visit by visit, with every decision and the numbers it read; and, where a decision could "
            "have gone otherwise, the same patient with the same random numbers on the other branch.",
            class_="lead",
        ),
        tags.p(
            step("Previous patient", "patient", -1, "outline-primary"), " ",
            step("Next patient", "patient", 1, "primary"), " ",
            step("Another trial", "draw", 1, "outline-primary"),
        ),
    )  # fmt: skip


VIEW: Any = View(2, "patient", "One patient", _head(), (StoryPart(),))
