"""`protocolsim check`: what it prints, what it refuses, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from protocolsim.cli import main

BROKEN = Path(__file__).parents[1] / "support" / "broken"
SCENARIOS = Path(__file__).parents[2] / "scenarios"


def run(*arguments: str):
    return CliRunner().invoke(main, ["check", *arguments])


def test_a_sound_scenario_has_status_0_and_a_table_of_paths():
    """Without faults the status is 0; every path through the protocol stands in the table."""
    result = run("ms_daclizumab")

    assert result.exit_code == 0
    assert result.output.startswith("ms_daclizumab: 1 note")
    lines = (SCENARIOS / "ms_daclizumab.yaml").read_text().splitlines()
    rule = next(k for k, line in enumerate(lines, 1) if "when: cel_reduction > response_threshold" in line)
    assert f"note     line {rule}, column" in result.output
    assert "screen_failure" in result.output
    assert "17 (27 mg/kg)" in result.output


def test_a_scenario_with_a_fault_has_status_2():
    """A fault, of the file or of a proof, is status 2, and stands with its line; a warning is not."""
    refused = run(str(BROKEN / "gap_at_the_bound.yaml"))
    proven = run(str(BROKEN / "count_below_zero.yaml"))
    warned = run(str(BROKEN / "baseline_of_zero.yaml"))

    assert [r.exit_code for r in (refused, proven, warned)] == [2, 2, 0]
    assert "1 fault; the file cannot be run" in " ".join(refused.output.split())
    assert "fault    line" in proven.output
    assert "warning  line" in warned.output


@pytest.mark.parametrize("there", [True, False])
def test_a_name_that_breaks_a_line_stays_on_its_line(tmp_path, monkeypatch, there):
    """What a file's name has that does not print is escaped, so that no line of it passes for one of ours."""
    monkeypatch.chdir(tmp_path)
    name = "x\nfault  all is well.yaml"
    if there:
        Path(name).write_text("extends: ms_daclizumab\n", encoding="utf-8")
    first = run(name).output.splitlines()[0]
    assert first.startswith(r"x\nfault  all is well.yaml: 1 ")


def test_quiet_only_has_a_status():
    """--quiet prints nothing."""
    result = run(str(BROKEN / "count_below_zero.yaml"), "--quiet")

    assert (result.exit_code, result.output) == (2, "")


def test_a_setting_is_checked_in_its_place():
    """--set checks the scenario with another value."""
    result = run("ms_daclizumab", "--set", "eligible_cels=0", "--json")

    kinds = [f["kind"] for f in json.loads(result.output)["findings"]]
    assert kinds == ["as loaded", "division by zero"]


def test_json_holds_every_path_with_its_visits_and_doses():
    """The paths of the JSON: weeks of entry, visits, doses, worked out by hand from the scenario's schedule."""
    found = json.loads(run("ms_daclizumab", "--json").output)

    assert found["counts"] == {"fault": 0, "warning": 0, "note": 1}
    assert found["paths_complete"] is True
    by_states = {tuple(p["states"]): p for p in found["paths"]}
    doubled = by_states["baseline", "combination", "dose_doubled", "completed"]
    assert doubled["weeks"] == [0, 12, 38, 78]
    # Scans and doses: 4 visits at baseline; weeks 0, 2, ... 22 of the combination; ten every four weeks.
    assert doubled["visits"] == 4 + 7 + 10
    assert doubled["assessments"]["mri"] == 4 + 6 + 10
    assert doubled["given"]["daclizumab"] == {"doses": 7 + 10, "mg_per_kg": 7 * 1 + 10 * 2}
    rescued = [p for p in found["paths"] if p["states"][-2:] == ["rescued", "completed"]]
    # After each of the ten scans on daclizumab alone; the end is week 66 after enrolment, whenever that was.
    assert [p["weeks"][3] for p in rescued] == [38 + 4 * k for k in range(10)]
    assert {p["weeks"][-1] for p in rescued} == {12 + 66}


@pytest.mark.parametrize("arguments", [("no_such_scenario",), ("ms_daclizumab", "--set", "nonsense=1")])
def test_what_cannot_be_found_is_one_message(arguments):
    """An unknown scenario or name is refused in one message with status 2."""
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Traceback" not in result.output
