"""How fast the reference engine is: against itself at ten times the size, and against the trial written by hand.

In one run, the two sides take turns and medians are compared, since machines are noisy. Two questions:

(a) Does the time grow in proportion? 10,000 subjects may take at most 12 times as long as 1,000.
(b) What does it cost to read the protocol from a file, to key every random number and to make the two engines equal?
    Patients enrolled per second, beside benchmarks/handwritten.py: the same trial written with the same libraries.

Run it: python benchmarks/reference_engine.py [--repeats 5] [--quick]
Exit status 1 if (a) does not hold.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import handwritten

import protocolsim

LIMIT = 12.0
LIBRARIES = ("protocolsim", "simpy", "transitions", "numpy", "numba", "pandas")


def reference(size: int, seed: int) -> None:
    """One replicate of the shipped trial on the reference engine, to its tables."""
    scenario = protocolsim.load("ms_daclizumab", set={"cohort.size": size})
    protocolsim.run(scenario, replicates=1, seed=seed, engine="des")


def by_hand(size: int, seed: int) -> None:
    """The same trial by the hand-written script, to its tables."""
    handwritten.run(size, seed)


def seconds(call: Callable[[int, int], None], size: int, seed: int) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    call(size, seed)
    return time.perf_counter() - started


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
        f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}\n{versions}"
    )


def measure(small: int, large: int, repeats: int) -> dict[str, list[float]]:
    """Times in seconds of every repeat, the three kinds of run taking turns."""
    times: dict[str, list[float]] = {"small": [], "large": [], "by hand": []}
    for repeat in range(repeats):
        times["small"].append(seconds(reference, small, repeat + 1))
        times["by hand"].append(seconds(by_hand, small, repeat + 1))
        times["large"].append(seconds(reference, large, repeat + 1))
    return times


def table(times: dict[str, list[float]], small: int, large: int) -> str:
    """What was measured, with medians, the fastest and the slowest repeat."""
    rows = [
        ("reference engine", small, times["small"]),
        ("reference engine", large, times["large"]),
        ("written by hand", small, times["by hand"]),
    ]
    lines = [f"{'':18}{'enrolled':>10}{'median s':>10}{'min s':>9}{'max s':>9}{'patients/s':>12}"]
    for label, size, taken in rows:
        median = statistics.median(taken)
        lines.append(f"{label:18}{size:>10,}{median:>10.2f}{min(taken):>9.2f}{max(taken):>9.2f}{size / median:>12.0f}")
    return "\n".join(lines)


def main() -> int:
    """Measure, print, and say whether the time grows in proportion."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size: a trial run, not a measurement")
    options = parser.parse_args()
    small, large = (100, 1_000) if options.quick else (1_000, 10_000)

    # Kernels are compiled, and modules loaded, before the clock starts.
    reference(15, 1)
    by_hand(15, 1)
    times = measure(small, large, options.repeats)
    median = {name: statistics.median(taken) for name, taken in times.items()}
    growth, against = median["large"] / median["small"], median["by hand"] / median["small"]
    print(describe())
    print(f"medians of {options.repeats} alternating repeats\n")
    print(table(times, small, large))
    print(f"\n(a) {large:,} against {small:,} subjects: {growth:.1f} times as long (limit {LIMIT:g})")
    print(f"(b) reference engine against written by hand: {against:.2f} times as many patients a second")
    return 0 if growth <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
