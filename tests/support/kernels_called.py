"""Which kernels the engines call, and with what types: `python -m tests.support.kernels_called` writes kernels.txt.

All are compiled meanwhile that were not yet; who calls kernels from others is not asked.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from numba import types

import protocolsim.kernels.compiling
from protocolsim.errors import UsageError
from protocolsim.kernels.compiling import COMPONENTS, ENGINE, LOAD, SOME
from protocolsim.kernels.machine_code import MachineCode
from protocolsim.scenario.file.library import names
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.run import run

PLACE = Path(protocolsim.kernels.compiling.__file__).parent / "kernels.txt"
HEAD = """\
# What the engines call, in the order in which it is compiled where it is not on the disk (compiling.py).
# Written by `python -m tests.support.kernels_called`. When (load: as a trial is loaded; engine: as it is simulated;
# some: of some trials only), module, kernel, types.
"""
FIRST = "ms_daclizumab"
"""The first command of the README runs it, and those beside it: of the engines' own kernels it calls the usual ones."""
# What takes long and needs what others need comes first; helpers begin at the end, with what takes longest there.
ORDER = [
    "randomness",
    "arithmetic",
    "kinetics",
    "model",
    "disease",
    "drug",
    "cohort",
    "component",
    "observed",
    "endpoint",
    "engine",
    "protocol",
    "sequential",
    "endpoint",
]
MOST = 40  # subjects
WHEN = (LOAD, ENGINE, SOME)
ENGINES = ("batch", "des")
Line = tuple[str, str, str]
LONGEST = ["gather_moves", "set_rates", "fill_doses", "observed", "fill_observations"]


def types_of(signature: tuple[Any, ...]) -> str:
    """A signature as Numba reads it."""
    return f"({', '.join(map(type_of, signature))}{',' if len(signature) == 1 else ''})"


def type_of(kind: Any) -> str:
    if isinstance(kind, types.UniTuple):
        return f"UniTuple({kind.dtype}, {kind.count})"
    if not hasattr(kind, "ndim"):
        return "boolean" if str(kind) == "bool" else str(kind)
    sides = [":"] * kind.ndim
    if kind.layout != "A":
        sides[0 if kind.layout == "F" else -1] = "::1"
    return f"{'boolean' if str(kind.dtype) == 'bool' else kind.dtype}[{','.join(sides)}]"


def called(engine: str, scenarios: Iterable[str], *, whole: bool = False) -> tuple[set[Line], set[Line]]:
    """What is called as these scenarios are loaded, and what the engine calls; `whole`: of their own size."""
    loading, running = set[Line](), set[Line]()
    found, original = loading, MachineCode.load_overload

    def load_overload(self: MachineCode, sig: tuple[Any, ...], target_context: Any) -> Any:
        if not any(k._compiling_counter for k in watched if k._cache is not self):
            found.add((self.function.__module__, self.function.__qualname__, types_of(sig)))
        return original(self, sig, target_context)

    watched = dispatchers()
    for dispatcher in watched:
        dispatcher._reset_overloads()
    MachineCode.load_overload = load_overload  # type: ignore[method-assign]
    try:
        for name in scenarios:
            found = loading
            scenario = of_size(name, whole=whole)
            found = running
            with contextlib.suppress(UsageError):  # an engine that cannot run it
                run(scenario, replicates=2, engine=engine)
    finally:
        MachineCode.load_overload = original  # type: ignore[method-assign]
    return loading, running


def of_size(name: str, *, whole: bool) -> Scenario:
    """A shipped scenario, of few subjects: they call the same kernels."""
    scenario = load(name)
    # Looks count more than a few.
    if whole or name == "ms_large" or scenario.interim is not None:
        return scenario
    return load(name, set={"cohort.size": min(scenario.trial.cohort.size, MOST)})


def dispatchers() -> list[Any]:
    """Every kernel of the package."""
    package = PLACE.parents[1]
    found = []
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if any(word in text for word in ("@kernel", "@inlined", "ByName(")):
            module = importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))
            found += [v for v in vars(module).values() if isinstance(getattr(v, "_cache", None), MachineCode)]
    return [*{id(d): d for d in found}.values()]


def lines() -> list[str]:
    """The list."""
    loading, running = (set.union(*each) for each in zip(*(called(e, names()) for e in ENGINES), strict=True))
    first = [FIRST, *load(FIRST).beside]
    usual = set.union(*(set.union(*called(engine, first, whole=True)) for engine in ENGINES))

    def when_of(line: Line) -> str:
        """Of components whatever trial has them, of all else the usual trial."""
        if line[0].split(".")[1] not in COMPONENTS and line not in usual:
            return SOME
        return LOAD if line in loading else ENGINE

    by = {when: [line for line in loading | running if when_of(line) == when] for when in WHEN}

    def place(line: tuple[str, str, str]) -> tuple[Any, ...]:
        module, name, kinds = line
        late = LONGEST.index(name) + 1 if name in LONGEST else 0
        return late, ORDER.index(module.split(".")[1]), module, name, kinds

    return [f"{when} {' '.join(line)}" for when, found in by.items() for line in sorted(found, key=place)]


if __name__ == "__main__":
    PLACE.write_text(HEAD + "\n".join(lines()) + "\n", encoding="utf-8")
