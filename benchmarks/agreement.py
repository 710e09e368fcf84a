"""Whether the package and the trial written by hand agree: the same model twice, with nothing in common but numbers.

Each side simulates its own patients with its own generator and its own code. For each quantity the two means are
compared, in units of the standard error of their difference (z). Of twelve honest comparisons, one run in
thirty has one beyond 3, one in a thousand has one beyond 4.

Run it: python benchmarks/agreement.py [--size 4000] [--seed 1] [--engine batch]
Exit status 1 if a difference is beyond 4 standard errors.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any, Literal

import handwritten
import numpy as np
import pandas as pd

import protocolsim

LIMIT = 4.0
TABLES = ("subjects", "observations", "doses", "moves", "events")
SECOND = ("monotherapy", "dose_doubled")
_APART = 1_000_000  # between the numbers of subjects of consecutive replicates


def ours(size: int, seed: int, engine: Literal["des", "batch"]) -> dict[str, pd.DataFrame]:
    """The five tables of the shipped trial, replicates of 15 until so many are enrolled."""
    replicates = max(1, size // handwritten.TRIAL_SIZE)
    result = protocolsim.run(protocolsim.load("ms_daclizumab"), replicates=replicates, seed=seed, engine=engine)
    return {table: result.records.frame(table) for table in TABLES}


def quantities(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.Series]:
    """What is compared: one value per subject who has it."""
    frames = {table: f.assign(subject=f["replicate"] * _APART + f["subject"]) for table, f in frames.items()}
    subjects, moves, events, doses = (frames[table] for table in ("subjects", "moves", "events", "doses"))
    subjects = subjects.set_index("subject")
    enrolled = subjects.index[subjects["enrolled"].astype(bool)]
    seen = frames["observations"].dropna(subset=["value"])
    seen = seen[seen["subject"].isin(enrolled)]

    def scans(variable: str, *states: str) -> pd.api.typing.SeriesGroupBy[Any, Any]:
        chosen = seen[(seen["variable"] == variable) & seen["state"].isin(states)]
        return chosen.groupby("subject")["value"]

    def share(of: pd.Index, who: pd.Series) -> pd.Series:
        return pd.Series(of.isin(who), index=of, dtype=float)

    to = {state: moves.loc[moves["to_state"] == state, "subject"] for state in (*SECOND, "rescued", "completed")}
    decided = pd.Index(pd.concat([to[state] for state in SECOND]))
    given = doses.dropna(subset=["dose"]).groupby("subject")["dose"].sum()
    return {
        "screened who enrol": subjects["enrolled"].astype(float),
        "CEL per baseline scan": scans("cel", "baseline").mean(),
        "new CEL per combination scan": scans("new_cel", "combination").mean(),
        "new CEL per monotherapy scan": scans("new_cel", "monotherapy").mean(),
        "pass the rule, of those it judged": share(decided, to["monotherapy"]),
        "rescued, of those on monotherapy": share(pd.Index(to["monotherapy"]), to["rescued"]),
        "severe adverse event": share(enrolled, events.loc[events["event"] == "severe adverse event", "subject"]),
        "any adverse event": share(enrolled, events["subject"]),
        "log NK, end of combination": np.log(scans("nk_cd56bright", "combination").last()),
        "CD8, monotherapy": scans("cd8", "monotherapy").mean(),
        "EDSS, last": scans("edss", "combination", *SECOND, "rescued").last(),
        "daclizumab, mg/kg in all": given.reindex(enrolled, fill_value=0.0),
    }


def main() -> int:
    """Compare, print, and say whether the two agree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["des", "batch"], default="des")
    options = parser.parse_args()
    mine = quantities(ours(options.size, options.seed, options.engine))
    theirs = quantities(handwritten.run(options.size, options.seed))
    worst = 0.0
    enrolled = max(1, options.size // handwritten.TRIAL_SIZE) * handwritten.TRIAL_SIZE
    print(f"{enrolled} enrolled on each side\n")
    print(f"{'':36}{'package':>10}{'by hand':>10}{'z':>8}")
    for name, a in mine.items():
        b = theirs[name]
        z = (a.mean() - b.mean()) / np.sqrt(a.var() / a.size + b.var() / b.size)
        worst = max(worst, abs(z))
        print(f"{name:36}{a.mean():>10.4f}{b.mean():>10.4f}{z:>8.2f}")
    print(f"\nlargest difference: {worst:.1f} standard errors (limit {LIMIT:g})")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
