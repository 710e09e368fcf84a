"""The golden results of every shipped scenario: `python -m tests.support.golden` renews what is missing or has moved.

Each file of golden/ holds what one scenario gives: whole numbers (rows, and sums of every whole column), and the
estimates, with the version that made them and a digest of the changelog's sections "Numbers change" at that time. Where
numbers have moved, they are renewed only if the changelog says so: until the first release every state of it does.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from protocolsim.records import TABLES
from protocolsim.scenario.file.library import names
from protocolsim.scenario.load import load
from protocolsim.study.run import run

HERE = Path(__file__).parent
FOLDER = HERE / "golden"
CHANGELOG = HERE.parent.parent / "CHANGELOG.md"
NO_RELEASE = "None yet: there is no release to compare with."
RENEW = "python -m tests.support.golden"

_SUBJECTS = 240  # of each scenario, about: so many say whether numbers moved, and take no time
_SUBJECTS_OF_DES = 60


def numbers_change(changelog: str) -> str:
    """Every section "Numbers change" of the changelog, newest first."""
    found = re.findall(r"^### Numbers change\n(.*?)(?=^##|\Z)", changelog, re.DOTALL | re.MULTILINE)
    return "\n".join(section.strip() for section in found)


def digest(changelog: str) -> str:
    """What changes with every line about changed numbers."""
    return hashlib.sha256(numbers_change(changelog).encode()).hexdigest()[:16]


def measured(name: str) -> dict[str, Any]:
    """What a shipped scenario gives now."""
    scenario = load(name)
    subjects = _SUBJECTS_OF_DES if scenario.trial.limited else _SUBJECTS
    replicates = max(2, subjects // scenario.trial.cohort.size)
    result = run(scenario, replicates=replicates)
    integers: dict[str, int] = {}
    for table in TABLES:
        columns = result.records[table]
        integers[f"{table}: rows"] = len(columns["subject"])
        for column, values in columns.items():
            if values.dtype.kind in "iub":
                integers[f"{table}.{column}"] = int(values.astype(np.int64).sum())
    floats = {f"{n}.{what}": getattr(e, what) for n, e in result.estimates.items() for what in ("value", "mcse")}
    return {
        "seed": result.seed,
        "replicates": replicates,
        "engine": result.engine,
        "integers": integers,
        "floats": {k: None if np.isnan(v) else float(v) for k, v in floats.items()},
    }


def moved(golden: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Every number that moved: whole ones at all, others by more than 1e-9 (relative, or absolute below 1).

    A number that is new has not moved.
    """
    found = [f"{k} was {golden[k]}, is {now[k]}" for k in ("seed", "replicates", "engine") if golden[k] != now[k]]
    for room in ("integers", "floats"):
        for key, was in golden[room].items():
            is_ = now[room].get(key)
            if was != is_ and not _near(was, is_, room):
                found.append(f"{key} was {was}, is {is_}")
    return found


def _near(was: Any, is_: Any, room: str) -> bool:
    if room == "integers" or was is None or is_ is None:
        return False
    return bool(abs(was - is_) <= 1e-9 * max(1.0, abs(was)))


def may_renew(golden: dict[str, Any], changelog: str) -> bool:
    """Whether the changelog says since the golden results were made that numbers change."""
    return numbers_change(changelog) == NO_RELEASE or golden["changelog"] != digest(changelog)


def renew() -> int:
    """Write what is missing or moved; 1 where something moved that the changelog does not tell."""
    FOLDER.mkdir(exist_ok=True)
    changelog = CHANGELOG.read_text(encoding="utf-8")
    untold = 0
    for gone in {p.stem for p in FOLDER.glob("*.json")} - set(names()):
        (FOLDER / f"{gone}.json").unlink()
    for name in names():
        path, now = FOLDER / f"{name}.json", measured(name)
        golden = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        differences = moved(golden, now) if golden is not None else []
        if golden is not None and differences and not may_renew(golden, changelog):
            sys.stderr.write(f"{name}: write under 'Numbers change' in CHANGELOG.md what moved: {differences[0]}\n")
            untold = 1
        elif differences or golden is None or any(golden[r].keys() != now[r].keys() for r in ("integers", "floats")):
            made = {"version": version("protocolsim"), "changelog": digest(changelog), **now}
            path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
            sys.stdout.write(f"{name}: renewed, {len(differences)} moved\n")
    return untold


if __name__ == "__main__":
    sys.exit(renew())
