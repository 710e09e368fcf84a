"""What protocolsim gives can be sent to another process, kept in a file, and copied."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import protocolsim
from protocolsim.errors import Fault, ScenarioError
from protocolsim.study.run import run_manifest
from protocolsim.study.storage.results_folder import write_run
from protocolsim.study.storage.study_folder import study_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, Any]:
    """One of everything that a public function gives, by the function or the class."""
    scenario = protocolsim.load("ms_daclizumab", set={"cohort.size": 5})
    curve = protocolsim.thresholds(scenario, replicates=4)
    return {
        "load": scenario,
        "run": protocolsim.run(scenario, replicates=3),
        "describe": protocolsim.describe(scenario),
        "diagram": protocolsim.diagram(scenario),
        "scenarios": protocolsim.scenarios(),
        "sweep": protocolsim.sweep(scenario, {"response_threshold": "25%,50%"}, replicates=3),
        "thresholds": curve,
        "regret": protocolsim.regret(curve, random_streams=2),
        "potential_outcomes": protocolsim.potential_outcomes(scenario),
        "trace": protocolsim.trace(scenario, 1),
        "open": protocolsim.open(_kept(scenario, tmp_path_factory.mktemp("kept"))),
        "check": protocolsim.check(scenario),
        "schema": protocolsim.schema(),
        "uniform": protocolsim.uniform(1, 0, 0, 1000, 0),
        "compare": protocolsim.compare(scenario, "ms_no_drug", replicates=2),
        "validate": protocolsim.validate(scenario, replicates=2),
        "load_targets": protocolsim.load_targets("ms_daclizumab", scenario),
        "calibrate": protocolsim.calibrate(scenario, "ms_daclizumab", points=40, trials=2),
        "boundaries": protocolsim.boundaries("ms_group_sequential", replicates=2),
        "looks": protocolsim.looks("ms_two_stage", replicate=0),
        "embed": protocolsim.embed("maa_daclizumab", replicates=2),
        "validate_all": protocolsim.validate_all(_small_suite(tmp_path_factory.mktemp("suite")), replicates=2),
        "Note": protocolsim.Note("a word", folded="more"),
        "Question": protocolsim.Question("How many?", 0.25),
        "StudyStopped": protocolsim.StudyStopped("a word"),
        "WorkerError": protocolsim.WorkerError("a word"),
        "ScenarioError": ScenarioError("a.yaml", [Fault(1, 2, "x", "wrong")]),
        "SimulationError": protocolsim.SimulationError("nobody is ever eligible"),
        "UsageError": protocolsim.UsageError("a word"),
        "ProtocolsimError": protocolsim.ProtocolsimError("a word"),
    }


def _small_suite(place: Path) -> Path:
    """A folder of scenarios with one in it."""
    fall = "published: {new_cel_inhibition: {value: 72 %, role: checked, mark: F, source: an abstract}}"
    (place / "one.yaml").write_text(f"extends: ms_daclizumab\ncohort: {{size: 5}}\n{fall}\n", encoding="utf-8")
    return place


def _kept(scenario: protocolsim.Scenario, place: Path) -> Path:
    """A folder of results."""
    manifest = run_manifest(scenario, 2, None, "batch")
    with study_folder(place / "out", manifest) as folder, folder.results() as staged:
        write_run(protocolsim.run(scenario, replicates=2), staged)
    return place / "out"


def told(name: str, value: Any) -> str:
    """What a reader can see of it."""
    views = {
        "load": lambda: (
            f"{value.resolved} {value.sha256} {value.name} {protocolsim.run(value, replicates=2).summary()}"
        ),
        "run": lambda: f"{json.dumps(value.summary())} {value.subjects.to_csv()} {value.moves.to_csv()}",
        "sweep": lambda: f"{value.frame.to_csv()} {json.dumps(value.summary())}",
        "check": lambda: json.dumps(value.summary()),
        "compare": lambda: f"{json.dumps(value.summary())} {value.frame.to_csv()}",
        "validate": lambda: f"{json.dumps(value.summary())} {value.frame.to_csv()}",
        "calibrate": lambda: f"{json.dumps(value.summary())} {value.draws.to_csv()}",
        "thresholds": lambda: f"{value.scenario.sha256} {value.rule.parameter} {value.measured.tolist()}",
        "potential_outcomes": lambda: f"{value.frame.to_csv()} {value.branches['passes'].frame('moves').to_csv()}",
        "trace": lambda: f"{value.words} {value.lines} {value.end}",
        "boundaries": lambda: f"{json.dumps(value.summary())} {value.frame.to_csv()}",
        "looks": lambda: f"{value.text}",
    }
    return views.get(name, lambda: re.sub(r" at 0x[0-9a-f]+", "", f"{type(value)} {value}"))()


def test_everything_public_is_tried(found):
    """Whatever the package exports is among what is tried here: each function, and each class by something of it."""
    kinds = {type(value).__name__ for value in found.values()}
    for name in protocolsim.__all__:
        assert name in (kinds if inspect.isclass(getattr(protocolsim, name)) else found), name


def test_it_travels(found):
    """Each of them, pickled and read again, says the same; so does a copy, shallow or deep."""
    for name, value in found.items():
        whole = told(name, value)
        assert told(name, pickle.loads(pickle.dumps(value))) == whole, name  # noqa: S301 - our own
        assert told(name, copy.copy(value)) == whole, name
        assert told(name, copy.deepcopy(value)) == whole, name


def test_it_arrives_in_another_process(found, tmp_path):
    """A process that has never seen the scenario reads a result from a file, and simulates its records again."""
    result = protocolsim.run(found["load"], replicates=2)
    (tmp_path / "result.pickle").write_bytes(pickle.dumps(result))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).subjects.to_csv(), end='')"
    there = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code, tmp_path / "result.pickle"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert there.stdout == result.subjects.to_csv()


def test_what_was_allowed_and_replaced_travels():
    """A scenario that has travelled allows plugins where it did, and has the title and the seed it was given since."""
    import dataclasses

    scenario = protocolsim.load("ms_no_drug", allow_plugins=True)
    there = pickle.loads(pickle.dumps(dataclasses.replace(scenario, title="Mine", seed=7)))  # noqa: S301 - our own
    assert (there.title, there.seed, there.allow_plugins) == ("Mine", 7, True)
    assert not pickle.loads(pickle.dumps(protocolsim.load("ms_no_drug"))).allow_plugins  # noqa: S301 - our own
