"""Two scenarios side by side: what differs in their files, and in their results with common random numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Endpoint, Reported
from protocolsim.engine.base import Progress
from protocolsim.errors import SimulationError, UsageError
from protocolsim.scenario.file.yaml_reader import Address, spell
from protocolsim.scenario.places import is_words
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_and_seed
from protocolsim.study.conduct import Workers, conduct
from protocolsim.study.engines import AUTO, chosen_engine
from protocolsim.study.estimation.estimate import Estimate, as_json, estimate, nan_as_none
from protocolsim.study.execution.trials import Trials
from protocolsim.study.parameters.asked import ParametersLike, draws_asked
from protocolsim.study.parameters.draws import TOGETHER, ParameterDraws
from protocolsim.study.parameters.shares import parameter_sd
from protocolsim.study.parameters.told import planned_draws, prediction_as_json
from protocolsim.study.storage.chunk_files import ChunkFiles
from protocolsim.study.storage.manifest import Manifest, content_of, manifest_of
from protocolsim.study.storage.study_folder import StudyFolder
from protocolsim.study.sweep.sweep import paired_mcse

if TYPE_CHECKING:
    import pandas as pd


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
class DrawnPair:
    """An endpoint of both scenarios with the uncertain parameters drawn; `difference` is B minus A over all draws.

    `sd` is the standard deviation of the expected difference from draw to draw: how far it is known, as far as the
    parameters are (nan where it cannot be had). `a` and `b` have the prediction range.
    """

    a: Estimate
    b: Estimate
    difference: float
    mcse: float
    sd: float


@dataclass(frozen=True)
class Pair:
    """One endpoint of both scenarios. `difference` is B minus A, with its paired Monte Carlo standard error.

    `drawn` is the same of trials with the uncertain parameters drawn, the same draws for both; None where these are
    fixed.
    """

    name: str
    a: Estimate
    b: Estimate
    difference: float
    mcse: float
    drawn: DrawnPair | None = None


DRAWN_COLUMNS = ("drawn_a", "drawn_b", "drawn_difference", "drawn_difference_mcse", "drawn_difference_sd")
"""What a frame of pairs has besides where parameters are drawn."""


def drawn_cell(pair: Pair, column: str) -> float:
    """What stands in one of these columns; nan where parameters are fixed."""
    drawn = pair.drawn
    if drawn is None:
        return float("nan")
    cells = (drawn.a.value, drawn.b.value, drawn.difference, drawn.mcse, drawn.sd)
    return dict(zip(DRAWN_COLUMNS, cells, strict=True))[column]


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

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each endpoint that both have; shares (unit "%") are 0 to 1, nan stands for undefined."""
        import pandas as pd

        columns = ("estimate", "label", "a", "a_mcse", "b", "b_mcse", "difference", "difference_mcse", "unit")
        rows = [
            (p.name, p.a.label, p.a.value, p.a.mcse, p.b.value, p.b.mcse, p.difference, p.mcse, p.a.unit)
            for p in self.pairs
        ]
        frame = pd.DataFrame(rows, columns=list(columns))
        for column in DRAWN_COLUMNS if any(p.drawn is not None for p in self.pairs) else ():
            frame[column] = [drawn_cell(p, column) for p in self.pairs]
        return frame

    @property
    def asked(self) -> dict[str, int]:
        """The seed and the replicates it was made with, as a scenario file says them."""
        return {"seed": self.seed, "replicates": self.replicates}

    @property
    def provenance(self) -> dict[str, str]:
        """What is needed to get the same numbers again."""
        return {
            "a": self.a.name,
            "a_sha256": self.a.sha256,
            "b": self.b.name,
            "b_sha256": self.b.sha256,
            "seed": str(self.seed),
            "replicates": str(self.replicates),
            "run time": f"{self.seconds:.1f} s",
            **{package: version(package) for package in ("protocolsim", "numpy", "numba")},
        }

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
                    "difference": nan_as_none(p.difference), "difference_mcse": nan_as_none(p.mcse),
                    **_drawn_as_json(p.drawn),
                }
                for p in self.pairs
            },
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
        }  # fmt: skip


def _drawn_as_json(drawn: DrawnPair | None) -> dict[str, Any]:
    """What drawn parameters add to a pair; nothing where they are fixed."""
    if drawn is None:
        return {}
    return {
        "parameters_drawn": {
            "a": prediction_as_json(drawn.a), "b": prediction_as_json(drawn.b),
            "difference": nan_as_none(drawn.difference), "difference_mcse": nan_as_none(drawn.mcse),
            "difference_sd": nan_as_none(drawn.sd),
        }
    }  # fmt: skip


BothDraws = tuple[ParameterDraws, ParameterDraws]


def draws_of_both(a: Scenario, b: Scenario, parameters: ParametersLike, seed: int) -> BothDraws | None:
    """The draws of two scenarios, which share those of the models that they share; None where parameters are fixed.

    Raises UsageError, which names the scenario, for what one of them cannot draw.
    """
    found = []
    for scenario in (a, b):
        try:
            found.append(draws_asked(scenario, parameters, seed))
        except UsageError as error:
            raise UsageError(f"{scenario.name}: {error}") from None
    one, other = found
    return None if one is None or other is None else (one, other)


def compare(
    a: Scenario,
    b: Scenario,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    workers: Workers = 1,
    folder: StudyFolder | None = None,
    draws: BothDraws | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two scenarios: resolved files place by place, results endpoint by endpoint under the same seed.

    `replicates` and `seed` are those of A unless given, for both. Differences are B minus A. `workers` and `folder` as
    for `run`; `draws`: as many trials of each again with these values of its uncertain parameters. Raises
    SimulationError, which names the scenario, where a cohort cannot be filled.
    """
    started = time.perf_counter()
    replicates, seed = replicates_and_seed(a, replicates, seed)
    points = [Trials(s, _engine(s, engine), seed, range(replicates)) for s in (a, b)]
    if draws is not None:
        points += [replace(point, draws=drawn) for point, drawn in zip(points, draws, strict=True)]
    try:
        made = conduct(points, workers, None if folder is None else ChunkFiles(folder), progress)
        sums = [one.sums for one in made]
    except SimulationError as failed:
        raise SimulationError(f"{points[failed.point or 0].scenario.name}: {failed}") from None
    in_a, in_b = _compared(a), _compared(b)
    shared = [n for n, e in in_a.items() if n in in_b and _alike(e, in_b[n])]
    pairs = []
    for name in shared:
        here, there = in_a[name], in_b[name]
        ours, theirs = estimate(here, sums[0][name]), estimate(there, sums[1][name])
        error = paired_mcse(there, sums[1][name], here, sums[0][name])
        drawn = None if draws is None else _drawn_pair(here, sums[2][name], there, sums[3][name])
        pairs.append(Pair(name, ours, theirs, theirs.value - ours.value, error, drawn))
    only = [tuple(n for n in there if n not in shared) for there in (in_a, in_b)]
    differences = tuple(differing(a.document.data, b.document.data))
    seconds = time.perf_counter() - started
    return Comparison(a, b, seed, replicates, differences, tuple(pairs), only[0], only[1], seconds)


def _drawn_pair(here: Reported, ours: Floats, there: Reported, theirs: Floats) -> DrawnPair:
    """One endpoint of both scenarios, from the sums of trials with parameters drawn."""
    a, b = estimate(here, ours, TOGETHER), estimate(there, theirs, TOGETHER)
    error = paired_mcse(there, theirs, here, ours, TOGETHER)
    apart = there.value(there.completed(theirs)) - here.value(here.completed(ours))
    return DrawnPair(a, b, b.value - a.value, error, parameter_sd(apart))


def _compared(scenario: Scenario) -> dict[str, Reported]:
    return {**scenario.endpoints, **scenario.of_contrasts, **scenario.of_looks}


def _alike(one: Reported, other: Reported) -> bool:
    kinds = [e.kind if isinstance(e, Endpoint) else type(e).__name__ for e in (one, other)]
    return kinds[0] == kinds[1] and one.unit == other.unit


def compare_manifest(
    a: Scenario, b: Scenario, replicates: int | None, seed: int | None, engine: str, draws: BothDraws | None = None
) -> Manifest:
    """What a study folder must know of a comparison; arguments and errors as for `compare`."""
    replicates, seed = replicates_and_seed(a, replicates, seed)
    _engine(b, engine)
    drawn = planned_draws(None if draws is None else draws[0])
    plan = {"compared with": b.name, "its content": content_of(b), **drawn}
    return manifest_of("compare", a, seed, replicates, _engine(a, engine), plan)


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
