"""Comparing two scenarios: every difference of the files, and paired differences of the results."""

from __future__ import annotations

import json

import numpy as np
import pytest

import protocolsim
from protocolsim.scenario.load import load
from protocolsim.study.compare import compare, differing
from tests.cli.test_cli import command, refused

__all__ = ["command"]
LEVEL = "parameters.response_threshold.value"


def test_differences_are_found_and_nothing_else():
    """A change at any place is one difference there, with both values; equal files have none."""
    data = load("ms_daclizumab").document.data
    assert list(differing(data, data)) == []
    changed = load("ms_daclizumab", set={"response_threshold": "60 %", "cohort.size": 20}).document.data
    assert {(d.path, d.a, d.b) for d in differing(data, changed)} == {(LEVEL, "75 %", "60 %"), ("cohort.size", 15, 20)}
    found = list(differing({"x": [1, {"y": 2}], "only": 1}, {"x": [1, {"y": 3}], "title": "t"}))
    assert [(d.path, d.a, d.b, d.matters) for d in found] == [
        ("x[1].y", 2, 3, True), ("only", 1, None, True), ("title", None, "t", False),
    ]  # fmt: skip
    assert [d.path for d in differing({"x": [1]}, {"x": [1, 2]})] == ["x"]


def test_with_itself():
    """A scenario does not differ from itself, and the error of that difference is nothing."""
    found = compare(load("ms_daclizumab"), load("ms_daclizumab"), replicates=4)
    assert found.differences == ()
    assert len(found.pairs) == len(found.a.endpoints)
    for p in found.pairs:
        assert (p.difference, p.mcse) == (0.0, 0.0) or np.isnan(p.difference)


def test_the_same_as_a_sweep():
    """The paired differences are those of a sweep to that very setting, to the last bit."""
    a, b = load("ms_daclizumab"), load("ms_daclizumab", set={"response_threshold": "60 %"})
    found = {p.name: p for p in compare(a, b, replicates=6, seed=5).pairs}
    frame = protocolsim.sweep(a, {"response_threshold": "60%"}, replicates=6, seed=5).frame.set_index("estimate")
    for name, p in found.items():
        row = frame.loc[name]
        expected = [row["value"], row["difference"], row["difference_mcse"]]
        np.testing.assert_array_equal([p.b.value, p.difference, p.mcse], np.array(expected, dtype=float))


def test_a_share_by_hand():
    """The paired error of a mean is that of the differences of single trials, by the textbook formula."""
    a, b = load("ms_daclizumab"), load("ms_no_drug")
    pair = next(p for p in compare(a, b, replicates=12).pairs if p.name == "stopped_for_adverse_event")
    trials = [
        [protocolsim.run(s, replicates=12).subjects.query("enrolled").groupby("replicate")["final_state"].apply(
            lambda f: (f == "withdrawn").mean()).to_numpy() for s in (a, b)]
    ][0]  # fmt: skip
    apart = trials[1] - trials[0]
    assert pair.difference == pytest.approx(apart.mean(), abs=1e-12)
    assert pair.mcse == pytest.approx(apart.std(ddof=1) / np.sqrt(12), abs=1e-12)


def test_only_what_can_be_subtracted():
    """Endpoints that only one of them has are named and not compared."""
    found = compare(load("ms_daclizumab"), load("maa_daclizumab"), replicates=2)
    shared = {p.name for p in found.pairs}
    assert shared | set(found.only_a) == set(found.a.endpoints)
    assert shared | set(found.only_b) == set(found.b.endpoints)
    assert found.only_a


def test_command(command, monkeypatch):
    """Both tables are printed; as JSON it is strict and complete; what cannot be compared is refused."""
    monkeypatch.setenv("COLUMNS", "160")
    status, out, err = command("compare", "ms_daclizumab", "ms_no_drug", "--replicates", "3")
    assert (status, err) == (0, "")
    assert "drugs.daclizumab.median_rate_ratio" in out
    assert "B minus A" in out
    found = json.loads(command("compare", "ms_daclizumab", "ms_no_drug", "--replicates", "3", "--json")[1])
    assert found == compare(load("ms_daclizumab"), load("ms_no_drug"), replicates=3).summary()
    assert "did you mean 'ms_no_drug'" in refused(command, "compare", "ms_daclizumab", "ms_no_drugs")
    assert "replicates: 0 is not between" in refused(
        command, "compare", "ms_no_drug", "ms_no_drug", "--replicates", "0"
    )
