"""Two scenarios side by side: what differs in their files, and in their results with common random numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protocolsim.endpoint.base import Endpoint
from protocolsim.engine.base import Progress
from protocolsim.errors import SimulationError, UsageError
from protocolsim.scenario.file.yaml_reader import Address, spell
from protocolsim.scenario.places import is_words
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_and_seed
from protocolsim.study.engines import AUTO, chosen_engine, pieces
from protocolsim.study.estimation.endpoint_sums import Tally
from protocolsim.study.estimation.estimate import Estimate, as_json, estimate
from protocolsim.study.sweep.sweep import paired_mcse


@dataclass(frozen=True)
class Difference:
    """One place at which two files differ; the values as written, None where it stands in only one of them.

    `matters`: not only words about the trial.
    """

    path: str
    a: Any
    b: Any
    matters: bool


@dataclass(frozen=True)
class Pair:
    """One endpoint of both scenarios. `difference` is B minus A, with its paired Monte Carlo standard error."""

    name: str
    a: Estimate
    b: Estimate
    difference: float
    mcse: float


@dataclass(frozen=True)
class Comparison:
    """What differs. `only_a` and `only_b` are endpoints that the other has not, or has of another kind."""

    a: Scenario
    b: Scenario
    seed: int
    replicates: int
    differences: tuple[Difference, ...]
    pairs: tuple[Pair, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    seconds: float

    def summary(self) -> dict[str, Any]:
        """As `protocolsim compare --json` prints it; None for undefined."""
        return {
            "a": self.a.name,
            "b": self.b.name,
            "seed": self.seed,
            "replicates": self.replicates,
            "files": [{"path": d.path, "a": d.a, "b": d.b, "matters": d.matters} for d in self.differences],
            "results": {
                p.name: {
                    "a": as_json(p.a), "b": as_json(p.b),
                    "difference": _known(p.difference), "difference_mcse": _known(p.mcse),
                }
                for p in self.pairs
            },
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
        }  # fmt: skip


def compare(
    a: Scenario,
    b: Scenario,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two scenarios: resolved files place by place, results endpoint by endpoint under the same seed.

    `replicates` and `seed` are those of A unless given, for both. Differences are B minus A. Raises SimulationError,
    which names the scenario, where a cohort cannot be filled.
    """
    started = time.perf_counter()
    replicates, seed = replicates_and_seed(a, replicates, seed)
    for one in (a, b):
        _engine(one, engine)  # of both, before the first is simulated
    sums = [_sums(s, seed, replicates, engine, progress) for s in (a, b)]
    shared = [n for n, e in a.endpoints.items() if n in b.endpoints and _alike(e, b.endpoints[n])]
    pairs = []
    for name in shared:
        here, there = a.endpoints[name], b.endpoints[name]
        ours, theirs = estimate(here, sums[0][name]), estimate(there, sums[1][name])
        error = paired_mcse(there, sums[1][name], here, sums[0][name])
        pairs.append(Pair(name, ours, theirs, theirs.value - ours.value, error))
    only = [tuple(n for n in s.endpoints if n not in shared) for s in (a, b)]
    differences = tuple(differing(a.document.data, b.document.data))
    seconds = time.perf_counter() - started
    return Comparison(a, b, seed, replicates, differences, tuple(pairs), only[0], only[1], seconds)


def _alike(one: Endpoint, other: Endpoint) -> bool:
    return one.kind == other.kind and one.unit == other.unit


def _sums(scenario: Scenario, seed: int, replicates: int, engine: str, progress: Progress | None) -> Mapping[str, Any]:
    tally = Tally(scenario.endpoints, scenario.populations)
    try:
        for records in pieces(scenario, seed, range(replicates), _engine(scenario, engine), progress):
            tally.add(records)
    except SimulationError as error:
        raise SimulationError(f"{scenario.name}: {error}") from None
    return tally.sums()


def _engine(scenario: Scenario, engine: str) -> str:
    try:
        return chosen_engine(scenario, engine)
    except UsageError as error:
        raise UsageError(f"{scenario.name}: {error}") from None


def differing(a: Any, b: Any, at: Address = ()) -> Iterator[Difference]:
    """Every place at which two resolved files differ, in the order of the first, then what only the second has.

    Lists are compared item by item where they are equally long, else as a whole.
    """
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in dict.fromkeys([*a, *b]):
            where = (*at, str(key))
            if key in a and key in b:
                yield from differing(a[key], b[key], where)
            else:
                yield Difference(spell(where), a.get(key), b.get(key), not is_words(where))
    elif _list(a) and _list(b) and len(a) == len(b):
        for k, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from differing(one, other, (*at, k))
    elif a != b:
        yield Difference(spell(at), a, b, not is_words(at))


def _list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _known(value: float) -> float | None:
    return None if value != value else value
