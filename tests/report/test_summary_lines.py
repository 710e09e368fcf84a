"""What a run prints fits a screen: at most 60 lines of 80 columns, findings and the decision before any table."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from protocolsim.cli import main
from protocolsim.report.run import decision, findings
from protocolsim.report.run.console import print_summary
from protocolsim.report.style import numbers
from protocolsim.scenario.load import load
from protocolsim.study.companions import companions
from protocolsim.study.levels import null_trials, with_levels
from protocolsim.study.run import run

SCENARIOS = sorted(p.stem for p in (Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
WITH_A_DECISION = {"ms_daclizumab", "ms_no_drug", "ms_threshold_50", "hcv_label"}


def printed(result, *, explain: bool = False, width: int = 80) -> str:
    out = io.StringIO()
    print_summary(result, Console(file=out, width=width, color_system=None), explain=explain)
    return out.getvalue()


def one_line(text: str) -> str:
    return " ".join(text.replace("\n- ", "\n").split())


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_run_fits_a_screen(name):
    """Of every shipped scenario: few and short lines, findings before any table, and nothing published left out."""
    scenario = load(name)
    nulls = null_trials(scenario)
    result = run(scenario, replicates=2, companions={**companions(scenario), **nulls.trials})
    result = with_levels(result, nulls)
    text = printed(result)
    lines = text.splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 80
    before, *_ = text.partition("────")
    said = [line for line in (*findings.sentences(result), decision.sentence(result)) if line]
    assert [line for line in said if one_line(line) not in one_line(before)] == []
    for found in result.estimates.values():
        if found.published is not None:
            assert numbers.published(found) in text
    assert one_line(numbers.verdict(result)) in one_line(text)
    assert bool(decision.sentence(result)) or name not in WITH_A_DECISION
    if scenario.notes:
        assert "Caveat:" not in text
        assert f"{numbers.count(len(scenario.notes), 'caveat')}" in one_line(text)


def test_nothing_is_lost_behind_explain():
    """The long form has every estimate, every definition and every caveat; the short one counts what it leaves out."""
    result = run(load("ms_daclizumab"), replicates=2)
    short, long = printed(result), one_line(printed(result, explain=True, width=200))
    ends = numbers.of_subjects(result)
    left_out = [e for e in ends if e.label not in short]
    assert all(e.label in long for e in result.estimates.values())
    assert all(line in long for line in (numbers.RANGE_MEANS, numbers.ROLES_MEAN, *result.scenario.notes))
    assert not left_out or f"{numbers.count(len(left_out), 'more result')}" in one_line(short)


def test_the_decision_counts_those_who_were_sent():
    """The shares of the sentence are those of the endpoint that counts the same moves."""
    result = run(load("ms_daclizumab"), replicates=50)
    sent = result.estimates["assigned_monotherapy"]
    said = one_line(decision.sentence(result))
    assert f"{100 * sent.value:.0f} % to 'Daclizumab alone'" in said
    assert "(75 %)?" in said


def test_the_list_fits_a_screen():
    """No line of the list of scenarios is wider than 80 columns, and each has its name and title."""
    text = CliRunner().invoke(main, ["list"], env={"COLUMNS": "80"}).output
    assert max(map(len, text.splitlines())) <= 80
    assert all(name in text for name in SCENARIOS)


@given(st.integers(1, 5000).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
@example((1, 200))  # half a per cent, which rounds to none
@example((199, 200))
def test_none_and_all_are_said_of_none_and_all(part):
    """A share in words is 0 % of nobody and 100 % of everybody alone, and else within half a per cent."""
    number, whole = part
    said = numbers.part_of(number, whole)
    assert (said == "0 %") == (number == 0)
    assert (said == "100 %") == (number == whole)
    assert abs(float(said.strip("<> %")) / 100 - number / whole) <= 0.005 + 1e-12
