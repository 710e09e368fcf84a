"""What do looks at the accumulating data cost? The snapshots of a run and an analysis on each, against the run itself.

Each round simulates so many trials with the batch engine, then takes a snapshot of all of them at each of a few minutes
and evaluates one analysis on it. What is printed are medians of the processor time, and their ratio.

Run it: python benchmarks/looks.py [--replicates 200] [--size 240] [--looks 4] [--rounds 7] [--analysis NAME]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import numpy as np

import protocolsim
from protocolsim.arrays import Integers
from protocolsim.endpoint.base import populations
from protocolsim.engine.batch import simulation
from protocolsim.engine.snapshot import as_of
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

SCENARIO, ANALYSIS = "ms_randomised", "passed_between_arms"


def last_begun(records: Records) -> Integers:
    """When the last subject of each replicate began."""
    minutes = np.zeros(records.replicates, dtype=np.int64)
    subjects = records["subjects"]
    begins = (subjects["arrival_day"] * MINUTES_PER_DAY).astype(np.int64)
    np.maximum.at(minutes, subjects["replicate"] - records.first_replicate, begins)
    return minutes


def look(scenario: Scenario, name: str, records: Records, until: Integers, looks: int) -> None:
    """Looks at equal parts of the time of recruitment, half a year after each."""
    endpoint = scenario.reported[name]
    for number in range(1, looks + 1):
        known = as_of(records, until * number // looks + 26 * MINUTES_PER_WEEK)
        among = getattr(endpoint, "of", endpoint).among
        endpoint.sums(known, populations(known, scenario.populations, [among]))


def measured(scenario: Scenario, name: str, replicates: int, looks: int) -> tuple[float, float]:
    """Processor seconds of one run, and of the looks at it."""
    begun = time.process_time()
    pieces = list(simulation.pieces(scenario.trial, 1, range(replicates)))
    simulated = time.process_time()
    until = [last_begun(records) for records in pieces]
    ready = time.process_time()
    for records, minutes in zip(pieces, until, strict=True):
        look(scenario, name, records, minutes, looks)
    return simulated - begun, time.process_time() - ready


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--size", type=int, default=240)
    parser.add_argument("--looks", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--analysis", default=ANALYSIS)
    asked = parser.parse_args(arguments)
    scenario = protocolsim.load(SCENARIO, set={"cohort.size": asked.size})
    measured(scenario, asked.analysis, asked.replicates, asked.looks)  # kernels and libraries are loaded
    times = [measured(scenario, asked.analysis, asked.replicates, asked.looks) for _ in range(asked.rounds)]
    engine, looks = (statistics.median(column) for column in zip(*times, strict=True))
    share = statistics.median(b / a for a, b in times)
    print(f"engine {engine:.3f} s, {asked.looks} looks {looks:.3f} s: {share:.1%}")


if __name__ == "__main__":
    main()
