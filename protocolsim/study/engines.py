"""Which engine simulates a scenario: the only place that knows the engines by name, and loads them when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from protocolsim.engine.base import Engine, Progress
from protocolsim.errors import UsageError, unknown
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario

AUTO = "auto"


def _batch() -> Engine:
    from protocolsim.engine.batch.engine import ENGINE

    return ENGINE


def _des() -> Engine:
    from protocolsim.engine.des.engine import ENGINE

    return ENGINE


# The fastest first: "auto" takes the first that can simulate a trial.
ENGINES: Mapping[str, Callable[[], Engine]] = {"batch": _batch, "des": _des}


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
    scenario: Scenario, seed: int, replicates: range, engine: str, progress: Progress | None = None
) -> Iterator[Records]:
    """The records of a study in order: whole replicates, or parts of a large one."""
    return engine_named(engine).pieces(scenario.trial, seed, replicates, progress)
