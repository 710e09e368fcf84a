"""Does it pay to keep work buffers between runs? Pairs of processes taking turns, with the pool and without.

Each process simulates the same trials several times, as the page, a worker or a sweep does; the first run of each has
the pool still empty. What is printed are medians of the processor time of each run, and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

RUNS = 4
CODE = """
import sys, time
import numpy as np
import protocolsim
from protocolsim.engine.batch import buffers, simulation
if sys.argv[1] == "without":
    buffers.Workspace.empty = lambda self, name, shape, dtype=np.float64: np.empty(shape, dtype=dtype)
    buffers.TablePool.table = lambda self, kinds, rows: {n: np.empty(rows, dtype=k) for n, k in kinds.items()}
trial = protocolsim.load("ms_daclizumab").trial
for records in simulation.pieces(trial, 1, range(2)):
    pass
for run in range(int(sys.argv[3])):
    begun = time.process_time()
    for records in simulation.pieces(trial, 2 + run, range(int(sys.argv[2]))):
        pass
    del records
    print(time.process_time() - begun)
"""


def times(side: str, trials: int) -> list[float]:
    """The processor time of each run of one process, in seconds."""
    done = subprocess.run(  # noqa: S603 - this file's own code
        [sys.executable, "-c", CODE, side, str(trials), str(RUNS)], capture_output=True, text=True, check=True
    )
    return [float(line) for line in done.stdout.split()]


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--trials", type=int, default=800)
    asked = parser.parse_args()
    taken: dict[str, list[list[float]]] = {"with": [], "without": []}
    for _ in range(asked.pairs):
        for side, all_times in taken.items():
            all_times.append(times(side, asked.trials))
    medians = {side: [statistics.median(run) for run in zip(*all_, strict=True)] for side, all_ in taken.items()}
    for number, (kept, fresh) in enumerate(zip(medians["with"], medians["without"], strict=True), 1):
        line = f"run {number}: {kept:.3f} s with kept buffers, {fresh:.3f} s without: {fresh / kept:.2f} times"
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
