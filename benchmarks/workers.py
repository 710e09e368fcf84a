"""How much faster two workers are than one, and what keeping the chunks costs; both as ratios, taking turns.

    python benchmarks/workers.py [--rounds N] [--trials N]

Workers are started beforehand: a long study pays for that once, a short one never starts any. The store is timed in one
process: the same sweep with a folder and without, results and pages left out; and, since the difference of two long
times is mostly noise, also by itself: the time spent in it, over all the other time of the same sweep. Where others use
the machine, two workers cannot be twice as fast by the clock; so the processor time of the busiest process is compared
too (on Linux): that is what the clock would show if the cores were free.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from protocolsim.executor.base import Executor
from protocolsim.executor.here import Here
from protocolsim.executor.processes import Processes
from protocolsim.scenario.load import load
from protocolsim.study.storage.study_folder import study_folder
from protocolsim.study.sweep.sweep import Plan, carry_out, plan


def seconds(planned: Plan, executor: Executor) -> float:
    """How long a sweep takes."""
    began = time.perf_counter()
    carry_out(planned, workers=executor)
    return time.perf_counter() - began


def seconds_kept(planned: Plan, executor: Executor) -> tuple[float, float]:
    """How long it takes where every chunk is kept, and how much of that the store took by itself."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, study_folder(Path(folder) / "out", planned.manifest) as store:
        put, in_store = store.keep, [time.perf_counter() - began]

        def timed(*words: Any) -> None:
            started = time.perf_counter()
            put(*words)
            in_store.append(time.perf_counter() - started)

        object.__setattr__(store, "keep", timed)
        carry_out(planned, workers=executor, folder=store)
        return time.perf_counter() - began, sum(in_store)


def processor_seconds(pool: Processes) -> list[float]:
    """What each worker has used of a processor so far."""
    found = []
    for pid in pool.pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        found.append((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    return found


def busiest(planned: Plan, pool: Processes) -> tuple[float, float]:
    """How long a sweep takes by the clock, and the processor time of the worker that had most to do."""
    before = processor_seconds(pool)
    clock = seconds(planned, pool)
    return clock, max(after - b for after, b in zip(processor_seconds(pool), before, strict=True))


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=4000)
    asked = parser.parse_args()
    planned = plan(load("ms_daclizumab"), {"response_threshold": "25%:75%:25%"}, replicates=asked.trials)
    faster, shared, slower, itself = [], [], [], []
    with Processes(1) as one, Processes(2) as two:
        for executor in (Here(), one, two):
            seconds(planned, executor)  # loads and compiles
        for number in range(asked.rounds):
            (alone, alone_used), (both, both_used) = busiest(planned, one), busiest(planned, two)
            plain, (kept, in_store) = seconds(planned, Here()), seconds_kept(planned, Here())
            faster.append(alone / both)
            shared.append(alone_used / both_used)
            slower.append(kept / plain)
            itself.append(in_store / (kept - in_store))
            busy = os.getloadavg()[0]
            print(
                f"round {number + 1}: two workers {faster[-1]:.2f} times one; store {slower[-1]:.3f}; load {busy:.1f}"
            )
    print(f"median: two workers {statistics.median(faster):.2f} times as fast as one (wanted: 1.7)")
    print(f"median: by the processor time of the busiest worker {statistics.median(shared):.2f}")
    print(f"median: with the store {statistics.median(slower):.3f} times as long as without (wanted: below 1.05)")
    print(f"median: the store itself {statistics.median(itself):.1%} of all the other time (wanted: below 5 %)")


if __name__ == "__main__":
    main()
