"""What is to be proven about a scenario: its protocol, and what its numbers can be."""

from __future__ import annotations

from collections.abc import Mapping

from protocolsim.engine.base import Trial
from protocolsim.interim.design import Design
from protocolsim.proof.base import Case, Domain, Setting
from protocolsim.protocol.rules import names_in, parse
from protocolsim.scenario.build.values.parameters import ParameterValue


def case_of(trial: Trial, named: Mapping[str, ParameterValue]) -> Case:
    """The case of a trial whose parameters are these."""
    protocol, parts = trial.protocol, (trial.disease, *trial.drugs)
    variables = [v for m in trial.assessments for v in m.assessment.variables]
    traits = [t for p in parts for t in p.component.traits if not t.hidden]
    return Case(
        protocol=protocol,
        variables=tuple(Domain(v.least * v.factor, v.most * v.factor, v.whole and v.factor == 1.0) for v in variables),
        traits=tuple(Domain(t.least, t.most, t.whole) for t in traits),
        names=tuple(v.name for v in variables),
        assessments=trial.labels.assessments,
        shows={k: m.variables for k, m in enumerate(trial.assessments)},
        settings={name: _setting(n) for name, n in named.items()},
        drugs=trial.labels.drugs,
        events=possible_events(trial),
        may_miss=trial.cohort.no_show > 0.0 or trial.limited or any(v.missing for v in variables),
        late=protocol.window if trial.limited else 0,
        once=_stops(trial),
    )


def possible_events(trial: Trial) -> dict[int, frozenset[int]]:
    """By state, the events that can happen there: a stop of the trial at any time in a state that is not final."""
    stops = _stops(trial)
    return {
        s.number: frozenset(c.event for c in trial.causes if c.rates[s.number] > 0.0)
        | (frozenset() if s.final else stops)
        for s in trial.protocol.states
    }


def _stops(trial: Trial) -> frozenset[int]:
    """The events of stops of the trial that a transition waits for."""
    return frozenset(trial.conduct.events.values()) if isinstance(trial.conduct, Design) else frozenset()


def _setting(named: ParameterValue) -> Setting:
    node = parse(named.text)
    low = -float("inf") if named.low is None else named.low
    high = float("inf") if named.high is None else named.high
    return Setting(named.value, Domain(low, high), named.dimension, node if names_in(node) else None)
