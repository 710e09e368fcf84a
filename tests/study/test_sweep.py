"""Sweeps: each point is a run, differences are paired, order changes nothing, and bad sweeps never start."""

from __future__ import annotations

import io
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import protocolsim
from protocolsim import cli
from protocolsim.endpoint.base import Endpoint
from protocolsim.errors import ScenarioError, SimulationError, UsageError
from protocolsim.report.sweep.console import print_sweep
from protocolsim.scenario.load import load
from protocolsim.study.execution import trials
from protocolsim.study.run import run
from protocolsim.study.sweep import sweep as study
from protocolsim.study.sweep.grid_values import MOST_POINTS, axis
from protocolsim.study.sweep.sweep import COLUMNS, paired_mcse, plan, sweep

SMALL = {"cohort.size": 5}
NUMBERS = ("value", "mcse", "lo", "hi", "median", "n_undefined")


def same(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(a, b, check_exact=True)


@pytest.fixture(scope="module")
def scenario():
    return load("ms_daclizumab", set=SMALL)


@pytest.fixture(scope="module")
def frame(scenario):
    return sweep(scenario, {"response_threshold": "25%:75%:25%", "dose_multiple": "2,3"}, replicates=6)


class TestPoints:
    def test_a_point_is_a_run(self, frame):
        """Every point has, to the last bit, the numbers of a run at its settings."""
        for threshold, multiple in ((25, 3), (50, 2), (75, 2)):
            there = {**SMALL, "response_threshold": f"{threshold} %", "dose_multiple": multiple}
            expected = run(load("ms_daclizumab", set=there), replicates=6).estimates
            found = frame[(frame["response_threshold"] == threshold) & (frame["dose_multiple"] == multiple)]
            assert list(found["estimate"]) == list(expected)
            for row in found.itertuples():
                numbers = [getattr(row, k) for k in NUMBERS]
                assert np.array_equal(numbers, [getattr(expected[row.estimate], k) for k in NUMBERS], equal_nan=True)

    def test_the_frame_is_tidy(self, frame, scenario):
        """One row for each point and estimate, the parameters as numbers in the unit written, then fixed columns."""
        assert list(frame.columns) == ["response_threshold", "dose_multiple", *COLUMNS]
        assert len(frame) == 3 * 2 * len(scenario.reported)
        assert sorted(set(frame["response_threshold"])) == [25.0, 50.0, 75.0]
        published = frame[frame["estimate"] == "controlled_on_monotherapy"]["published"]
        assert np.all(published == 9 / 13)
        assert frame[frame["estimate"] == "assigned_monotherapy"]["published"].isna().all()

    def test_the_scenarios_own_value(self, frame):
        """At the scenario's own values every defined difference is zero, and so is its error, exactly."""
        own = frame[(frame["response_threshold"] == 75) & (frame["dose_multiple"] == 2)]
        defined = own[own["mcse"].notna()]
        assert len(defined) > 10
        assert (defined[["difference", "difference_mcse"]] == 0.0).all(axis=None)

    def test_differences_are_from_the_scenarios_own_value(self, frame, scenario):
        """A difference is the value at the point minus that of the scenario as it is; other settings belong to it."""
        own = run(scenario, replicates=6).estimates
        expected = [row.value - own[row.estimate].value for row in frame.itertuples()]
        assert np.array_equal(frame["difference"], expected, equal_nan=True)
        moved = sweep(scenario, {"dose_multiple": [2]}, set={"response_threshold": "30%"}, replicates=6)
        assert (moved["difference"].dropna() == 0.0).all()

    def test_what_has_no_influence_does_not_differ(self, frame):
        """Chance is the same at every point: what happened before the decision does not differ at all."""
        before = frame[frame["estimate"].isin(["enrolled_of_screened", "new_cel_inhibition_combination"])]
        assert (before[["difference", "difference_mcse"]] == 0.0).all(axis=None)
        assert frame["difference"].abs().max() > 0.0

    def test_order_changes_no_number(self, frame, scenario):
        """The order of the parameters, and of the values of each, changes no number."""
        turned = sweep(scenario, {"dose_multiple": "3,2", "response_threshold": "75%:25%:-25%"}, replicates=6)
        keys = ["response_threshold", "dose_multiple", "estimate"]
        a, b = (f[list(frame.columns)].sort_values(keys, ignore_index=True) for f in (frame, turned))
        same(a, b)

    def test_every_door_is_the_same(self, frame):
        """By name with settings, as loaded, through the package: the same frame; another seed, another one."""
        asked: dict[str, Any] = {"response_threshold": [0.25, 0.5], "dose_multiple": np.array([3.0])}
        by_name = protocolsim.sweep("ms_daclizumab", asked, set=SMALL, replicates=6).frame
        chosen = frame[(frame["response_threshold"] < 75) & (frame["dose_multiple"] == 3)].reset_index(drop=True)
        same(by_name.drop(columns="response_threshold"), chosen.drop(columns="response_threshold"))
        other = protocolsim.sweep("ms_daclizumab", asked, set=SMALL, replicates=6, seed=1).frame
        assert not by_name["value"].equals(other["value"])

    def test_both_engines(self, frame, scenario):
        """The reference engine gives the same frame."""
        found = sweep(scenario, {"response_threshold": "25%", "dose_multiple": "3"}, replicates=6, engine="des")
        chosen = frame[(frame["response_threshold"] == 25) & (frame["dose_multiple"] == 3)]
        same(found, chosen.reset_index(drop=True))

    def test_progress_runs_over_all_points(self, scenario):
        """Progress adds up to the trials of all points and of the scenario itself."""
        planned = plan(scenario, {"response_threshold": "0.25,0.5,0.6"}, replicates=5)
        told: list[int] = []
        study.carry_out(planned, told.append)
        assert sum(told) == planned.trials == 4 * 5


class TestErrors:
    def test_pairing_pays(self):
        """The paired error of a difference is far below that of two independent values."""
        found = sweep("ms_daclizumab", {"response_threshold": "65%,85%"}, replicates=40)
        found = found[found["estimate"] == "assigned_monotherapy"]
        own = run(load("ms_daclizumab"), replicates=40).estimates["assigned_monotherapy"]
        unpaired = np.hypot(found["mcse"], own.mcse)
        assert (found["difference_mcse"] > 0.0).all()
        assert (found["difference_mcse"] < 0.7 * unpaired).all()

    @given(st.integers(2, 30), st.integers(0, 2**32 - 1))
    def test_closed_form(self, replicates, seed):
        """With equal denominators it is the standard error of the mean of the paired differences."""
        rng = np.random.default_rng(seed)
        here, there = (np.column_stack([rng.integers(0, 14, replicates), np.full(replicates, 13.0)]) for _ in "ab")
        quotient = _quotient()
        differences = (there[:, 0] - here[:, 0]) / 13.0
        expected = differences.std(ddof=1) / np.sqrt(replicates)
        assert paired_mcse(quotient, there, quotient, here) == pytest.approx(expected, abs=1e-12)
        assert paired_mcse(quotient, here, quotient, here) == 0.0

    def test_each_replicate_left_out_of_both(self):
        """With denominators of their own it is the jackknife over replicates that are left out of both at once."""
        rng = np.random.default_rng(7)
        here, there = (np.column_stack([rng.integers(1, 9, 8), rng.integers(9, 15, 8)]).astype(float) for _ in "ab")
        left = []
        for k in range(8):
            a, b = (np.delete(s, k, axis=0).sum(axis=0) for s in (there, here))
            left.append(a[0] / a[1] - b[0] / b[1])
        expected = np.sqrt(7 / 8 * np.sum((np.array(left) - np.mean(left)) ** 2))
        assert paired_mcse(_quotient(), there, _quotient(), here) == pytest.approx(expected, rel=1e-12)

    def test_one_replicate_has_no_error(self, scenario):
        """A single trial tells nothing of the error; JSON says null."""
        found = study.carry_out(plan(scenario, {"response_threshold": "50%"}, replicates=1))
        assert found.frame["difference_mcse"].isna().all()
        errors = {e["difference_mcse"] for e in found.summary()["points"][0]["estimates"].values()}
        assert errors == {None}


def _quotient() -> Any:
    class Quotient:
        def completed(self, sums):
            return sums

        def value(self, sums):
            return sums[..., 0] / sums[..., 1]

    found: Endpoint = Quotient()  # type: ignore[assignment]
    return found


class TestAxes:
    @given(
        st.decimals(-1000, 1000, places=3), st.decimals(-50, 50, places=4).filter(bool), st.integers(1, 300)
    )  # fmt: skip
    def test_a_range_holds_both_ends(self, low, step, steps):
        """LOW:HIGH:STEP is the decimals low, low + step, ... high, the ends included, whatever floats would say."""
        high = low + steps * step
        found = axis("x", f"{low:f}:{high:f}:{step:f}")
        assert found.values == tuple(float(low + k * step) for k in range(steps + 1))

    def test_the_end(self):
        """An end within a billionth of a step belongs to the range, as it was written; one further off does not."""
        assert axis("x", "0:0.9999999999:0.1").values[-1] == 0.9999999999
        assert axis("x", "0:1.0000000001:0.1").values[-1] == 1.0000000001
        assert axis("x", "0:0.99999:0.1").values[-1] == 0.9

    @pytest.mark.parametrize(
        ("written", "values", "unit", "first"),
        [
            ("25%:95%:5%", range(25, 96, 5), "%", "25 %"),
            ("0 : 100% : 50 %", (0, 50, 100), "%", "0 %"),
            ("0.5 mg/kg:2 mg/kg:0.5 mg/kg", (0.5, 1, 1.5, 2), "mg/kg", "0.5 mg/kg"),
            ("1:2:0.5 mg/kg", (1, 1.5, 2), "mg/kg", "1 mg/kg"),
            ("1 week,4,8 weeks", (1, 4, 8), "weeks", "1 weeks"),
            ("0.9 % / 4 weeks, 2 % / 4 weeks", (0.9, 2), "% / 4 weeks", "0.9 % / 4 weeks"),
            ("1/week,2/week", (1, 2), "/week", "1 /week"),
            ("1e3,.5,-2", (1000, 0.5, -2), "", 1000),
            ([0.1, 2], (0.1, 2), "", 0.1),
            (["50%", "0 %"], (50, 0), "%", "50 %"),
            (range(3), (0, 1, 2), "", 0),
            (7, (7,), "", 7),
        ],
    )
    def test_forms(self, written, values, unit, first):
        """Ranges and lists, with a unit at each number or at one, are numbers in that unit and settings for a file."""
        found = axis("x", written)
        assert (found.values, found.unit, found.settings[0]) == (tuple(map(float, values)), unit, first)
        assert type(found.settings[0]) is type(first)

    def test_what_the_scenario_itself_has(self, scenario):
        """The scenario's own value is told in the unit of the sweep, be it declared or a component's default."""
        for name, written, own in (
            ("response_threshold", "25%,50%", 75.0),
            ("response_threshold", "0.25,0.5", 0.75),
            ("daclizumab_dose", "2 mg/kg", 1.0),
            ("daclizumab.median_rate_ratio", "0.2,0.3", 0.25),
            ("cohort.size", "3,4", 5.0),
        ):
            assert plan(scenario, {name: written}).axes[0].own == own
        rows = {p.name: p for p in scenario.parameters if p.component == "relapsing_ms"}
        persistence = rows["lesion_persistence"]
        assert plan(scenario, {"lesion_persistence": "10%,20%"}).axes[0].own == persistence.value


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "unknown": ({"respons_threshold": "1:2:1"}, "did you mean 'response_threshold'?"),
    "empty range": ({"response_threshold": "50%:50%:5%"}, "the range is empty"),
    "wrong sign": ({"response_threshold": "25%:95%:-5%"}, "the step must be above zero"),
    "wrong sign downwards": ({"response_threshold": "95%:25%:5%"}, "the step must be below zero"),
    "step of zero": ({"response_threshold": "25%:95%:0%"}, "the step is zero"),
    "long step": ({"response_threshold": "25%:95%:80%"}, "the step, 80, is longer than the range"),
    "a million points": ({"response_threshold": "0:1:0.000001"}, "that is 1,000,001 points, more than 2,000"),
    "a million pairs": (
        {"response_threshold": "0:0.999:0.001", "rescue_level": "0.1:1.099:0.001"}, "1,000 x 1,000 has 1,000,000 points"
    ),
    "astronomical": ({"response_threshold": "0:1e300:1e-300"}, "points, more than 2,000"),
    "above the range": ({"response_threshold": "50%:110%:30%"}, "response_threshold=110 %: 110 % is outside its range"),
    "below the least": ({"half_effect_concentration": "0 mg/L,4 mg/L"}, "concentration=0 mg/L: 0 mg/L is below"),
    "above the most": ({"lesion_persistence": "20 %,101 %"}, "lesion_persistence=101 %: 101 % is above"),
    "nonsense": ({"response_threshold": "abc"}, "cannot read 'abc' as a number"),
    "hostile": ({"response_threshold": "__import__('os')"}, "cannot read"),
    "an expression": ({"response_threshold": "1/2"}, "cannot read '1/2'"),
    "not a number": ({"response_threshold": "nan,inf"}, "cannot read 'nan'"),
    "infinite": ({"response_threshold": "1e999"}, "not a finite number"),
    "two numbers": ({"response_threshold": "25%:95%"}, "expected LOW:HIGH:STEP, found 2"),
    "four numbers": ({"response_threshold": "1:2:3:4"}, "expected LOW:HIGH:STEP, found 4"),
    "a gap": ({"response_threshold": "25%,,50%"}, "cannot read ''"),
    "only commas": ({"response_threshold": ",,"}, "nothing to vary over"),
    "ambiguous": ({"response_threshold": "25:95:5%"}, "write '%' at each number"),
    "unknown unit": ({"daclizumab_dose": "1 mgg/kg"}, "unknown unit 'mgg'; did you mean 'mg'?"),
    "two units": ({"daclizumab_dose": "1 mg/kg,2 g/kg"}, "the same unit"),
    "wrong unit": ({"daclizumab_dose": "1 mg,2 mg"}, "found '1 mg', a mass (mg)"),
    "no unit": ({"daclizumab_dose": "1,2"}, "expected a dose (mg/kg)"),
    "a value twice": ({"response_threshold": "50%,50.0%"}, "stands there twice"),
    "half a subject": ({"cohort.size": "2,2.5"}, "2.5 is not a whole number"),
    "a place for text": ({"title": "1,2"}, "expected text"),
    "two names of one": (
        {"response_threshold": "0.2,0.3", "parameters.response_threshold": "0.4,0.5"}, "it is varied twice"
    ),
    "the seed": ({"seed": "1,2"}, "every point has the same seed; give --seed"),
    "the replicates": ({"replicates": "1,2"}, "every point has the same replicates"),
    "nothing": ({}, "a sweep varies something"),
}  # fmt: skip


@pytest.fixture
def nothing_runs(monkeypatch):
    def started(*words):
        raise AssertionError("a sweep that must be refused was started")

    monkeypatch.setattr(trials, "pieces", started)


@pytest.mark.usefixtures("nothing_runs")
class TestRefusals:
    @pytest.mark.parametrize("name", REFUSED)
    def test_bad_sweeps(self, scenario, name):
        """A bad sweep is refused before anything runs, with what was found and what was expected."""
        vary, said = REFUSED[name]
        with pytest.raises(UsageError) as refusal:
            sweep(scenario, vary)
        assert said in str(refusal.value)
        assert "\n" not in str(refusal.value)

    @pytest.mark.parametrize("name", REFUSED)
    def test_bad_sweeps_on_the_command_line(self, command, name):
        """On the command line too: status 2, one message, nothing on standard output, no folder left."""
        vary, said = REFUSED[name]
        words = [w for n, given in vary.items() for w in ("--vary", f"{n}={given}")]
        status, out, err = command("sweep", "ms_daclizumab", *words, "--json", "--out", "results")
        assert (status, out, len(err.splitlines())) == (2, "", 1)
        assert said in err
        assert list(Path().iterdir()) == []

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ((), "Missing argument"),
            (("ms_daclizumab",), "give --vary NAME=LOW:HIGH:STEP"),
            (("ms_dacluzimab", "--vary", "x=1,2"), "did you mean 'ms_daclizumab'?"),
            (("ms_daclizumab", "--vary", "response_threshold"), "expected NAME=LOW:HIGH:STEP"),
            (("ms_daclizumab", "--vary", "=1:2:1"), "expected NAME=LOW:HIGH:STEP"),
            (("ms_daclizumab", "--vary", "response_threshold="), "expected NAME=LOW:HIGH:STEP"),
            (("ms_daclizumab", *["--vary", "response_threshold=.5"] * 2), "it is varied twice"),
            (("ms_daclizumab", "--vary", "response_threshold=.5", "--replicates", "0"), "replicates: 0 is not between"),
            (("ms_daclizumab", "--vary", "response_threshold=.5", "--seed", "-1"), "seed: -1 is not between"),
            (("ms_daclizumab", "--vary", "response_threshold=.5", "--engine", "dse"), "did you mean 'des'?"),
            (("ms_daclizumab", "--vary", "response_threshold=.5", "--out", "held"), "name a new folder"),
            (("ms_daclizumab", "--vary", "response_threshold=.5", "--set", "x"), "--set x: expected NAME=VALUE"),
        ],
    )
    def test_bad_words(self, command, words, said):
        """Bad arguments beside the ranges are refused in the same way."""
        Path("held").mkdir()
        Path("held/notes.txt").write_text("mine")
        status, out, err = command("sweep", *words)
        assert (status, out) == (2, "")
        assert said in err
        assert "Traceback" not in err
        assert [str(p) for p in Path().rglob("*")] == ["held", "held/notes.txt"]

    def test_a_faulty_scenario(self, tmp_path):
        """Faults of the scenario itself are told as they are for a run."""
        path = tmp_path / "trial.yaml"
        path.write_text("extends: ms_daclizumab\ncohort: {size: -3}\n")
        with pytest.raises(ScenarioError, match="-3 is below 1"):
            sweep(str(path), {"response_threshold": "0.5"})

    def test_the_largest_grid(self):
        """Two thousand values are allowed, one more is not."""
        assert len(axis("x", f"1:{MOST_POINTS}:1").values) == MOST_POINTS
        with pytest.raises(UsageError, match="2,001 points"):
            axis("x", f"1:{MOST_POINTS + 1}:1")

    def test_a_name_that_is_a_column(self, scenario, tmp_path):
        """A parameter named like a column of the results goes by its path."""
        path = tmp_path / "trial.yaml"
        path.write_text("extends: ms_daclizumab\nparameters: {value: {value: 1, meaning: idle}}\n")
        with pytest.raises(UsageError, match=r"write parameters\.value\.value instead"):
            plan(str(path), {"value": "1,2"})
        assert len(plan(str(path), {"parameters.value.value": "1,2"}).points) == 2


def test_a_point_that_cannot_be_filled(scenario):
    """Where no cohort can be filled the message names the point."""
    few = {**SMALL, "cohort.max_candidates": 30}
    with pytest.raises(SimulationError, match="at eligible_cels=20: "):
        sweep("ms_daclizumab", {"eligible_cels": "2,20"}, set=few, replicates=1)


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Run the command line in an empty folder: its exit status, standard output and standard error."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(w) for w in words], prog_name="protocolsim")
        out, err = capfd.readouterr()
        return ended.value.code or 0, out, err

    return call


QUICK = ("sweep", "ms_daclizumab", "--set", "cohort.size=5", "--replicates", "6")
ONE = ("--vary", "response_threshold=25%:75%:25%")
BOTH = (*ONE, "--vary", "dose_multiple=2,3")


class TestCommand:
    def test_json(self, command, frame):
        """--json prints parameters and points and nothing else, in strict JSON, with the numbers of the frame."""

        def refuse(constant):
            raise AssertionError(f"{constant} is no JSON")

        status, out, err = command(*QUICK, *BOTH, "--json")
        found = json.loads(out, parse_constant=refuse)
        assert (status, err) == (0, "")
        assert found["parameters"] == [
            {"name": "response_threshold", "unit": "%", "values": [25.0, 50.0, 75.0], "own": 75.0},
            {"name": "dose_multiple", "unit": "", "values": [2.0, 3.0], "own": 2.0},
        ]
        rows = [
            {**p["parameters"], "estimate": name, **{k: e[k] for k in ("label", *NUMBERS, "difference")}}
            for p in found["points"]
            for name, e in p["estimates"].items()
        ]
        printed = pd.DataFrame(rows)
        same(printed, frame[list(printed.columns)])

    def test_the_settings_of_a_point_run_again(self, command):
        """What --json says was set at a point, given to `run --set`, prints the same estimates."""
        point = json.loads(command(*QUICK, *BOTH, "--json")[1])["points"][1]
        words = [w for name, value in point["settings"].items() for w in ("--set", f"{name}={value}")]
        again = json.loads(command("run", *QUICK[1:], *words, "--json", "--no-companions")[1])["estimates"]
        for name, expected in again.items():
            assert {k: point["estimates"][name][k] for k in expected} == expected

    @pytest.mark.parametrize(("vary", "drawn"), [(ONE, True), ((*BOTH, "--vary", "rescue_level=50%,1.0e2%"), False)])
    def test_out(self, command, vary, drawn):
        """--out holds the frame twice, what --json prints, the scenario, its origin, the page, and a figure if any."""
        status, out, _ = command(*QUICK[:-1], "2", *vary, "--json", "--out", "results")
        assert status == 0
        assert json.loads(out) == json.loads(Path("results/summary.json").read_text())
        figures = {"sweep.png", "sweep.svg", "sweep.html"} if drawn else set()
        names = {p.name for p in Path("results").iterdir()}
        assert names == figures | {
            "sweep.parquet", "sweep.csv", "summary.json", "provenance.json", "scenario.yaml", "report.html",
            "manifest.json", "chunks", "ledger.jsonl",
        }  # fmt: skip
        parquet, csv = pd.read_parquet("results/sweep.parquet"), pd.read_csv("results/sweep.csv")
        points = json.loads(out)["points"]
        assert len(parquet) == len(csv) == len(points) * len(points[0]["estimates"])
        assert np.allclose(parquet["value"], csv["value"], rtol=1e-12, equal_nan=True)
        assert load("results/scenario.yaml").trial.cohort.size == 5
        provenance = json.loads(Path("results/provenance.json").read_text())
        assert provenance["varied: response_threshold"] == "25 %, 50 %, 75 %"

    def test_the_terminal(self, command, monkeypatch):
        """Without options there is a line for each point, with the published estimates first."""
        monkeypatch.setenv("COLUMNS", "100")
        status, out, err = command(*QUICK, *ONE)
        assert (status, err) == (0, "")
        for word in ("25 %", "50 %", "75 %", "unvaried", "9/13", "more estimates"):
            assert word in out
        assert "Sent to" not in out

    def test_a_narrow_terminal_without_signs(self, scenario):
        """A terminal that knows plain letters only gets plain letters, and one estimate at least."""
        found = study.carry_out(plan(scenario, {"response_threshold": "0.25,0.5"}, replicates=4))
        written = io.BytesIO()
        with io.TextIOWrapper(written, encoding="ascii", errors="strict") as stream:
            print_sweep(found, Console(file=stream, width=20))
            stream.flush()
            out = written.getvalue().decode("ascii")
        assert "+-" in out
        assert "0.25" in out

    def test_quiet_and_progress(self, command, monkeypatch):
        """A bar runs where a person watches; --quiet and --json stay silent."""
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert "simulating trials" in command(*QUICK, *ONE)[2]
        assert command(*QUICK, *ONE, "--quiet") == (0, "", "")
        assert command(*QUICK, *ONE, "--json")[2] == ""

    def test_an_interruption(self, command, monkeypatch):
        """Ctrl-C leaves nothing behind."""

        def interrupt(*words):
            raise KeyboardInterrupt

        monkeypatch.setattr(trials, "pieces", interrupt)
        assert command(*QUICK, *ONE, "--out", "results") == (130, "", "interrupted; nothing was written\n")
        assert list(Path().iterdir()) == []


def test_decimals_are_exact():
    """A threshold of the grid is the float that its text means, not a sum of floats."""
    values = axis("x", "0:1:0.1").values
    assert values == tuple(float(Decimal(k) / 10) for k in range(11))
    assert values[3] == 0.3
    assert sum([0.1] * 3) != 0.3
