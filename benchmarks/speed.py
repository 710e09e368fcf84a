"""How fast the engines are, side by side: the trial by hand, the reference engine, the batch engine.

All simulate scenarios/ms_daclizumab.yaml, on one processor, taking turns; medians are compared, since machines are
noisy. Patients are those enrolled; screening them is part of the work. The questions, and what is promised or aimed at:

(a) Does the reference engine's time grow in proportion? 10,000 subjects take at most 12 times as long as 1,000.
(b) What does it cost to read the protocol from a file and to key every random number? The reference engine is aimed
    to be no slower than the same trial written by hand with the same libraries (benchmarks/handwritten.py).
(c) What does the batch engine gain? It is aimed to be 150 times as fast as the trial written by hand.
(d) How long until the first answer? 1,000 trials in a new process take at most 2 s, once the kernels are compiled.
(e) With --long: 10 million subjects stream through at most 1.5 GB, and both engines agree on 100,000.

Run it: python benchmarks/speed.py [--repeats 5] [--quick] [--long]
Exit status 1 if a limit (not an aim) does not hold. Nothing is written to disk.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import handwritten

import protocolsim
from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des

NAME = "ms_daclizumab"
LIBRARIES = ("protocolsim", "simpy", "transitions", "numpy", "numba", "pandas")
HAND, BATCH = "written by hand", "batch engine"
REFERENCE, REFERENCE_LARGE = "reference engine", "reference engine, large"
HELP = "from protocolsim.cli import main; main()"
ANSWER = (
    "import protocolsim; protocolsim.run(protocolsim.load('ms_daclizumab'), replicates=1000, engine='batch').summary()"
)
MEMORY = """
import sys
sys.path.insert(0, {folder!r})
import speed
speed.SIDES[{side!r}]({size}, 1)
print(speed.peak_so_far())
"""
TEN_MILLION = """
import sys
sys.path.insert(0, {folder!r})
import protocolsim, speed
scenario = protocolsim.load('ms_daclizumab', set={{'cohort.size': 10_000_000, 'cohort.max_candidates': 100_000_000}})
protocolsim.run(scenario, replicates=1, engine='batch')
print(speed.peak_so_far())
"""

Side = Callable[[int, int], int]


def by_hand(size: int, seed: int) -> int:
    """Trials of 15 written by hand, to their tables, until so many subjects are enrolled."""
    return int(handwritten.run(size, seed)["subjects"]["enrolled"].sum())


@functools.cache
def _loaded(size: int = 15) -> protocolsim.Scenario:
    """Read before the clock starts; (d) says what reading costs."""
    return protocolsim.load(NAME, set={"cohort.size": size})


def reference(size: int, seed: int) -> int:
    """One replicate on the reference engine, to its tables."""
    return sum(int(r["subjects"]["enrolled"].sum()) for r in des.pieces(_loaded(size).trial, seed, range(1)))


def batched(size: int, seed: int) -> int:
    """Trials of 15 on the batch engine, to their tables, until so many subjects are enrolled."""
    trial = _loaded().trial
    return sum(int(r["subjects"]["enrolled"].sum()) for r in batch.pieces(trial, seed, range(max(1, size // 15))))


SIDES: dict[str, Side] = {HAND: by_hand, REFERENCE: reference, REFERENCE_LARGE: reference, BATCH: batched}


def measure(sizes: dict[str, int], repeats: int) -> dict[str, list[float]]:
    """Patients per second of every repeat, the sides taking turns."""
    rates: dict[str, list[float]] = {side: [] for side in sizes}
    for repeat in range(repeats):
        for side, size in sizes.items():
            started = time.perf_counter()
            enrolled = SIDES[side](size, repeat + 1)
            rates[side].append(enrolled / (time.perf_counter() - started))
    return rates


def in_new_process(*arguments: str) -> tuple[float, str]:
    """Seconds that a new Python took, and what it printed."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)  # noqa: S603
    return time.perf_counter() - started, done.stdout


def peak_so_far() -> float:
    """Peak memory of this process, MB."""
    try:
        # Where Linux tells it. What getrusage tells there begins with the memory of the process that started this one.
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(float(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


def peak_memory(side: str, size: int) -> float:
    """Peak memory of a process that runs this side once, MB."""
    code = MEMORY.format(folder=str(Path(__file__).parent), side=side, size=size)
    return float(in_new_process("-c", code)[1])


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else "unknown processor"


def describe() -> str:
    """The machine and the versions that the numbers belong to."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return (
        f"{processor()}, one of {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}\n{versions}"
    )


def table(rates: dict[str, list[float]], sizes: dict[str, int], memory: dict[str, float]) -> str:
    """What was measured: median, slowest and fastest repeat, peak memory."""
    lines = [f"{'':26}{'enrolled':>10}{'patients/s':>12}{'slowest':>10}{'fastest':>10}{'peak MB':>9}"]
    for side, found in rates.items():
        middle = statistics.median(found)
        lines.append(
            f"{side:26}{sizes[side]:>10,}{middle:>12,.0f}{min(found):>10,.0f}{max(found):>10,.0f}{memory[side]:>9,.0f}"
        )
    return "\n".join(lines)


def verdict(question: str, found: float, bound: float, kind: str, *, at_most: bool = True, unit: str = "") -> bool:
    """Print one answer beside its limit or aim. Returns whether no limit is broken."""
    held = found <= bound if at_most else found >= bound
    words = f"{kind}: at {'most' if at_most else 'least'} {bound:g}{unit}"
    print(f"{question:62}{found:>9,.2f}{unit}  {words}{'' if held else '  NOT REACHED'}")
    return held or kind == "aim"


def side_by_side(options: argparse.Namespace) -> bool:
    """Questions (a) to (c)."""
    small, large, many = (100, 1_000, 6_000) if options.quick else (1_000, 10_000, 120_000)
    sizes = {HAND: small, REFERENCE: small, REFERENCE_LARGE: large, BATCH: many}
    for side, size in sizes.items():  # modules and scenarios are loaded, kernels compiled, before the clock starts
        _loaded(size)
        SIDES[side](15, 1)
    rates = measure(sizes, options.repeats)
    print(table(rates, sizes, {side: peak_memory(side, size) for side, size in sizes.items()}) + "\n")
    middle = {side: statistics.median(found) for side, found in rates.items()}
    growth = large / small * middle[REFERENCE] / middle[REFERENCE_LARGE]
    return all([
        verdict(f"(a) reference engine, {large:,} against {small:,} subjects", growth, 12.0, "limit"),
        verdict("(b) reference engine against by hand", middle[REFERENCE] / middle[HAND], 1.0, "aim", at_most=False),
        verdict("(c) batch engine against by hand", middle[BATCH] / middle[HAND], 150.0, "aim", at_most=False),
    ])  # fmt: skip


def start_up() -> bool:
    """Question (d): medians of three new processes each."""

    def seconds(*arguments: str) -> float:
        return statistics.median(in_new_process(*arguments)[0] for _ in range(3))

    in_new_process("-c", ANSWER)  # compiles what is not in the cache yet
    return all([
        verdict("(d) import protocolsim", seconds("-c", "import protocolsim"), 1.0, "aim", unit=" s"),
        verdict("    protocolsim --help", seconds("-c", HELP, "--help"), 1.0, "aim", unit=" s"),
        verdict("    first answer, 1,000 trials", seconds("-c", ANSWER), 2.0, "limit", unit=" s"),
    ])  # fmt: skip


def long_runs() -> bool:
    """Question (e)."""
    taken, printed = in_new_process("-c", TEN_MILLION.format(folder=str(Path(__file__).parent)))
    print(f"(e) 10 million subjects in {taken:,.0f} s, {1e7 / taken:,.0f} patients a second, endpoints and all")
    held = verdict("    peak memory", float(printed) / 1024.0, 1.5, "limit", unit=" GB")
    trial = _loaded(100_000).trial
    pairs = zip(des.pieces(trial, 1, range(1)), batch.pieces(trial, 1, range(1)), strict=True)
    same = all(a.equal(b) for a, b in pairs)
    print(f"    100,000 subjects on both engines: {'equal to the last bit' if same else 'NOT EQUAL'}")
    return held and same


def main() -> int:
    """Measure, print, and say whether every limit holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size: a trial run, not a measurement")
    parser.add_argument("--long", action="store_true", help="also 10 million subjects, and both engines at 100,000")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{describe()}\nmedians of {options.repeats} alternating repeats\n")
    held = [side_by_side(options), start_up()]
    if options.long:
        held.append(long_runs())
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
