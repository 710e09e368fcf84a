"""`protocolsim thresholds`: what it prints, what it refuses, and that a folder is whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import protocolsim
from protocolsim.report.decision import files
from protocolsim.study.decision.thresholds import thresholds
from tests.cli.test_cli import command, everything, refused

__all__ = ["command"]

QUICK = ("thresholds", "ms_daclizumab", "--replicates", "3", "--random-streams", "2")
NAMES = ("curves", "roc", "what_follows", "loss", "definitions", "definitions_roc", "regret")
FIGURES = [f"{n}.{form}" for n in NAMES for form in ("png", "svg", "html")]
TABLES = [*(f"{n}.{form}" for n in ("curve", "definitions", "cuts", "regret") for form in ("parquet", "csv"))]
TABLES += ["summary.json", "provenance.json", "scenario.yaml", "report.html", "manifest.json", "chunks", "ledger.jsonl"]


def strict(text: str):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_is_the_curve_and_nothing_else(command):
    """--json prints strict JSON only: the parameter, the own threshold, and each estimate as the curve has it."""
    status, out, err = command(*QUICK, "--json")
    found = strict(out)
    curve = thresholds(protocolsim.load("ms_daclizumab"), replicates=3)
    assert (status, err) == (0, "")
    assert list(found) == ["parameter", "own", "thresholds", "estimates", "definitions", "true_responder", "regret"]
    assert list(found["definitions"]) == list(curve.definitions)
    assert (found["regret"]["random_streams"], len(found["regret"]["regret"])) == (2, len(found["thresholds"]))
    assert (found["parameter"], found["own"]) == ("response_threshold", 0.75)
    said = curve.frame(np.array(found["thresholds"]))
    assert set(found["estimates"]) == set(said["estimate"])
    for name, rows in said.groupby("estimate"):
        told = found["estimates"][name]
        assert [e["threshold"] for e in told] == found["thresholds"]
        for key in ("value", "mcse", "lo", "hi"):
            numbers = np.array([np.nan if e[key] is None else e[key] for e in told])
            np.testing.assert_array_equal(numbers, rows[key].to_numpy())


def test_the_terminal_says_what_the_numbers_do(command, monkeypatch):
    """The table marks the scenario's own threshold once; below stand who decides, the least loss, and the caveat."""
    monkeypatch.setenv("COLUMNS", "400")
    status, out, err = command(*QUICK)
    assert (status, err) == (0, "")
    assert sum(line.lstrip().startswith("* 75") for line in out.splitlines()) == 1
    curve = thresholds(protocolsim.load("ms_daclizumab"), replicates=3)
    assert f"{len(curve.measured):,} subjects of 3 simulated trials reach the decision" in out
    # The unit of the loss, as the scenario's file has it.
    assert "over 40 weeks after the decision: count, of new CELs; stop, the probability of " in out
    assert "The loss is in counts: a stop weighs 10 of them, 1 mg/kg 0.1." in out
    for words in ("The scenario's own threshold is 75 %", "trivially best", "± max", "the expected loss"):
        assert words in out
    shares = curve.frame(np.array([0.75])).set_index("estimate")["value"]
    row = next(line for line in out.splitlines() if line.lstrip().startswith("* 75"))
    assert f"{100 * shares['share_sent']:.1f}" in row
    assert f"{shares['expected_loss']:.2f}" in row


def test_settings_and_quiet(command):
    """--set changes the scenario that is shown, --quiet prints nothing."""
    assert command(*QUICK, "--quiet") == (0, "", "")
    _, out, _ = command(*QUICK, "--json", "--set", "response_threshold=50 %")
    assert strict(out)["own"] == 0.5


def test_out_is_complete(command):
    """--out holds tables, words, scenario, provenance, page and every figure; the tables agree with each other."""
    status, out, _ = command(*QUICK, "--out", "results")
    assert status == 0
    assert "written to results" in out
    assert sorted(p.name for p in Path("results").iterdir()) == sorted([*TABLES, *FIGURES])
    frame = pd.read_parquet("results/curve.parquet")
    curve = thresholds(protocolsim.load("ms_daclizumab"), replicates=3)
    pd.testing.assert_frame_equal(frame, curve.frame(frame["threshold"].unique()), check_dtype=False)
    written = pd.read_csv("results/curve.csv").fillna({"unit": ""})
    pd.testing.assert_frame_equal(written, frame, check_dtype=False)
    assert strict(Path("results/summary.json").read_text())["thresholds"] == sorted(frame["threshold"].unique())
    assert strict(Path("results/provenance.json").read_text())["replicates"] == "3"
    again = thresholds(protocolsim.load("results/scenario.yaml"), replicates=3)
    assert again.at(0.75) == curve.at(0.75)


def test_results_are_all_or_nothing(command, monkeypatch):
    """Where a figure cannot be written there are no results, but what was simulated; earlier results stay."""

    def broken(chart, path):
        raise OSError(28, "No space left on device")

    def stopped(*words: str) -> set[str]:
        with monkeypatch.context() as patch:
            patch.setattr(files, "save", broken)
            status, _, err = command(*QUICK, "--out", "results", *words)
        assert status == 2
        assert "No space left" in err
        assert "parts are kept in results" in err
        return {p.name for p in Path("results").iterdir()}

    assert stopped() == {"manifest.json", "ledger.jsonl", "chunks"}
    with monkeypatch.context() as patch:
        patch.setattr(files, "save", lambda chart, path: path.write_text("drawn"))
        assert command(*QUICK, "--quiet", "--out", "results", "--resume")[0] == 0
    whole = everything()
    stopped("--overwrite")
    assert whole.items() <= everything().items()


def test_overwrite(command, monkeypatch):
    """Earlier results are replaced with --overwrite only, and never a folder with anything else in it."""
    monkeypatch.setattr(files, "save", lambda chart, path: path.write_text("drawn"))
    assert command(*QUICK, "--quiet", "--out", "results")[0] == 0
    assert "--overwrite" in refused(command, *QUICK, "--out", "results")
    assert command(*QUICK, "--seed", "5", "--quiet", "--out", "results", "--overwrite")[0] == 0
    assert strict(Path("results/provenance.json").read_text())["seed"] == "5"
    assert [p.name for p in Path().iterdir()] == ["results"]
    Path("results/thesis.txt").write_text("mine")
    assert "thesis.txt" in refused(command, *QUICK, "--out", "results", "--overwrite")
    assert "without --out" in refused(command, *QUICK, "--overwrite")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--rule", "response_treshold"), "did you mean 'response_threshold'"),
        (("--replicates", "0"), "replicates"),
        (("--random-streams", "1"), "--random-streams (0 for none): 1 is not between 2"),
        (("--random-streams", "-3"), "--random-streams"),
        (("--engine", "quick"), "engine"),
        (("--set", "response_threshold"), "NAME=VALUE"),
        (("--rule", "unranged", "--set", "parameters.unranged.value=3"), "unranged"),
    ],
)
def test_refusals(command, words, why):
    """What cannot be done is one message on standard error and status 2, and leaves nothing."""
    assert why in refused(command, "thresholds", "ms_daclizumab", *words, "--out", "results")


def test_more_than_a_threshold_is_swept(command):
    """A parameter that is more than a bound is said to be so, and swept over its range in 21 points."""
    words = ("thresholds", "ms_daclizumab", "--replicates", "2", "--set", "cohort.size=2", "--rule", "rescue_level")
    status, out, err = command(*words, "--json", "--out", "results")
    found = strict(out)
    assert status == 0
    assert "longer rule" in err
    assert "21 points" in err
    np.testing.assert_allclose(found["thresholds"], np.linspace(0.1, 2.0, 21))
    assert (found["parameter"], found["own"]) == ("rescue_level", 1.0)
    at = protocolsim.run(
        protocolsim.load("ms_daclizumab", set={"cohort.size": 2, "rescue_level": "200 %"}), replicates=2
    )
    for name, told in found["estimates"].items():
        value = at.summary()["estimates"][name]["value"]
        assert told[-1]["value"] == value
    assert Path("results/sweep.parquet").is_file()


def test_a_parameter_without_a_range_is_refused(command):
    """Where the parameter is more than a bound and has no range, there is nothing to sweep over."""
    text = protocolsim.load("ms_daclizumab").resolved
    start = text.index("  rescue_level:")
    cut = text.index("range:", start)
    end = text.index("    meaning:", cut)
    Path("mine.yaml").write_text(text[:cut].rstrip(" ") + text[end:])
    assert "no range" in refused(command, "thresholds", "mine.yaml", "--rule", "rescue_level", "--out", "results")


def test_the_package_offers_it():
    """`protocolsim.thresholds` is the curve that the command shows."""
    curve = protocolsim.thresholds("ms_daclizumab", replicates=3)
    inner = thresholds(protocolsim.load("ms_daclizumab"), replicates=3)
    assert curve.frame(np.array([curve.own])).equals(inner.frame(np.array([inner.own])))
