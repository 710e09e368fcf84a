"""Populations without anybody and shares that are always 0: no way through the protocol meets their conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from protocolsim.endpoint.base import BUILT_IN, Endpoint
from protocolsim.endpoint.criteria.dated import Criteria, of_course, of_population
from protocolsim.endpoint.share import Share
from protocolsim.endpoint.subjects.population import Population
from protocolsim.engine.base import Trial
from protocolsim.proof.planned.reachable import Reachable
from protocolsim.protocol.states import State
from protocolsim.scenario.checks.lapsing import either
from protocolsim.scenario.file.yaml_reader import Address

_MOST_GROUPS = 8
"""Groups of states of which a course has to enter one each: the ways are followed for each set of those entered."""


def empty(
    trial: Trial, reachable: Reachable, populations: Mapping[str, Population], endpoints: Mapping[str, Endpoint]
) -> Iterator[tuple[Address, str]]:
    """Every population and every share without anybody, whoever comes. What `where:` asks is left out of account."""
    declared = {name: replace(population, where=None) for name, population in populations.items()}
    criteria = {name: of_population(name, declared) or Criteria() for name in (*BUILT_IN, *declared)}
    nobody = {name for name, asked in criteria.items() if not possible(trial, reachable, asked)}
    for name, population in declared.items():
        if name in nobody and population.of not in nobody:
            yield ("populations", name), f"nobody can be in it: no way through the protocol {_asked(criteria[name])}"
    finals = {state.name for state in trial.protocol.states if state.final}
    for name, share in endpoints.items():
        if not isinstance(share, Share) or share.among in nobody:
            continue
        if share.ended_in and finals.isdisjoint(share.ended_in):
            continue  # said of `ended_in` itself
        asked = of_course(share.entered, share.not_entered, share.ended_in, share.not_ended_in) & criteria[share.among]
        if not possible(trial, reachable, asked):
            yield ("endpoints", name), f"it is always 0 %: no way through the protocol {_asked(asked)}"


def possible(trial: Trial, reachable: Reachable, asked: Criteria) -> bool:
    """Whether some way through the protocol meets the criteria, whatever rules hold on it. Too many: taken as met."""
    states, groups = trial.protocol.states, list(asked.entered)
    if asked.enrolled:
        groups.append(tuple(state.name for state in states if state.enrolled))
    if len(groups) > _MOST_GROUPS:
        return True
    everything = (1 << len(groups)) - 1

    def entered(state: State, before: int) -> int:
        return before | sum(1 << k for k, group in enumerate(groups) if state.name in group)

    def ends_well(state: State) -> bool:
        ended = all(state.name in group for group in asked.ended_in) and state.name not in asked.not_ended_in
        return state.final and ended

    open_ = [] if states[0].name in asked.not_entered else [(0, entered(states[0], 0))]
    seen = set(open_)
    while open_:
        number, met = open_.pop()
        if met == everything and ends_well(states[number]):
            return True
        for to in {to for t in reachable.ways.get(number, ()) for to in t.possible}:
            there = to, entered(states[to], met)
            if there not in seen and states[to].name not in asked.not_entered:
                seen.add(there)
                open_.append(there)
    return False


def _asked(asked: Criteria) -> str:
    """What a course has to do, in words that follow 'no way through the protocol'."""
    said = ["leads to enrolment"] if asked.enrolled else []
    said += [f"enters {either(group)}" for group in asked.entered]
    said += [f"never enters {either(asked.not_entered)}"] if asked.not_entered else []
    said += [f"ends in {either(group)}" for group in asked.ended_in]
    said += [f"does not end in {either(asked.not_ended_in)}"] if asked.not_ended_in else []
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else said[0]
