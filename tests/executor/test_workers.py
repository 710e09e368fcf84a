"""Who carries out the chunks of a study never shows in its results."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.cli.thresholds import thresholds as command_for_curves
from protocolsim.engine.batch import simulation
from protocolsim.errors import Fault, ScenarioError, SimulationError, UsageError, WorkerError
from protocolsim.executor.adaptive import Adaptive
from protocolsim.executor.base import Executor, cores, in_order, number_of_workers
from protocolsim.executor.choose import executor_for
from protocolsim.executor.here import Here
from protocolsim.executor.processes import Processes
from protocolsim.report.decision.summary import CurveSummary
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.calibration.calibrate import calibration_plan
from protocolsim.study.calibration.reference_table import make_table
from protocolsim.study.calibration.targets import load_targets
from protocolsim.study.conduct import conduct
from protocolsim.study.decision.regret import regret
from protocolsim.study.decision.thresholds import BothBranches, the_rule, thresholds
from protocolsim.study.execution import chunks as chunks_of
from protocolsim.study.execution.chunks import Local, Work
from protocolsim.study.execution.trials import Trials
from protocolsim.study.run import run
from protocolsim.study.sweep.sweep import carry_out, plan


@pytest.fixture(scope="module")
def scenario():
    return load("ms_daclizumab", set={"cohort.size": 5})


@pytest.fixture(scope="module")
def two():
    """Two worker processes for all tests here: each takes seconds to start."""
    with Processes(2) as pool:
        yield pool


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of a few trials, so that a small study has many."""
    monkeypatch.setitem(chunks_of._SUBJECTS, "batch", 40)
    monkeypatch.setitem(chunks_of._SUBJECTS, "des", 40)


# Tasks for executors: a worker finds them by name.


def doubled(number: int) -> int:
    return 2 * number


def failing(number: int) -> int:
    if number % 10 == 7:
        raise SimulationError(f"task {number}")
    return number


def dying_once(path: str) -> str:
    """The first to come leaves a mark and is killed as by the system; who comes after finds the mark."""
    try:
        Path(path, "mark").touch(exist_ok=False)
    except FileExistsError:
        return path
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


def dying(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def process(_: int) -> tuple[int, str]:
    time.sleep(0.05)
    return os.getpid(), os.environ.get("OMP_NUM_THREADS", "")


def travelled(value):
    """The value as it arrives in another process."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


def bytes_of(found) -> dict[str, bytes]:
    """Every array that a result holds, with its type and shape."""
    kept: dict[str, bytes] = {}
    for field in dataclasses.fields(found):
        value = getattr(found, field.name)
        for name, array in value.items() if isinstance(value, Mapping) else (("", value),):
            if isinstance(array, np.ndarray):
                kept[f"{field.name} {name} {array.dtype} {array.shape}"] = array.tobytes()
    return kept


class TestExecutors:
    def test_every_task_once(self, two):
        """Each task comes back once with its own result, from this process or from others."""
        tasks = list(range(50))
        for executor in (Here(), two, Adaptive(2)):
            assert sorted(executor.results(doubled, tasks)) == [(n, 2 * n) for n in tasks]
            assert list(executor.results(doubled, [])) == []

    def test_in_order(self, two):
        """As a map, an executor gives the results in the order of the tasks, as Python's own does."""
        tasks = list(range(30))
        assert (
            list(in_order(two)(doubled, tasks)) == list(in_order(Here())(doubled, tasks)) == list(map(doubled, tasks))
        )

    def test_the_first_failure_is_told(self, two):
        """Of several failing tasks the first in order is told, after all before it, whoever carries them out."""
        for executor in (Here(), two):
            found: list[int] = []
            with pytest.raises(SimulationError, match=r"^task 7$"):
                found.extend(task for task, _ in executor.results(failing, list(range(40))))
            assert set(range(7)) <= set(found)

    def test_one_thread_each(self, two):
        """Workers are other processes, as many as asked for, and their libraries use one thread each."""
        found = {result for _, result in two.results(process, list(range(20)))}
        assert os.getpid() not in {pid for pid, _ in found}
        assert len({pid for pid, _ in found}) == 2
        assert {threads for _, threads in found} == {os.environ.get("OMP_NUM_THREADS", "1")}

    def test_a_dead_worker_is_replaced(self, tmp_path):
        """A worker that is killed costs nothing but time: its tasks are done again, and the user is told once."""
        said: list[str] = []
        with Processes(2, said.append) as pool:
            assert list(pool.results(dying_once, [str(tmp_path)] * 9)) == [(str(tmp_path), str(tmp_path))] * 9
        assert len(said) == 1
        assert "nothing is lost" in said[0]

    def test_what_always_kills_is_given_up(self):
        """A task that kills every worker ends in one message, after three."""
        with pytest.raises(WorkerError, match=r"died 3 times in a row.*fewer --workers"), Processes(1) as pool:
            list(pool.results(dying, [1, 2]))

    def test_workers_pay_or_are_not_started(self, monkeypatch):
        """Where little is left no worker is started; where much is, the rest goes to workers."""
        started = []

        class Counted(Here):
            def __init__(self, workers, say):
                started.append(workers)

            def __exit__(self, *rest):
                pass

        monkeypatch.setattr("protocolsim.executor.adaptive.Processes", Counted)
        assert sorted(Adaptive(2, worth=1e9).results(doubled, [1, 2, 3])) == [(1, 2), (2, 4), (3, 6)]
        assert started == []
        assert sorted(Adaptive(2, worth=-1.0).results(doubled, [1, 2, 3])) == [(1, 2), (2, 4), (3, 6)]
        assert started == [2]

    @pytest.mark.parametrize(
        ("workers", "said"),
        [(0, "not between 1 and"), (-2, "not between"), (5000, "not between"), ("many", "expected a whole number"),
         (True, "expected"), (1.5, "expected")],
    )  # fmt: skip
    def test_impossible_numbers(self, workers, said):
        """What is no number of workers is refused."""
        with pytest.raises(UsageError, match=said):
            executor_for(workers)

    def test_all_cores(self):
        """-1 is one worker for each core, as in SciPy and joblib; one worker is this process."""
        assert number_of_workers(-1) == cores() >= 1
        assert isinstance(executor_for("1"), Here)

    def test_refusals_travel(self):
        """A refusal with its faults survives the way between processes."""
        error = ScenarioError("a.yaml", [Fault(1, 2, "x", "wrong")])
        again = travelled(error)
        assert (str(again), again.faults) == (str(error), error.faults)


class TestChunks:
    def test_a_scenario_travels(self, scenario):
        """Built anew from the document that travels, a scenario gives the same sums, and a chunk is small."""
        (chunk,) = Work([Trials(scenario, "batch", 7, range(3))]).chunks(local=Local(print, print))
        assert len(pickle.dumps(chunk)) < 30_000
        there = travelled(chunk)
        assert there.local == Local()
        theirs = there.parts[0].point.scenario
        assert theirs is not scenario
        assert run(scenario, replicates=3, seed=7).records.equal(run(theirs, replicates=3, seed=7).records)
        assert theirs.name == scenario.name

    def test_a_scenario_is_built_once(self, scenario):
        """However many chunks of a study arrive, a worker builds its scenario once; what was replaced is not lost."""
        assert travelled(scenario) is travelled(scenario)
        other = dataclasses.replace(scenario, title="Another")
        assert travelled(other).title == "Another"
        assert travelled(scenario).title == scenario.title
        smaller = dataclasses.replace(scenario.trial.cohort, size=2)
        few = dataclasses.replace(scenario, trial=dataclasses.replace(scenario.trial, cohort=smaller))
        assert travelled(few).trial.cohort.size == 2
        assert travelled(scenario).trial.cohort.size == 5

    def test_permission_travels(self, scenario):
        """Code from outside is loaded by a worker only where the user allowed it here."""
        plugin = load("ms_daclizumab", allow_plugins=True)
        assert travelled(plugin).allow_plugins
        assert not travelled(scenario).allow_plugins

    @given(st.integers(1, 60), st.integers(1, 20), st.data())
    def test_what_is_missing(self, scenario, wanted, subjects, data):
        """The spans of a study hold each replicate once, whatever is done; what is not done yet is left to do."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(chunks_of._SUBJECTS, "batch", subjects)
            work = Work([Trials(scenario, "batch", 1, range(wanted))] * 3)
            spans = work.spans()
            for point in range(3):
                assert [r for s in spans if s.point == point for r in s.replicates] == list(range(wanted))
            done = data.draw(st.sets(st.sampled_from(spans)))
            assert [p.span for c in work.chunks(done) for p in c.parts] == [s for s in spans if s not in done]

    @pytest.mark.parametrize("engine", ["batch", "des"])
    @pytest.mark.parametrize("size", [1, 3, 17])
    def test_cutting_changes_nothing(self, scenario, monkeypatch, engine, size):
        """However a study is cut, every sum is the same to the last bit."""
        points = [Trials(scenario, engine, 3, range(17))]
        (whole,) = conduct(points)
        monkeypatch.setitem(chunks_of._SUBJECTS, engine, 5 * size)
        assert len(Work(points).chunks()) == -(-17 // size)
        (cut,) = conduct(points, Backwards())
        assert cut.rows == whole.rows
        assert {n: s.tobytes() for n, s in cut.sums.items()} == {n: s.tobytes() for n, s in whole.sums.items()}

    @given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 20), st.integers(1, 3))
    def test_points_come_in_order(self, scenario, many, few, subjects, together):
        """Whoever does the chunks in whatever order, each point's replicates are merged in order, and no other's."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(chunks_of._SUBJECTS, "batch", subjects)
            points = [Listed(scenario, range(many)), Listed(scenario, range(7, 7 + few)), Listed(scenario, range(2))]
            wanted = [list(point.replicates) for point in points]
            assert list(conduct(points, Backwards())) == wanted
            assert list(conduct(points)) == wanted
            assert list(conduct(points, Backwards(), together=together)) == wanted


class Backwards(Executor):
    """Carries out the last task first."""

    def results(self, function, tasks):
        return ((task, function(task)) for task in reversed(tasks))

    def end(self, *, at_once):
        pass


@dataclasses.dataclass(frozen=True)
class Listed:
    """A point whose result is the list of its replicates."""

    scenario: Scenario
    replicates: range
    engine: str = "batch"

    def pieces(self, replicates, progress=None):
        yield from replicates

    def accumulator(self, span):
        return Listing()


class Listing:
    """Accumulates a list."""

    def __init__(self):
        self._found = []

    def add(self, piece):
        self._found.append(piece)

    def merge(self, later):
        self._found += later

    def result(self):
        return list(self._found)


class TestStudies:
    def test_a_run(self, scenario, two, small_chunks):
        """A run has the same estimates and tables for one worker and for two."""
        one = run(scenario, replicates=40, seed=5)
        more = run(scenario, replicates=40, seed=5, workers=two)
        assert json.dumps(one.summary()) == json.dumps(more.summary())
        assert one.rows == more.rows
        assert one.kept is not None
        assert more.kept is None
        assert one.records.equal(more.records)

    def test_a_sweep(self, scenario, two, small_chunks):
        """A sweep has the same frame, to the last bit, for one worker, two and three."""
        planned = plan(scenario, {"response_threshold": "25%:75%:25%"}, replicates=20)
        told: list[int] = []
        frames = [carry_out(planned, told.append).frame, carry_out(planned, told.append, workers=two).frame]
        with Processes(3) as three:
            frames.append(carry_out(planned, told.append, workers=three).frame)
        for frame in frames[1:]:
            assert frame.to_csv() == frames[0].to_csv()
            assert all(frame[c].to_numpy().tobytes() == frames[0][c].to_numpy().tobytes() for c in ("value", "mcse"))
        assert sum(told) == 3 * planned.trials

    def test_a_threshold_curve(self, scenario, two, small_chunks):
        """A threshold curve and its regret have the same bytes in every column, in one chunk or for 1, 2, 3 workers."""
        told: list[int] = []

        def chunks_of_curve() -> int:
            parameter = the_rule(scenario).parameter
            return len(Work([BothBranches(scenario, parameter, "batch", 5, range(30))]).chunks())

        def found(workers: int | Executor) -> tuple[dict[str, bytes], str]:
            curve = thresholds(scenario, replicates=30, seed=5, workers=workers, progress=told.append)
            lost = regret(curve, streams=3, workers=workers, progress=told.append)
            summary = CurveSummary(curve, "batch", 0.0, lost).summary()
            return bytes_of(curve) | bytes_of(lost), json.dumps(summary)

        assert chunks_of_curve() == 4
        one = found(1)
        assert len(one[0]) > 30
        assert found(two) == one
        with Processes(3) as three:
            assert found(three) == one
        chunks_of._SUBJECTS["batch"] = 10_000
        assert chunks_of_curve() == 1
        assert found(1) == one
        assert sum(told) == 4 * (30 + 3 * 30)

    def test_a_curve_of_several_pieces(self, scenario, monkeypatch):
        """Where a chunk comes in several pieces its curve has the same bytes, on either engine."""
        one = bytes_of(thresholds(scenario, replicates=20, seed=5))
        assert bytes_of(thresholds(scenario, replicates=20, seed=5, engine="des")) == one
        monkeypatch.setattr(simulation, "_ROWS", 25)
        assert len(list(simulation.pieces(scenario.trial, 5, range(20)))) > 3
        assert bytes_of(thresholds(scenario, replicates=20, seed=5)) == one

    def test_the_command_for_curves(self, two, small_chunks, monkeypatch):
        """`thresholds` hands its workers on, to the curve, to regret, and to the sweep where there is no curve."""
        used: list[str] = []

        class Watched(Here):
            def results(self, function, tasks):
                used.append(f"{function} {len(tasks)}")
                return two.results(function, tasks)

        words = ["ms_daclizumab", "--set", "cohort.size=5", "--replicates", "20", "--json", "--random-streams", "2"]
        for more in ([], ["--rule", "rescue_level"]):
            here = CliRunner().invoke(command_for_curves, [*words, *more, "--workers", "1"])
            with monkeypatch.context() as patch:
                patch.setattr("protocolsim.executor.choose.executor_for", lambda *_, **__: Watched())
                there = CliRunner().invoke(command_for_curves, [*words, *more])
            assert (here.exit_code, there.exit_code) == (0, 0)
            assert there.stdout == here.stdout
            assert json.loads(here.stdout)["estimates"]
            assert len(used) == 1
            used.clear()

    def test_a_failure_is_the_same(self, scenario, two, small_chunks):
        """A cohort that cannot be filled is told in the same words, of the same replicate, for any workers."""
        hard = load("ms_daclizumab", set={"cohort.size": 5, "cohort.max_candidates": 12})
        said = []
        for workers in (1, two):
            with pytest.raises(SimulationError) as caught:
                run(hard, replicates=60, workers=workers)
            said.append(str(caught.value))
        assert said[0] == said[1]
        for workers in (1, two):
            with pytest.raises(SimulationError) as caught:
                thresholds(hard, replicates=60, workers=workers)
            assert str(caught.value) == said[0]
        planned = plan(hard, {"response_threshold": "50%,75%"}, replicates=60)
        for workers in (1, two):
            with pytest.raises(SimulationError) as caught:
                carry_out(planned, workers=workers)
            assert str(caught.value) == said[0]

    def test_a_calibration(self, two, tmp_path):
        """The reference table of a calibration is the same for one worker and for two."""
        scenario = load("ms_daclizumab", set={"cohort.size": 3})
        planned = calibration_plan(scenario, load_targets("ms_daclizumab", scenario), points=48, trials=2)
        one, more = make_table(planned), make_table(planned, workers=two)
        assert one.trials.tobytes() == more.trials.tobytes()
        assert one.long_run.tobytes() == more.long_run.tobytes()
