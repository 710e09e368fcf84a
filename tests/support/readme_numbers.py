"""The numbers of README.md, from the run that it names: `python -m tests.support.readme_numbers` writes them anew.

The table is that of `protocolsim run ms_daclizumab --parameters plausible`, with its own seed and the usual number of
trials, which is the same on every machine; without the option the command gives the same, but for the last range. `tests/project/test_readme_numbers.py` compares the text with it, so that it cannot drift.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from protocolsim.report.style import numbers
from protocolsim.scenario.load import load
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.parameters.asked import PLAUSIBLE, draws_asked
from protocolsim.study.result import Result
from protocolsim.study.run import run

README = Path(__file__).parents[2] / "README.md"
SCENARIO = "ms_daclizumab"
ROWS = {
    "new_cel_inhibition": "fall of new CELs from week 6",
    "assigned_monotherapy": "sent to daclizumab alone",
    "controlled_on_monotherapy": "controlled on daclizumab alone",
    "stopped_for_adverse_event": "stopped for an adverse event",
}
"""What the table says of each endpoint."""

_TABLE = re.compile(r"^\| \| simulated \|.*?\n\n", re.DOTALL | re.MULTILINE)
_SAID = re.compile(r"\(([\d,]+) trials, seed (\d+)\)")


def simulated() -> Result:
    """The run that the README names."""
    scenario = load(SCENARIO)
    return run(scenario, draws=draws_asked(scenario, PLAUSIBLE, None))


def table(result: Result) -> str:
    """The README's table."""
    assert result.drawn is not None
    drawn = result.drawn.estimates
    rows = [_row(said, result.estimates[name], drawn[name]) for name, said in ROWS.items()]
    head = "| | simulated | one trial, parameters fixed | one trial, parameters uncertain | published |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def _row(said: str, e: Estimate, drawn: Estimate) -> str:
    published = "" if e.published is None else e.published.text
    cells = (said, numbers.simulated(e), numbers.one_trial(e), numbers.one_trial(drawn), published)
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def renewed(text: str, result: Result) -> str:
    """The README with the numbers of this run, and what it was."""
    text, tables = _TABLE.subn(f"{table(result)}\n\n", text)
    text, runs = _SAID.subn(f"({result.replicates:,} trials, seed {result.seed})", text)
    if (tables, runs) != (1, 1):
        raise SystemExit(f"README.md: {tables} tables of simulated numbers and {runs} runs named, expected one of each")
    return text


if __name__ == "__main__":
    before = README.read_text(encoding="utf-8")
    after = renewed(before, simulated())
    README.write_text(after, encoding="utf-8")
    sys.stdout.write("README.md: as it was\n" if after == before else "README.md: renewed\n")
