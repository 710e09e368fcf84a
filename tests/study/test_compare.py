"""Comparing two scenarios: every difference of the files, and paired differences of the results."""

from __future__ import annotations

import html
import json
from pathlib import Path

import numpy as np
import pytest

import protocolsim
from protocolsim.executor.processes import Processes
from protocolsim.scenario.load import load
from protocolsim.study.compare import compare, differing
from protocolsim.study.execution import chunks
from protocolsim.study.execution.chunks import carried_out
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


def test_workers_and_pieces_change_nothing(monkeypatch):
    """For two workers, each with several chunks of either scenario, the comparison is the same to the last bit."""
    monkeypatch.setitem(chunks._SUBJECTS, "batch", 40)
    a, b = (load(name, set={"cohort.size": 5}) for name in ("ms_daclizumab", "ms_no_drug"))
    one = compare(a, b, replicates=30)
    with Processes(2) as two:
        assert json.dumps(compare(a, b, replicates=30, workers=two).summary()) == json.dumps(one.summary())
    monkeypatch.setitem(chunks._SUBJECTS, "batch", 10_000)
    assert json.dumps(compare(a, b, replicates=30).summary()) == json.dumps(one.summary())


def test_folder(command, monkeypatch):
    """--out holds what the terminal says, whole; --resume simulates only what is missing, and of the same B alone."""
    monkeypatch.setitem(chunks._SUBJECTS, "batch", 40)
    Path("other.yaml").write_text("extends: ms_no_drug\ntitle: Without effect\n")
    words = ("compare", "ms_daclizumab", "other.yaml", "--set", "cohort.size=5")
    status, out, err = command(*words, "--replicates", "30", "--json", "--out", "results")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found == json.loads(Path("results/summary.json").read_text())
    study = protocolsim.open("results")
    table = study.table("comparison").set_index("estimate")
    assert {n: r["difference"] for n, r in found["results"].items() if r["difference"] is not None} == (
        table["difference"].dropna().to_dict()
    )
    again = compare(load("results/scenario.yaml"), load("results/compared.yaml"))
    assert again.summary()["results"] == found["results"]
    page = Path("results/report.html").read_text()
    assert "median_rate_ratio" in page
    assert "http" not in page.split("<body>")[1].split("Provenance")[0].replace("http://www.w3.org/", "")
    assert all(pair.a.label in html.unescape(page) for pair in again.pairs)
    more: list[int] = []

    def counted(chunk):
        more.append(chunk.trials)
        return carried_out(chunk)

    monkeypatch.setattr("protocolsim.study.conduct.carried_out", counted)
    longer = json.loads(command(*words, "--replicates", "40", "--json", "--out", "results", "--resume")[1])
    assert 0 < sum(more) < 2 * 30
    assert longer == json.loads(command(*words, "--replicates", "40", "--json")[1])
    Path("other.yaml").write_text("extends: ms_no_drug\ntitle: Another\n")
    assert "its content was" in refused(command, *words, "--replicates", "40", "--out", "results", "--resume")
