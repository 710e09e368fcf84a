"""The commands that the README promises are those that are run, and their failure is a failure."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CI = ROOT / ".ci" / "run"


def commands() -> list[str]:
    """The lines of the README's first block of shell."""
    block = re.search(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert block is not None, "README.md has no ```sh block"
    return block[1].splitlines()


def test_two_commands():
    """Two lines are enough: one to run a trial, one to test the package."""
    assert commands() == [
        "python -m pip install . && protocolsim run ms_daclizumab",
        "python -m pip install -e '.[test]' && python -m pytest",
    ]


def test_ci_runs_the_test_command_of_the_readme():
    """.ci/run holds the README's test command as a line of its own."""
    assert CI.read_text(encoding="utf-8").splitlines().count(f"{commands()[1]} || exit") == 1


# Stands in for Python: makes an environment whose `python` writes down its arguments, and fails where it is told to;
# its `uv` makes another such environment.
STAND_IN = """#!/usr/bin/env bash
set -e
[[ "$1 $2" == "-m venv" && -n "$3" ]] || { echo "Python 3"; exit; }
mkdir -p "$3/bin"
echo "PATH=$3/bin:\\$PATH" > "$3/bin/activate"
printf '#!/usr/bin/env bash\\necho "$*" >> "$CALLS"\\n[[ "$*" != *"$FAILS"* ]]\\n' > "$3/bin/python"
printf '#!/usr/bin/env bash\\n[[ $1 != venv ]] || cp -r "${0%%/bin/uv}" "${@: -1}"\\n' > "$3/bin/uv"
chmod +x "$3/bin/python" "$3/bin/uv"
"""


@pytest.mark.parametrize("fails", ["pip install", "pytest", "ruff check", "ruff format", "mypy", "nothing"])
def test_ci_fails_when_any_step_fails(tmp_path, fails):
    """.ci/run stops with a failure at the first step that fails, and succeeds when none does."""
    python, calls = tmp_path / "python", tmp_path / "calls"
    python.write_text(STAND_IN, encoding="utf-8")
    python.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(python), "CALLS": str(calls), "FAILS": fails, "TMPDIR": str(tmp_path)}
    done = subprocess.run(["bash", CI], env=environment, capture_output=True, check=False)
    steps = [" ".join(call.split()[1:3]) for call in calls.read_text(encoding="utf-8").splitlines()]
    everything = ["pip install", "pytest", "ruff check", "ruff format", "mypy"]
    if fails == "nothing":
        assert (done.returncode, steps) == (0, everything)
    else:
        assert done.returncode != 0
        assert steps == everything[: everything.index(fails) + 1]
