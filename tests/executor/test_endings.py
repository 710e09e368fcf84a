"""Whatever ends a study or the page, at whatever moment: it ends in order, and leaves no process behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")


@pytest.mark.parametrize(
    ("seed", "number"),
    [pytest.param(1, 2, marks=pytest.mark.slow), pytest.param(2026, 500, marks=pytest.mark.long)],
    ids=["some", "500"],
)
def test_endings(tmp_path, seed, number):
    """Ctrl-C, SIGTERM, SIGKILL, a full disk, a killed worker at random moments: support/endings.py says what holds."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.support.endings", tmp_path, str(seed), str(number)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert found.stdout.endswith(f"{number} endings\n")
