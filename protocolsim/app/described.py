"""What the page needs to know of a scenario to offer its form.

Read in a worker, so that no text can hold up the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from htmltools import Tag, TagList

from protocolsim.app.boundary_controls import PREFIX
from protocolsim.app.controls import Control, controls
from protocolsim.app.limits import own_replicates
from protocolsim.app.state import VisitorState, scenario_of
from protocolsim.app.view.base import Part
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.errors import UsageError
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.branch_curve import decided_by
from protocolsim.study.decision.threshold_rule import ThresholdRule, threshold_rule


@dataclass(frozen=True)
class Described:
    """A scenario as its form shows it; `looks`: whether it declares any; `story`: whether it tells one.

    `live` are the parameters of decision rules that answer at once: the one threshold, or all that decide; `spoken` are
    the disease and the drugs in words.
    """

    title: str
    question: str
    text: str
    controls: tuple[Control, ...]
    live: tuple[str, ...]
    replicates: int
    seed: int
    size: int
    looks: bool = False
    story: bool = False
    spoken: Mapping[str, str] = field(default_factory=dict)

    def answers_at_once(self, name: str) -> bool:
        """Whether what follows from moving a number is read from what was simulated already."""
        return name in self.live or name.startswith(PREFIX)


def described(state: VisitorState) -> Described:
    """The scenario before anything was set. Raises ScenarioError for its faults."""
    scenario = scenario_of(replace(state, settings=()))
    disease = scenario.trial.disease.component
    return Described(
        scenario.title,
        scenario.question,
        scenario.document.text,
        tuple(controls(scenario)),
        _live(scenario),
        own_replicates(scenario),
        scenario.seed,
        scenario.trial.cohort.size,
        scenario.interim is not None,
        bool(scenario.story),
        {
            disease.name: disease.meaning.partition(",")[0],
            **{name: scenario.spoken.drug(name) for name in scenario.trial.labels.drugs},
        },
    )


def _live(scenario: Scenario) -> tuple[str, ...]:
    try:
        rule = threshold_rule(scenario)
    except UsageError:
        rule = ""
    return (rule.parameter,) if isinstance(rule, ThresholdRule) else tuple(decided_by(scenario))


class DescribedPart(Part):
    """Not shown; asked for before anything else."""

    name: ClassVar[str] = "described"

    def reduced(self, state: VisitorState) -> VisitorState:
        """The scenario alone."""
        return state.alone()

    def make(self, state: VisitorState, tell: Tell) -> Made:  # noqa: ARG002 - too short to watch
        """The description."""
        return Made({}, described(state))

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """Nothing."""
        raise NotImplementedError
