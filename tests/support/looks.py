"""Trials with looks built in code: a design without a scenario file, and its looks held on finished records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, quotient
from protocolsim.engine.batch.engine import ENGINE
from protocolsim.engine.looks import closed_from, hold_all, obeyed, overrun
from protocolsim.engine.snapshot import until_stopped
from protocolsim.interim.base import LookAt, Statistic
from protocolsim.interim.design import Boundary, Design, Information, TrialRule
from protocolsim.protocol.conduct import Count, Look, Trigger
from protocolsim.protocol.rules import compiled, parse
from protocolsim.protocol.states import Rule
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class ValueOf(Statistic):
    """The value of an endpoint in the trial so far."""

    key = "value of"
    of: Endpoint

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:
        """See Statistic."""
        return self.of.value(self.of.sums(known, populations))


@dataclass(frozen=True, kw_only=True)
class ScoreZ(Statistic):
    """The score test's z of a share between two populations: of `arm` more than of `against` are in `successes`."""

    key = "score of"
    successes: str
    arm: str
    against: str

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:
        """See Statistic."""
        trial = known["subjects"]["replicate"] - known.first_replicate

        def number(mask: Mask) -> Floats:
            return np.bincount(trial[mask], minlength=known.replicates).astype(np.float64)

        good, arms = populations[self.successes], [populations[self.arm], populations[self.against]]
        x, n = zip(*((number(good & arm), number(arm)) for arm in arms), strict=True)
        p = quotient(x[0] + x[1], n[0] + n[1])
        spread = np.sqrt(p * (1.0 - p) * (quotient(np.ones(1), n[0]) + quotient(np.ones(1), n[1])))
        return quotient(quotient(x[0], n[0]) - quotient(x[1], n[1]), spread)


def rule(number: int, action: Any, reason: str, at: range, words: str | None, slots: Mapping[str, int]) -> TrialRule:
    """A rule of some looks, from its words; without words it holds where none before did."""
    evaluate = None if words is None else Rule(words, compiled(parse(words), {}, slots))
    return TrialRule(number, action, reason, frozenset(at), evaluate)


def with_looks(scenario: Scenario, design: Design) -> Scenario:
    """The scenario with a design."""
    trial = scenario.trial
    labels = replace(
        trial.labels, looks=tuple(k.name for k in design.looks), conclusions=design.conclusions, read=design.values
    )
    return replace(scenario, interim=design, trial=replace(trial, conduct=design, labels=labels))


def held_on(scenario: Scenario, seed: int, replicates: range) -> Iterator[Records]:
    """Trials with their looks, each piece of the engine's finished records truncated after the fact."""
    design = scenario.trial.conduct
    assert design is not None
    for records in ENGINE.pieces(replace(scenario.trial, conduct=None), seed, replicates):
        as_if = hold_all(design, records)
        held = obeyed(as_if)
        final = until_stopped(records, closed_from(design, held))
        tables = design.tables(held, final, as_if, overrun(design, held, final))
        yield replace(final, trial_tables=tables, derived={})


def group_sequential(
    scenario: Scenario,
    *,
    at: tuple[int, ...] = (30, 60, 90, 120),
    followed: int = 26 * 7 * 1440,
    efficacy: tuple[float, ...] = (4.048, 2.863, 2.337, 2.024),
    futility: tuple[float, ...] = (0.0, 0.0, 0.0, float("nan")),
    statistics: tuple[Statistic, ...],
    z: str = "z",
) -> Design:
    """A group-sequential design of `z` with both boundaries, on looks when so many were followed."""
    count = Count("enrolled", followed=followed)
    looks = tuple(Look(f"look_{k + 1}", Trigger(count, number), number / at[-1]) for k, number in enumerate(at))
    design = Design(
        looks=looks, statistics=statistics, formulas=(),
        boundaries=(Boundary("efficacy", efficacy, spends=0.025), Boundary("futility", futility)),
        rules=(), information=Information(count, at[-1]), populations=scenario.populations,
        success=frozenset({"efficacy"}), futility=frozenset({"futility"}),
    )  # fmt: skip
    slots, every = design.slots(), range(len(at))
    rules = (
        rule(0, "stop", "efficacy", every, f"{z} >= efficacy", slots),
        rule(1, "stop", "futility", every, f"{z} < futility", slots),
        rule(2, "conclude", "no effect", every[-1:], None, slots),
    )
    return replace(design, rules=rules)
