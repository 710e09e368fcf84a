"""Published counts among simulated trials of their own size: n/N is held against trials of exactly N.

A count of 45 patients varies less than one of 16, so that a published n/N says something only among trials in which N
are counted. Where every trial of the scenario counts exactly N, those are the trials. Elsewhere the scenario is
simulated once more with a cohort so large that nearly every trial counts at least N, and of those that it counts in one
trial N are drawn, each as likely as any other, by key. So the trial stays one trial: what its patients share (arms,
parameters drawn for the trial, sites) they share here too, which a binomial about the long-run share, or patients
collected from many trials, would not have. Trials that count fewer than N are left out.

It cannot be done where the size is part of the design (looks at the accumulating data), where patients wait for each
other (a larger cohort waits longer), for an endpoint that is no share of members, and where N would take a cohort more
than `MOST_TIMES` as large. Such a count is held against the trials as they are, and its row says so.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Reported
from protocolsim.randomness import DENOMINATOR, TRIAL_LEVEL, uniforms
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import with_settings
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.engines import chosen_engine, pieces
from protocolsim.study.estimation.endpoint_sums import EndpointSums

MOST_TIMES = 50
VALIDATED_TRIALS = 2_000
"""Trials that validate simulates unless told otherwise: an end of 90 % is then known to about one percentile."""
_VALIDATED_SUBJECTS = 100_000
_PILOT = 64
_REACHED = 2.33  # standard normal quantile of 99 %: so many trials shall count N at least


@dataclass(frozen=True)
class OfPublishedSize:
    """How the published counts of a scenario are judged.

    `sizes` is the N of each count that can be judged among trials of N, by endpoint; `not_possible` says of each other
    one why. `enlarged` is the scenario with the cohort that counts them, None where its own trials do; `own` are the
    endpoints whose N every trial of the scenario itself counts.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    not_possible: Mapping[str, str] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    enlarged: Scenario | None = None


def validated_replicates(scenario: Scenario) -> int:
    """How many trials `validate` simulates unless told otherwise: so many that the ends of ranges are known.

    2,000, or of larger cohorts as many as have 100,000 subjects; never fewer than the scenario's own number.
    """
    return max(scenario.replicates, min(VALIDATED_TRIALS, _VALIDATED_SUBJECTS // scenario.trial.cohort.size))


def of_published_size(scenario: Scenario, seed: int, engine: str) -> OfPublishedSize:
    """How its published counts are judged; a few trials say how many members a cohort has.

    Raises SimulationError where the cohort cannot be filled.
    """
    counts = _counts(scenario)
    shares = {n: scenario.endpoints[n] for n in counts if scenario.endpoints[n].binary}
    why = {n: "its endpoint is no share of members" for n in counts if n not in shares}
    sums = _pilot(scenario, shares, seed, engine) if shares else {}
    own = frozenset(n for n in shares if (sums[n][:, 1] == counts[n]).all())
    size = scenario.trial.cohort.size
    needed = {n: _cohort(counts[n], float(sums[n][:, 1].mean()) / size) for n in shares if n not in own}
    refused = {n: _refusal(scenario, cohort, size) for n, cohort in needed.items()}
    why |= {n: text for n, text in refused.items() if text is not None}
    wanted = max((c for n, c in needed.items() if c is not None and refused[n] is None), default=size)
    sizes = {n: counts[n] for n in shares if n not in why}
    return OfPublishedSize(sizes, why, own, _enlarged(scenario, wanted) if wanted > size else None)


def shares_of(name: str, size: int, sums: Floats, seed: int) -> Floats:
    """The share in each trial of exactly `size` members, from sums (how many meet it, how many there are) by trial.

    Of the members of a larger trial so many are drawn without replacement, by the key of endpoint and trial; nan for a
    trial of fewer.
    """
    meets, members = sums[:, 0].copy(), sums[:, 1].copy()
    enough = members >= size
    drawn = np.zeros(len(sums))
    replicates = np.arange(len(sums), dtype=np.int64)
    who = np.full(len(sums), TRIAL_LEVEL + zlib.crc32(name.encode()) % TRIAL_LEVEL, dtype=np.int64)
    for k in range(size):
        key = np.stack([replicates, who, np.full(len(sums), k, dtype=np.int64)])
        hit = uniforms(seed, key, DENOMINATOR) * np.maximum(members, 1.0) < meets
        drawn += hit
        meets -= hit
        members -= 1.0
    return np.where(enough, drawn / size, np.nan)


def _counts(scenario: Scenario) -> dict[str, int]:
    """The denominator of each published count."""
    said = {name: e.published for name, e in scenario.endpoints.items()}
    return {n: p.denominator for n, p in said.items() if p is not None and p.denominator is not None}


def _enlarged(scenario: Scenario, wanted: int) -> Scenario:
    """The scenario with a cohort of that size; a bound on its candidates grows with it."""
    asked = {"cohort.size": wanted}
    most = scenario.document.data["cohort"].get("max_candidates")
    if most is not None:
        limit = scenario.trial.cohort.max_candidates
        asked["cohort.max_candidates"] = math.ceil(limit * wanted / scenario.trial.cohort.size)
    return build(with_settings(scenario.document, asked), allow_plugins=scenario.allow_plugins)


def _pilot(scenario: Scenario, endpoints: Mapping[str, Reported], seed: int, engine: str) -> dict[str, Floats]:
    sums = EndpointSums(endpoints, scenario.populations)
    for records in pieces(scenario, seed, range(_PILOT), chosen_engine(scenario, engine)):
        sums.add(records)
    return sums.sums()


def _cohort(number: int, share: float) -> int | None:
    """The smallest cohort of which such a share has at least `number` members in 99 of 100 trials; None: nobody is."""
    if share <= 0.0:
        return None
    # size * share - z sqrt(size * share * (1 - share)) = number, a quadratic equation in the root of size.
    spread = _REACHED * math.sqrt(share * max(0.0, 1.0 - share))
    root = (spread + math.sqrt(spread * spread + 4.0 * share * number)) / (2.0 * share)
    return math.ceil(root * root - 1e-9)


def _refusal(scenario: Scenario, needed: int | None, size: int) -> str | None:
    """Why the cohort cannot be so large; None where it can."""
    if scenario.interim is not None:
        return "looks at the accumulating data belong to one size of trial"
    if scenario.trial.limited:
        return "patients wait for each other, and a larger cohort waits longer"
    if needed is None:
        return "nobody is counted in simulated trials"
    if needed > MOST_TIMES * size:
        return f"its denominator would take a cohort of {needed:,} in place of {size:,}"
    return None
