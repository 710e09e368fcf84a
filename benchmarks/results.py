"""What it costs to keep results: `run --out` beside the same run without it, taking turns; and the memory it takes.

    python benchmarks/results.py [--repeats 3] [--trials 3000] [--long]

(a) Processor time of `protocolsim run ms_daclizumab --out` (five tables as Parquet, the report with its figures, the
    companions) over that of the run without it: at most 2.5; 1.8 is aimed at. All processes of a command count.
(b) Peak memory does not grow with replicates: that of four times the trials at most 1.15 times as much.
(c) With --long: 100,000 trials stream to Parquet under 1 GB.

Exit status 1 if a limit (not an aim) does not hold.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_TIMES, AIM_TIMES, MOST_GROWTH, MOST_BYTES = 2.5, 1.8, 1.15, 1e9
# As it is typed: --quiet without --out tells nobody anything, and leaves out the companions that the findings quote.
COMMAND = (sys.executable, "-m", "protocolsim", "run", "ms_daclizumab")


def measured(*words: str) -> tuple[float, float]:
    """Processor seconds of a command with all its children, and the peak memory of its largest process in bytes."""
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024.0


def kept(trials: int) -> tuple[float, float]:
    """The same of a run that keeps its results."""
    with tempfile.TemporaryDirectory() as folder:
        return measured("--replicates", str(trials), "--out", str(Path(folder) / "out"))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--trials", type=int, default=3000)
    parser.add_argument("--long", action="store_true")
    asked = parser.parse_args()
    kept(10)  # compiles
    plain, out = [], []
    for number in range(asked.repeats):
        plain.append(measured("--replicates", str(asked.trials))[0])
        out.append(kept(asked.trials))
        print(f"round {number + 1}: without {plain[-1]:.2f} s, with --out {out[-1][0]:.2f} s of a processor")
    times = statistics.median(seconds for seconds, _ in out) / statistics.median(plain)
    print(f"(a) {times:.2f} times the processor time of the run (limit {MOST_TIMES}, aim {AIM_TIMES})")
    peak, larger = statistics.median(bytes_ for _, bytes_ in out), kept(4 * asked.trials)[1]
    growth = larger / peak
    print(f"(b) peak {peak / 1e6:.0f} MB; of four times the trials {larger / 1e6:.0f} MB, {growth:.2f} times")
    sound = times <= MOST_TIMES and growth <= MOST_GROWTH
    if asked.long:
        seconds, most = kept(100_000)
        print(
            f"(c) 100,000 trials: {most / 1e6:.0f} MB, {seconds:.0f} s of a processor (limit {MOST_BYTES / 1e6:.0f} MB)"
        )
        sound = sound and most <= MOST_BYTES
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
