"""What a scenario's opening and guided story are told from: its own run and those set beside it, each when first asked.

All have the same seed, so that the patients of one trial meet the same random numbers in every other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from protocolsim.engine.base import Progress
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.scenario.checks.quotes import companions_of
from protocolsim.scenario.load import changed
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.companions import companion_replicates
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.thresholds import the_rule, thresholds
from protocolsim.study.result import Result
from protocolsim.study.run import run

MOST_SUBJECTS, MOST_IN_QUEUES = 100_000, 800
"""How many subjects all replicates of a run of a story have, and where they wait for a resource: some ten seconds."""


def story_replicates(scenario: Scenario) -> int:
    """How many replicates a story is told from: the scenario's own number, fewer where each takes long."""
    most = MOST_IN_QUEUES if scenario.trial.limited else MOST_SUBJECTS
    return max(1, min(scenario.replicates, most // scenario.trial.cohort.size))


class StoryRuns:
    """The runs of a story.

    Parameters
    ----------
    scenario : Scenario
        Whose story it is.
    replicates, seed : int, optional
        The scenario's own unless given; companions are run with at most so many as a report gives them, and trials in
        which something is set, unless it is given, with at most so many as a story is told from.
    own : Result, optional
        The scenario's run where it is there already, with that seed.
    files : bool
        Whether companions that are files are run too; not where the scenario is a text from elsewhere.
    progress : callable, optional
        Told how many replicates were done since it was last called.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        replicates: int | None = None,
        seed: int | None = None,
        own: Result | None = None,
        files: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self.scenario = scenario
        self._replicates, self._seed, self._own, self._files = replicates, seed, own, files
        self._progress = progress
        self._changed: dict[tuple[tuple[str, Any], ...], Result] = {}

    @cached_property
    def result(self) -> Result:
        """The scenario's own run with its companions. Raises ScenarioError where one of those cannot be used."""
        companions, faults = companions_of(self.scenario, files=self._files)
        if faults:
            raise ScenarioError(self.scenario.document.source, faults)
        own = self._own or run(self.scenario, replicates=self._replicates, seed=self._seed, progress=self._progress)
        beside = companion_replicates(own.replicates)
        return own.with_companions({name: self._run(other, beside) for name, other in companions.items()})

    @cached_property
    def without(self) -> Result | None:
        """The trial in which the treatment does nothing; None where the scenario declares no effect."""
        effect = self.scenario.effect
        return None if effect is None else self.changed(tuple(effect.none.items()))

    def changed(self, given: tuple[tuple[str, Any], ...]) -> Result:
        """The trial with these settings, by the names that --set has; the scenario's own run for none of them."""
        if not given:
            return self.result
        if given not in self._changed:
            other = changed_scenario(self.scenario, dict(given))
            number = self._replicates or min(self.result.replicates, story_replicates(other))
            self._changed[given] = self._run(other, number)
        return self._changed[given]

    def curves(self, given: tuple[tuple[str, Any], ...] = ()) -> tuple[ThresholdCurve, ThresholdCurve | None]:
        """The decision of the trial with these settings at every threshold, and the same without the effect.

        The second is None where no effect is declared. Raises UsageError for a scenario without such a rule.
        """
        scenario = changed_scenario(self.scenario, dict(given)) if given else self.scenario
        parameter = the_rule(scenario).parameter
        mine, effect = self._curve(scenario, parameter), scenario.effect
        if effect is None:
            return mine, None
        nothing = self._curve(changed_scenario(scenario, dict(effect.none)), parameter)
        title = f"{scenario.title}, without the effect"
        return mine, replace(nothing, scenario=replace(nothing.scenario, title=title))

    def _run(self, scenario: Scenario, replicates: int) -> Result:
        seed = self._own.seed if self._own is not None else self._seed
        seed = self.scenario.seed if seed is None else seed
        return run(scenario, replicates=replicates, seed=seed, progress=self._progress)

    def _curve(self, scenario: Scenario, parameter: str) -> ThresholdCurve:
        own = self.result
        return thresholds(scenario, parameter, replicates=own.replicates, seed=own.seed, progress=self._progress)


def changed_scenario(scenario: Scenario, given: Mapping[str, Any]) -> Scenario:
    """The scenario with these settings. Raises UsageError for what cannot be set, or does not fit."""
    try:
        return changed(scenario, given)
    except ScenarioError as error:
        said = ", ".join(f"{name} = {value}" for name, value in given.items())
        raise UsageError(f"with {said}: {error.faults[0].message}") from None
