"""How often each test rejects where there is nothing to find: beside its power, in a trial without an effect.

A comparison of arms meets no effect where every arm is treated as its control is (`scenario/equal_arms.py`). A test
within one arm meets none where the scenario says what to set so that the treatment does nothing (`effect: none`). The
trials are simulated as the companions of a run are, under the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from protocolsim.analysis.base import Analysis
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.scenario.equal_arms import equal_arms
from protocolsim.scenario.load import changed
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.companions import companion_replicates
from protocolsim.study.estimation.empirical_level import EmpiricalLevel
from protocolsim.study.result import Result

_Key = tuple[str, str] | None
"""A randomisation and its control arm; None: the effect is set to none."""


@dataclass(frozen=True)
class NullTrials:
    """The trials without an effect that the tests of a scenario need.

    trials    what is simulated beside the scenario, by a name that no scenario of a user has
    of        of each analysis whose level can be shown, the name of its trial
    words     what each trial is, as "equal arms, each as placebo"
    unknown   why there is no level of the other analyses
    """

    trials: Mapping[str, Scenario] = field(default_factory=dict)
    of: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)

    def replicates(self, replicates: int) -> int:
        """How many trials they take beside so many of the scenario."""
        return len(self.trials) * companion_replicates(replicates)


NO_NULL_TRIALS = NullTrials()


def null_trials(scenario: Scenario) -> NullTrials:
    """The trials in which the scenario's tests have nothing to find; none where it has no tests.

    Nothing is raised: what stands in the way of one is the reason in `unknown`.
    """
    trials: dict[_Key, Scenario] = {}
    of: dict[str, str] = {}
    words: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for name, analysis in scenario.analyses.items():
        try:
            key, said = _null_of(scenario, analysis)
            if key not in trials:
                trials[key] = _trial(scenario, key)
        except UsageError as error:
            unknown[name] = str(error).removeprefix(f"{scenario.name}: ")
            continue
        except ScenarioError as error:
            unknown[name] = f"such a trial is none: {' '.join(str(error).split())}"
            continue
        of[name], words[_shown(key)] = _shown(key), said
    return NullTrials({_shown(key): trial for key, trial in trials.items()}, of, words, unknown)


def _shown(key: _Key) -> str:
    return "[without an effect]" if key is None else f"[equal arms of {key[0]}, as {key[1]}]"


def _null_of(scenario: Scenario, analysis: Analysis) -> tuple[_Key, str]:
    """Which trial has nothing for this test to find, and in words. Raises UsageError where none is known."""
    if not analysis.no_effect_is_null:
        raise UsageError("its null hypothesis is a difference at the margin, not equal arms")
    arm, against = getattr(analysis, "arm", None), getattr(analysis, "against", None)
    if arm is not None and against is not None:
        randomisation, control = _compared(scenario, arm, against)
        return (randomisation, control), f"equal arms, each as {control}"
    if scenario.effect is None or not scenario.effect.none:
        raise UsageError("the scenario does not say how the treatment does nothing (`effect: none`)")
    return None, ", ".join(f"{name} = {value}" for name, value in scenario.effect.none.items())


def _compared(scenario: Scenario, arm: tuple[str, ...], against: tuple[str, ...]) -> tuple[str, str]:
    """The randomisation between these arms, and the control."""
    for randomisation in scenario.trial.protocol.randomisations:
        between = {scenario.trial.protocol.states[k].name for k in randomisation.arms}
        if between.issuperset((*arm, *against)):
            if len(against) > 1:
                raise UsageError(f"it compares with {len(against)} arms, {' and '.join(against)}: none is the control")
            return randomisation.name, against[0]
    raise UsageError(f"no randomisation is between {' and '.join((*arm, *against))}")


def _trial(scenario: Scenario, key: _Key) -> Scenario:
    if key is not None:
        return equal_arms(scenario, *key)
    assert scenario.effect is not None
    built = changed(scenario, scenario.effect.none)
    return replace(built, seed=scenario.seed, replicates=scenario.replicates)


def with_levels(result: Result, plan: NullTrials) -> Result:
    """The result of a run whose companions held the plan's trials too: levels in their place."""
    levels: dict[str, EmpiricalLevel] = {}
    for name, analysis in result.scenario.analyses.items():
        nominal = float(analysis.level)
        if name in plan.of:
            trial = plan.of[name]
            found, said = result.companions[trial].estimates[name], plan.words[trial]
            levels[name] = EmpiricalLevel(nominal, found.value, found.mcse, found.n_replicates, said, analysis.instead)
        elif name in plan.unknown:
            levels[name] = EmpiricalLevel(nominal, reason=plan.unknown[name])
    beside = {name: other for name, other in result.companions.items() if name not in plan.trials}
    return replace(result, companions=beside, levels=levels)
