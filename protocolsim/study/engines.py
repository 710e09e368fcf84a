"""Which engine simulates a scenario: the only place that knows the engines by name, and loads them when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from protocolsim.engine.base import Engine, Progress
from protocolsim.engine.pooled import pooled
from protocolsim.errors import UsageError, unknown
from protocolsim.records import Records, concatenate
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.parameters.draws import TOGETHER, ParameterDraws

AUTO = "auto"
_JOINED = 8192  # subjects of a piece of few replicates each
_SMALL = 2000  # subjects of a cohort whose draws are simulated together: of larger ones nothing would be saved


def _batch() -> Engine:
    from protocolsim.engine.batch.engine import ENGINE

    return ENGINE


def _des() -> Engine:
    from protocolsim.engine.des.engine import ENGINE

    return ENGINE


# The fastest first: "auto" takes the first that can simulate a trial.
ENGINES: Mapping[str, Callable[[], Engine]] = {"batch": _batch, "des": _des}


def release_memory() -> None:
    """Free what engines keep for the next run of this process, which then takes somewhat longer."""
    from protocolsim.engine.batch.buffers import release

    release()


def engine_named(name: str) -> Engine:
    """The engine of this name. Raises UsageError where there is none."""
    if name not in ENGINES:
        raise UsageError(unknown("engine", name, (AUTO, *ENGINES)))
    return ENGINES[name]()


def chosen_engine(scenario: Scenario, engine: str) -> str:
    """The name of the engine to use. Raises UsageError for an unknown one, and for one that cannot run this."""
    if engine == AUTO:
        return next(name for name in ENGINES if engine_named(name).unsupported(scenario.trial) is None)
    why = engine_named(engine).unsupported(scenario.trial)
    if why is not None:
        raise UsageError(f"the {engine} engine cannot run this: {why}")
    return engine


def pieces(
    scenario: Scenario,
    seed: int,
    replicates: range,
    engine: str,
    progress: Progress | None = None,
    draws: ParameterDraws | None = None,
) -> Iterator[Records]:
    """The records of a study in order: whole replicates, or parts of a large one.

    `draws`: with these values of the parameters that are uncertain, which no two pairs of replicates share.
    """
    simulate = engine_named(engine).pieces
    if draws is None:
        return simulate(scenario.trial, seed, replicates, progress)
    drawn = list(draws.trials(scenario, replicates))
    together = None
    if engine == "batch" and drawn and scenario.trial.cohort.size <= _SMALL:
        together = pooled([trial for _, trial in drawn], replicates.start // TOGETHER, TOGETHER)
    if together is not None:
        return simulate(together, seed, replicates, progress)
    return joined(chain.from_iterable(simulate(trial, seed, mine, progress) for mine, trial in drawn))


def joined(parts: Iterable[Records]) -> Iterator[Records]:
    """The same records in larger pieces, where these are of whole replicates: to read them costs by the piece."""
    together: list[Records] = []
    for records in parts:
        if together and (not records.whole or _subjects(together) >= _JOINED):
            yield concatenate(together)
            together = []
        if records.whole:
            together.append(records)
        else:
            yield records
    if together:
        yield concatenate(together)


def _subjects(parts: Iterable[Records]) -> int:
    return sum(len(records["subjects"]["subject"]) for records in parts)
