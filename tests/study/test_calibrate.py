"""Calibration of a real scenario: it recovers what is known, says what is not, and can be taken up again."""

from __future__ import annotations

import html
import io
import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from protocolsim.errors import SimulationError, UsageError
from protocolsim.executor.base import Executor
from protocolsim.report.calibration.console import print_calibration
from protocolsim.report.calibration.page import calibration_page
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load
from protocolsim.study import conduct
from protocolsim.study.calibration import calibrate as calibration
from protocolsim.study.calibration.abc_posterior import COVERAGE_BOUNDS
from protocolsim.study.calibration.calibrate import calibrate, calibration_plan, reported, trials_of
from protocolsim.study.calibration.reference_table import Simulated, make_table, simulate, table_plan
from protocolsim.study.calibration.targets import Target, load_targets, targets_of
from protocolsim.study.execution.chunks import carried_out
from protocolsim.study.run import run
from protocolsim.study.storage.study_folder import study_folder
from tests.cli.test_cli import command as command  # noqa: PLC0414 - a fixture, used by name
from tests.cli.test_cli import refused

SYNERGY = "drugs.interferon_beta.loss_factor"
SMALL = ("calibrate", "ms_daclizumab", "--points", "48", "--trials", "2", "--set", "cohort.size=4")
ONE = """\
parameters:
  drugs.daclizumab.median_rate_ratio: {scale: log}
targets:
  new_cel_inhibition: {value: 72 %, source: somebody, mark: F}
"""


def calibrated(points: int, trials: int):
    scenario = load("ms_daclizumab")
    targets = load_targets("ms_daclizumab", scenario)
    return calibrate(targets, calibration_plan(scenario, targets, points=points, trials=trials))


@cache
def reduced():
    """A small calibration of the shipped trial, made once for all tests."""
    return calibrated(224, 24)


def holds(found) -> None:
    assert found.coverage.fits >= 200
    for share, (low, high) in COVERAGE_BOUNDS.items():
        assert ((low <= found.coverage.held[share]) & (found.coverage.held[share] <= high)).all(), found.coverage
    assert found.coverage.believed == "calibrated"
    assert SYNERGY in found.not_identified
    assert {p.free.name: p.own_inside for p in found.parameters} == dict.fromkeys(
        (p.free.name for p in found.parameters), True
    )
    assert all(p.lo <= p.value <= p.hi for p in found.predicted)


@pytest.mark.slow
class TestShipped:
    def test_it_recovers_what_is_known_and_says_what_is_not(self):
        """Of 200 synthetic trials intervals hold the truth as often as they should; the loss factor is not identified.

        The shipped defaults lie in the posterior, and what it predicts holds every published result.
        """
        holds(reduced())

    def test_the_drugs_effect_is_identified(self):
        """The published fall of new lesions says something of the drug's effect, and less would be a broken fit."""
        (effect,) = [p for p in reduced().parameters if p.free.name.endswith("median_rate_ratio")]
        assert effect.sd_ratio < 0.85

    def test_the_report_says_it(self):
        """Terminal and page name what is not identified, and tell whether to believe the rest."""
        found = reduced()
        out = io.StringIO()
        print_calibration(found, Console(file=out, width=120, color_system=None))
        for text in (" ".join(out.getvalue().split()), html.unescape(calibration_page(found))):
            assert f"Not identified by these targets: {', '.join(found.not_identified)}" in text
            assert "Whether to believe this: of 200 simulated trials" in text
            assert "not identified" in text
            assert "9/13 (69 %) [F]" in text
        lines = [line.split() for line in out.getvalue().splitlines()]
        assert [w[-4:-2] for w in lines if w[:1] == ["loss_factor"]] == [["not", "identified"]]

    def test_the_summary_is_json_and_the_draws_are_the_posterior(self):
        """The summary holds no nan, and quantiles of the weighted draws are those that it gives."""
        found = reduced()
        summary = json.loads(json.dumps(found.summary(), allow_nan=False))
        draws = found.draws
        assert draws["weight"].sum() == pytest.approx(1.0)
        for name, one in summary["parameters"].items():
            ordered = draws.sort_values(name)
            half = ordered[name][ordered["weight"].cumsum() >= 0.5].iloc[0]
            assert half == pytest.approx(one["median"])
            assert draws[name].between(one["prior"]["low"], one["prior"]["high"]).all()


@pytest.mark.long
def test_the_full_calibration():
    """What holds of the small calibration holds of the one that the command makes unless told otherwise."""
    holds(calibrated(1024, 64))


class TestReported:
    TABLE = Simulated(np.full((40, 500, 1), 0.9), np.full((40, 1), 0.3))

    def drawn(self, **error):
        return reported([Target("e", 0.3, "", "", "F", **error)], self.TABLE, 1)

    def test_what_this_trial_reported_is_the_trial(self):
        """Without an error of its own a target is compared with single simulated trials."""
        assert np.array_equal(self.drawn(), self.TABLE.trials)

    def test_a_count_of_another_trial_is_binomial(self):
        """19/45 elsewhere is compared with binomials of 45 patients about the long-run value."""
        found = self.drawn(patients=45)
        assert found.mean() == pytest.approx(0.3, abs=0.003)
        assert found.var() == pytest.approx(0.3 * 0.7 / 45, rel=0.05)
        assert found * 45 == pytest.approx(np.round(found * 45), abs=1e-9)

    def test_a_mean_has_its_standard_error(self):
        """A mean with a standard error is compared with normals about the long-run value."""
        found = self.drawn(standard_error=0.02)
        assert (found.mean(), found.std()) == (pytest.approx(0.3, abs=0.001), pytest.approx(0.02, rel=0.05))


def small_plan(points: int = 40, seed: int = 1, text: str = ONE):
    scenario = load("ms_daclizumab", set={"cohort.size": 4})
    targets = targets_of(parse(text, "one.yaml"), scenario)
    return table_plan(
        scenario, targets.parameters, [t.endpoint for t in targets.targets], seed=seed, points=points, trials=2
    )


class Backwards(Executor):
    """Carries out the last task first, and counts them."""

    tasks = 0

    def results(self, function, tasks):
        self.tasks += len(tasks)
        return ((task, function(task)) for task in reversed(tasks))

    def end(self, *, at_once):
        pass


def same(a: Simulated, b: Simulated) -> bool:
    return a.trials.tobytes() == b.trials.tobytes() and a.long_run.tobytes() == b.long_run.tobytes()


class TestTable:
    def test_a_point_is_a_run_of_the_scenario_there(self):
        """What a table holds of a point is what running the scenario with that setting gives, trial by trial."""
        plan = small_plan()
        points = plan.points_at(plan.positions(), 0, plan.trials)
        table = simulate(points[:1])
        (path, setting), *_ = points[0].settings
        there = load("ms_daclizumab", set={"cohort.size": 4, path: setting})
        result = run(there, replicates=2, seed=1)
        assert table.long_run[0, 0] == result.estimates["new_cel_inhibition"].value
        assert table.trials[0, :, 0].min() == result.estimates["new_cel_inhibition"].lo

    def test_the_order_of_the_work_does_not_matter(self):
        """Chunks done last to first, or one by one, give the same table; each is a pure function of what it holds."""
        plan = small_plan()
        points = plan.points_at(plan.positions(), 0, plan.trials)
        whole = make_table(plan)
        assert same(whole, make_table(plan, workers=Backwards()))
        assert same(Simulated(whole.trials[:16], whole.long_run[:16]), simulate(points[:16]))

    def test_a_shorter_table_is_the_beginning_of_a_longer_one(self):
        """Points are added behind those that are there; another seed gives other points."""
        assert np.array_equal(small_plan(points=60).positions()[:40], small_plan().positions())
        assert not np.array_equal(small_plan(seed=2).positions(), small_plan().positions())
        positions = small_plan(points=60).positions()
        assert ((positions > 0.0) & (positions < 1.0)).all()

    def test_it_is_taken_up_where_it_stopped(self, tmp_path):
        """What was kept is not made again, what is damaged or missing is, and the table is the same."""
        plan = small_plan()
        told: list[int] = []
        with study_folder(tmp_path / "out", plan.manifest, pieces="reference") as folder:
            whole = make_table(plan, folder=folder, progress=told.append)
        assert sum(told) == 80
        (tmp_path / "out/reference/chunk_00000.npz").unlink()
        (tmp_path / "out/reference/chunk_00001.npz").write_bytes(b"half a chunk")
        backwards = Backwards()
        with study_folder(tmp_path / "out", plan.manifest, resume=True, pieces="reference") as folder:
            assert same(whole, make_table(plan, folder=folder, workers=backwards))
            assert folder.lost == ["reference/chunk_00001.npz"]
        assert backwards.tasks == 2

    @pytest.mark.parametrize(
        ("other", "differs"),
        [({"seed": 2}, "seed"), ({"points": 41}, "points"), ({"text": ONE.replace("log", "linear")}, "parameters")],
    )
    def test_another_plan_is_not_taken_up(self, tmp_path, other, differs):
        """What was begun with other points, another seed or other priors is refused, with the difference named."""
        with study_folder(tmp_path / "out", small_plan().manifest, pieces="reference") as folder:
            make_table(small_plan(), folder=folder)
        plan = small_plan(**other).manifest
        with (
            pytest.raises(UsageError, match=f"cannot be gone on with: {differs}"),
            study_folder(tmp_path / "out", plan, resume=True, pieces="reference"),
        ):
            pass

    def test_tables_that_cannot_be(self):
        """Too few points or trials, and more trials than there are numbers for, are refused."""
        plan = small_plan()
        for points, trials, said in ((9, 2, "too few"), (64, 1, "below 2"), (1 << 20, 1 << 12, "too many")):
            with pytest.raises(UsageError, match=said):
                table_plan(plan.scenario, plan.free, plan.endpoints, seed=1, points=points, trials=trials)

    def test_a_cohort_that_cannot_be_filled_names_the_point(self):
        """Where nobody is eligible the refusal says at which setting."""
        scenario = load("ms_daclizumab", set={"eligible_cels": 20, "cohort.max_candidates": 30})
        free = small_plan().free
        plan = table_plan(scenario, free, ["new_cel_inhibition"], seed=1, points=16, trials=2)
        with pytest.raises(SimulationError, match=r"at drugs\.daclizumab\.median_rate_ratio = 0\.\d+: "):
            make_table(plan)


def test_a_target_out_of_reach_is_warned_about():
    """Where no parameters come near a target, or none moves it, the reader is told that the posterior means little."""
    scenario = load("ms_daclizumab", set={"cohort.size": 8})
    text = ONE.replace("72 %", "-900 %") + "  enrolled_of_screened: {value: 1/2, source: somebody, mark: F}\n"
    targets = targets_of(parse(text, "far.yaml"), scenario)
    plan = calibration_plan(scenario, targets, points=24, trials=4)
    found = calibrate(targets, plan)
    assert any("-900 % is beyond what the scenario gives" in w for w in found.warnings)
    assert trials_of(plan) == 24 * 4 + 96 * 16


class TestCommand:
    @pytest.fixture(autouse=True)
    def briefly(self, monkeypatch):
        """Fewer checks than a person gets: these tests look at files and messages."""
        monkeypatch.setattr(calibration, "CHECKED", 16)
        monkeypatch.setattr(calibration, "TRIALS_CHECKED", 2)
        monkeypatch.setattr(calibration, "FITS", 20)

    def test_out_resume_and_overwrite(self, command):
        """--out holds the posterior and its table; --resume gives the same again, --overwrite begins anew."""
        status, out, err = command(*SMALL, "--json", "--out", "results")
        assert (status, err) == (0, "")
        summary = json.loads(out)
        assert summary == json.loads(Path("results/summary.json").read_text())
        assert {p.name for p in Path("results").iterdir()} == {
            "reference", "report.html", "posterior.csv", "posterior.json",
            "posterior.parquet", "summary.json", "scenario.yaml",
            "targets.yaml", "provenance.json", "ledger.jsonl",
        }  # fmt: skip
        assert list(pd.read_csv("results/posterior.csv")) == [*summary["parameters"], "weight"]
        assert "it holds earlier results" in refused(command, *SMALL, "--out", "results")
        assert "seed was 2009 and is 3 now" in refused(command, *SMALL, "--out", "results", "--resume", "--seed", "3")
        before = {p.name: p.stat().st_mtime_ns for p in Path("results/reference").iterdir() if p.suffix == ".npz"}
        assert json.loads(command(*SMALL, "--json", "--out", "results", "--resume")[1]) == summary
        assert {n: Path("results/reference", n).stat().st_mtime_ns for n in before} == before
        assert command(*SMALL, "--quiet", "--out", "results", "--overwrite") == (0, "", "")
        assert {n: Path("results/reference", n).stat().st_mtime_ns for n in before} != before

    def test_interrupted(self, command, monkeypatch):
        """Ctrl-C leaves what was done and says how to go on, which gives the same as never having stopped."""
        whole = json.loads(command(*SMALL, "--json")[1])
        made: list[object] = []

        def stopping(chunk):
            if len(made) == 2:
                raise KeyboardInterrupt
            made.append(chunk)
            return carried_out(chunk)

        with monkeypatch.context() as patched:
            patched.setattr(conduct, "carried_out", stopping)
            status, out, err = command(*SMALL, "--json", "--out", "results")
        assert (status, out) == (130, "")
        assert "2 of 3 parts are kept in results" in err
        assert "--resume" in err.splitlines()[1]
        assert len(list(Path("results/reference").glob("*.npz"))) == 2
        assert json.loads(command(*SMALL, "--json", "--out", "results", "--resume")[1]) == whole

    def test_refusals(self, command, tmp_path):
        """Faults of the targets, folders of other things, and options that contradict each other are refused."""
        Path("bad.yaml").write_text(ONE.replace("72 %", "7/5"))
        said = refused(command, "calibrate", "ms_daclizumab", "--to", "bad.yaml")
        assert said.startswith("bad.yaml: 1 fault")
        assert "line 4, column 31" in said
        Path("mine").mkdir()
        Path("mine/diary.txt").write_text("dear diary\n")
        assert "'diary.txt'" in refused(command, *SMALL, "--out", "mine")
        assert "--resume says nothing without --out" in refused(command, *SMALL, "--resume")
        assert "too few" in refused(command, "calibrate", "ms_daclizumab", "--points", "3")
        assert "no targets are shipped for 'ms_no_drug'" in refused(command, "calibrate", "ms_no_drug")
