"""What the benchmarks compare is the same trial; how fast it is, no test says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


def test_every_side_of_the_comparison_enrols_what_it_is_asked_for():
    """Rates are per patient enrolled, so each side must say truly how many it enrolled."""
    import speed

    assert {side: call(30, 1) for side, call in speed.SIDES.items()} == dict.fromkeys(speed.SIDES, 30)


@pytest.mark.parametrize(
    "arguments",
    [
        ["handwritten.py", "15", "1"],
        ["agreement.py", "--size", "60", "--seed", "2"],
        ["curve.py", "--replicates", "4", "--repeats", "1"],
    ],
    ids=lambda a: a[0],
)
def test_a_script_runs(arguments):
    """Each script runs as its first lines say, and prints what it found."""
    command = [sys.executable, str(FOLDER / arguments[0]), *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout
