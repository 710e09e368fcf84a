"""Scenarios that are broken on purpose, each with the finding it must give; and shipped ones, which give none."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocolsim.scenario.check import Checked, check, check_text
from protocolsim.scenario.file.library import names

BROKEN = sorted((Path(__file__).parents[1] / "support" / "broken").glob("*.yaml"))
FEWEST = 30
_MARK = "# expect:"


def expected(text: str) -> list[list[str]]:
    """What a file says must be found in it: severity, kind, a part of the line it points to, a part of the message."""
    return [[p.strip() for p in line[len(_MARK) :].split("|")] for line in text.splitlines() if line.startswith(_MARK)]


def loud(checked: Checked) -> set[tuple[str, str]]:
    """The faults and warnings."""
    return {(f.severity, f.kind) for f in checked.findings if f.severity != "note"}


def test_there_are_thirty():
    """At least thirty scenarios are broken, and one of their kind is not."""
    assert sum(bool(expected(path.read_text())) for path in BROKEN) >= FEWEST
    assert [path.stem for path in BROKEN if not expected(path.read_text())] == ["clean"]


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_each_gives_its_finding_and_no_other(path):
    """What is wrong with a scenario is found at its line, and nothing else is called a fault or a warning."""
    text = path.read_text()
    lines, wanted = text.splitlines(), expected(text)

    checked = check(str(path))

    assert checked.given_up == ()
    assert loud(checked) == {(w[0], w[1]) for w in wanted if w[0] != "note"}
    for severity, kind, line, message in wanted:
        here = [f for f in checked.findings if (f.severity, f.kind) == (severity, kind) and message in f.message]
        assert here, [f.message for f in checked.findings]
        assert any(line in lines[f.line - 1] and f.column > 0 for f in here), [f.line for f in here]


@pytest.mark.parametrize("name", names())
def test_no_shipped_scenario_raises_a_false_alarm(name):
    """Shipped scenarios have no fault, no warning of a proof, and no question is given up."""
    checked = check(name)

    assert {(severity, kind) for severity, kind in loud(checked) if kind != "as loaded"} == set()
    assert checked.given_up == ()
    assert checked.routes is not None
    assert checked.routes.found


def test_the_issue_s_own_counterexample():
    """A scenario that lets anybody in is told about the baseline of zero, in the words of its own file."""
    checked = check("ms_daclizumab", set={"eligible_cels": 0})

    said = [f.message for f in checked.findings if f.kind == "division by zero"]
    who = "a patient with baseline_cel = 0 and current_cel = 0"
    why = "'cel_reduction' is undefined (a division by zero)"
    then = "'cel_reduction > response_threshold' is false and the patient goes to 'dose_doubled'"
    assert said == [f"{who}: {why}, so {then}"]


@pytest.mark.parametrize("cut", range(0, 6000, 151))
def test_a_text_cut_anywhere_is_answered_with_places(cut):
    """While somebody types, the text ends anywhere: that is a finding with a line, never an exception."""
    text = (Path(__file__).parents[2] / "scenarios" / "ms_daclizumab.yaml").read_text()[:cut]

    checked = check_text(text, "typing.yaml")

    assert checked.count("fault") > 0
    assert all(f.line > 0 or f.path == "" for f in checked.findings)
