"""What a whole threshold curve costs, as a multiple of a single run of the same size.

(h) Every threshold of the 75 % rule, for 10,000 trials, costs less than 3 single runs: both ways of the decision are
    simulated once each, and every estimate at every threshold that is drawn, with its error, comes from these. At any
    threshold the curve is the run at that threshold, which is checked here at one and in the tests at several.

Runs and curves take turns on one processor, and the processor's time is compared, since machines are noisy.
Run it: python benchmarks/curve.py [--replicates 10000] [--repeats 5]
Exit status 1 if the limit does not hold. Nothing is written to disk.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import protocolsim
from protocolsim.study.estimation.estimate import as_json

NAME, LIMIT, THRESHOLD = "ms_daclizumab", 3.0, 0.5
FEWEST = 1_000  # what 51 thresholds cost each time shows in a smaller study


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def equal(replicates: int) -> bool:
    """Whether the curve at one threshold is the run at that threshold."""
    at = protocolsim.thresholds(protocolsim.load(NAME), replicates=replicates).at(THRESHOLD)
    scenario = protocolsim.load(NAME, set={"response_threshold": THRESHOLD})
    ran = protocolsim.run(scenario, replicates=replicates).summary()["estimates"]
    return all(as_json(at[name]) == ran[name] for name in ran if name in at)


def measure(replicates: int, repeats: int) -> tuple[list[float], list[float], list[float]]:
    """Processor time of single runs, of gathering both ways, and of every estimate at every threshold drawn."""
    scenario = protocolsim.load(NAME)
    protocolsim.thresholds(scenario, replicates=2).frame()  # compiles
    protocolsim.run(scenario, replicates=2)
    runs, ways, frames = [], [], []
    for _ in range(repeats):
        runs.append(seconds(lambda: protocolsim.run(scenario, replicates=replicates)))
        found: list[protocolsim.ThresholdCurve] = []
        ways.append(seconds(lambda: found.append(protocolsim.thresholds(scenario, replicates=replicates))))  # noqa: B023
        frames.append(seconds(found[0].frame))
    return runs, ways, frames


def main() -> int:
    """Print the ratio, and whether the limit holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--replicates", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    runs, ways, frames = measure(asked.replicates, asked.repeats)
    ratios = [(w + f) / r for r, w, f in zip(runs, ways, frames, strict=True)]
    run, way, frame, ratio = map(statistics.median, (runs, ways, frames, ratios))
    print(f"{asked.replicates:,} trials, medians of {asked.repeats}, processor time")
    print(f"  one run                         {run:8.2f} s")
    print(f"  both ways of the decision       {way:8.2f} s   {way / run:.2f} runs")
    print(f"  51 thresholds, every estimate   {frame:8.2f} s   {frame / run:.2f} runs")
    print(f"(h) the whole curve: {ratio:.2f} runs (each repeat: {', '.join(f'{r:.2f}' for r in ratios)})")
    same = equal(min(asked.replicates, 500))
    judged = asked.replicates >= FEWEST
    held = same and (ratio < LIMIT or not judged)
    verdict = "holds" if ratio < LIMIT else "DOES NOT HOLD"
    print(f"    {verdict}: below {LIMIT:g}" if judged else f"    not judged below {FEWEST:,} trials")
    print(f"    {'holds' if same else 'DOES NOT HOLD'}: at {THRESHOLD:.0%} it is the run at {THRESHOLD:.0%}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
