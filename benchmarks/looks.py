"""What do looks at the accumulating data cost? Trials with four looks against the same trials without, paired.

Each round simulates so many trials of the batch engine without looks and with them, taking turns in who is first: an
O'Brien-Fleming boundary on the z of two shares, and futility that is not binding. Compared is the processor time of
trials that are stopped and truncated (`obeyed`), and of the same looks where nothing ever stops a trial (`unheeded`),
so that all looks and the whole tables are there; the median over the pairs, and beside it the least of each side. Four
looks may cost at most 15 % of the run.

Run it: python benchmarks/looks.py [--replicates 1000] [--size 240] [--rounds 9] [--profile]
Exit status 1 if the limit does not hold. Nothing is written to disk.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import protocolsim
from protocolsim.engine.batch import simulation

LIMIT = 1.15
INTERIM = """
extends: ms_randomised
cohort: {{size: {size}}}
interim:
  of: arm
  control: placebo
  statistics: {{z: {{z of: passed_between_arms}}}}
  boundaries:
    efficacy: {{spends: 2.5 %, as: obrien_fleming}}
    futility: {{values: [0, 0, 0]}}
  looks: {{when: {{followed: [{looks}], for: 26 weeks}}}}
  rules:
    - {{stop: efficacy, when: z >= {efficacy}}}
    - {{stop: futility, when: z < {futility}}}
    - {{at: last, conclude: no effect, otherwise: true}}
"""
SIDES = {"obeyed": ("efficacy", "futility"), "unheeded": ("efficacy + 100", "futility - 100")}


def loaded(size: int, efficacy: str, futility: str, folder: Path) -> protocolsim.Scenario:
    """The randomised trial with four looks."""
    looks = ", ".join(str(size * k // 4) for k in range(1, 5))
    file = folder / f"looks_{len(efficacy)}.yaml"
    file.write_text(INTERIM.format(size=size, looks=looks, efficacy=efficacy, futility=futility), encoding="utf-8")
    return protocolsim.load(file)


def seconds(scenario: protocolsim.Scenario, replicates: int) -> float:
    """Processor time of these trials."""
    begun = time.process_time()
    for records in simulation.pieces(scenario.trial, 1, range(replicates)):
        del records
    return time.process_time() - begun


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the ratios, and say whether they are within the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--size", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--profile", action="store_true", help="say where the time of one run with looks goes")
    asked = parser.parse_args(arguments)
    plain = protocolsim.load("ms_randomised", set={"cohort.size": asked.size})
    with TemporaryDirectory() as folder:
        sides = {name: loaded(asked.size, *rules, Path(folder)) for name, rules in SIDES.items()}
    for scenario in (plain, *sides.values()):
        seconds(scenario, 100)  # kernels and libraries are loaded
    if asked.profile:
        import cProfile

        cProfile.runctx(
            "seconds(s, n)", {"seconds": seconds}, {"s": sides["unheeded"], "n": asked.replicates}, sort="tottime"
        )
        return
    times: dict[str, list[float]] = {name: [] for name in ("without", *sides)}
    for number in range(asked.rounds):
        turn = [("without", plain), *sides.items()]
        for name, scenario in turn if number % 2 else reversed(turn):
            times[name].append(seconds(scenario, asked.replicates))
        print(", ".join(f"{name} {column[-1]:.2f} s" for name, column in times.items()), flush=True)
    least = {name: min(times[name]) / min(times["without"]) for name in sides}
    paired = {
        name: statistics.median(a / b for a, b in zip(times[name], times["without"], strict=True)) for name in sides
    }
    print("median of pairs:", ", ".join(f"{name} {ratio:.3f}" for name, ratio in paired.items()), f"(limit {LIMIT})")
    print("least of each:", ", ".join(f"{name} {ratio:.3f}" for name, ratio in least.items()))
    if max(paired.values()) > LIMIT:
        sys.exit(1)


if __name__ == "__main__":
    main()
