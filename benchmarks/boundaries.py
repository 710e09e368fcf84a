"""What do boundaries cost, once a design was simulated? Ten thousand of them, on the trials of both passes.

The randomised trial with four looks is simulated with the effect and without; then so many boundaries, the usual sets
and those moved by a little, are tried on all trials of both passes. Processor time after the passes must be within the
limit. What is found of the design's own boundaries must be what a run reports, to the last bit.

Run it: python benchmarks/boundaries.py [--replicates 2000] [--size 240] [--boundaries 10000]
Exit status 1 if the limit does not hold, or a number differs. Nothing is written to disk.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np

import protocolsim
from protocolsim.study.boundaries.matrix import design_of
from protocolsim.study.boundaries.sets import as_bounds, usual_sets
from protocolsim.study.boundaries.tried import Bounds, tried
from protocolsim.study.run import run

LIMIT = 3.0
_STEP = 1e-3


def many(scenario: protocolsim.Scenario, number: int) -> Bounds:
    """So many boundaries: the usual sets, and those again, each time a little farther out."""
    design = design_of(scenario)
    once = as_bounds(design, usual_sets(design))
    rounds = -(-number // len(next(iter(once.values()))))
    moved = {name: np.concatenate([values + k * _STEP for k in range(rounds)]) for name, values in once.items()}
    return {name: values[:number] for name, values in moved.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the processor time, and say whether it is within the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--size", type=int, default=240)
    parser.add_argument("--boundaries", type=int, default=10_000)
    asked = parser.parse_args(arguments)
    looks = [asked.size * k // 4 for k in range(1, 5)]
    scenario = protocolsim.load(
        "ms_group_sequential", set={"cohort.size": asked.size, "interim.looks.when.followed": looks}
    )
    begun = time.process_time()
    found = protocolsim.boundaries(scenario, [], replicates=asked.replicates)
    passes = time.process_time() - begun
    bounds = many(scenario, asked.boundaries)
    assert found.passes.null is not None
    begun = time.process_time()
    effect = tried(found.passes.effect, bounds)
    tried(found.passes.null, bounds)
    spent = time.process_time() - begun
    told = run(scenario, replicates=asked.replicates).estimates
    different = [n for n, v in effect.values.items() if not np.array_equal(v[0], told[n].value, equal_nan=True)]
    print(
        f"{asked.replicates:,} trials of {asked.size}: passes {passes:.1f} s, then {asked.boundaries:,} boundaries on "
        f"both {spent:.2f} s of processor time (limit {LIMIT} s)"
    )
    if different:
        print("other numbers than a run's: " + ", ".join(different))
    if spent > LIMIT or different:
        sys.exit(1)


if __name__ == "__main__":
    main()
