"""Companions are points of the study of a run: its workers simulate them, and its folder keeps them."""

from __future__ import annotations

import json
import shutil

import pytest

import protocolsim
from protocolsim.errors import SimulationError
from protocolsim.executor.processes import Processes
from protocolsim.report.run import findings
from protocolsim.report.run.page import page
from protocolsim.scenario.load import load
from protocolsim.study.companions import companions
from protocolsim.study.execution import chunks
from protocolsim.study.execution.chunks import carried_out
from protocolsim.study.run import run, run_manifest
from protocolsim.study.storage.results_folder import write_run
from protocolsim.study.storage.study_folder import study_folder
from tests.cli.test_cli import command as command  # noqa: PLC0414 - a fixture, used by name


@pytest.fixture
def scenario(monkeypatch):
    monkeypatch.setitem(chunks._SUBJECTS, "batch", 33)
    return load("ms_daclizumab", set={"cohort.size": 5})


def told(result) -> str:
    return json.dumps([result.summary(), *(r.summary() for r in result.companions.values())])


def test_they_are_what_they_are_alone(scenario):
    """A companion's numbers are those of a run of its own under the same seed, for one worker and for two."""
    others = companions(scenario)
    one = run(scenario, replicates=20, seed=3, companions=others)
    assert list(one.companions) == list(scenario.beside)
    for name, other in others.items():
        assert json.dumps(one.companions[name].summary()) == json.dumps(run(other, replicates=20, seed=3).summary())
    with Processes(2) as two:
        assert told(run(scenario, replicates=20, seed=3, companions=others, workers=two)) == told(one)


def test_they_are_kept(scenario, tmp_path, monkeypatch):
    """What a folder has of the trial and its companions is not simulated again; tables are those of the trial alone."""
    others = companions(scenario)

    def study(where: str, replicates: int, *, resume: bool = False):
        manifest = run_manifest(scenario, replicates, 3, "auto", companions=others)
        with study_folder(tmp_path / where, manifest, resume=resume) as folder:
            result = run(scenario, replicates=replicates, seed=3, folder=folder, companions=others)
            with folder.results() as place:
                write_run(result, place, folder)
        return result

    whole = study("whole", 26)
    made: list[str] = []

    def stopping(chunk):
        if len(made) == 4:
            raise OSError("the disk is full")
        made.append(chunk.name)
        return carried_out(chunk)

    with monkeypatch.context() as patch:
        patch.setattr("protocolsim.study.conduct.carried_out", stopping)
        with pytest.raises(Exception, match=r"4 of [0-9]+ parts are kept"):
            study("out", 20)
    for replicates in (20, 26):
        seen: list[str] = []

        def counting(chunk, seen=seen):
            seen.append(chunk.name)
            return carried_out(chunk)

        monkeypatch.setattr("protocolsim.study.conduct.carried_out", counting)
        result = study("out", replicates, resume=True)
        assert seen
        assert not set(seen) & set(made)
        made += [name for name in seen if name.startswith("00000") and not name.endswith("-000000020")]
    assert told(result) == told(whole)
    for table in ("subjects", "observations", "doses", "moves", "events"):
        assert (tmp_path / f"out/{table}.parquet").read_bytes() == (tmp_path / f"whole/{table}.parquet").read_bytes()
    monkeypatch.setattr("protocolsim.study.conduct.carried_out", lambda chunk: pytest.fail("simulated again"))
    study("out", 26, resume=True)


def test_nothing_is_simulated_by_looking(scenario, monkeypatch):
    """A page shows the companions that were run with the result, and none where none were; it simulates nothing."""
    result = run(scenario, replicates=4, companions=companions(scenario))
    alone = run(scenario, replicates=4)
    for name in ("conduct", "run"):
        monkeypatch.setattr(f"protocolsim.study.run.{name}", lambda *_, **__: pytest.fail("simulated"))
    assert "<code>ms_no_drug</code>" in page(result)
    assert "<code>ms_no_drug</code>" not in page(alone)
    assert findings.beside(alone) == {}


def test_a_companion_that_cannot_be_filled_is_named(scenario):
    """The refusal says which of the scenarios it is about."""
    hard = load("ms_no_drug", set={"cohort.size": 5, "cohort.max_candidates": 6})
    with pytest.raises(SimulationError, match=r"^the hard one: replicate"):
        run(scenario, replicates=20, companions={"the hard one": hard})


PEOPLE = """
title: T
seed: 2
cohort: {size: 9, disease: m}
models:
  m:
    kind: disease
    meaning: x
    patients: {from: "de identified #1.csv", columns: {age: years}}
    traits: {t: {normal: {mean: age, sd: 3}, meaning: x}}
    assessments: {look: {seen: {shows: t, meaning: x}}}
protocol:
  states:
    a: {enrolled: true, assessments: {look: {every: 1 week}}, lasts: 5 weeks}
    done: {final: done}
  transitions: [{from: a, to: done}]
endpoints: {all: {kind: level, variable: seen, during: a}}
"""


def test_a_file_of_patients_goes_with_results(tmp_path, command):
    """What was saved gives the same numbers where neither scenario, companion nor file of patients is left."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "de identified #1.csv").write_text("years\n40\n50\n61\n")
    (home / "base.yaml").write_text(PEOPLE)
    (home / "t.yaml").write_text("extends: base.yaml\ntitle: U\ncohort: {size: 12}\nbeside: [./base.yaml]\n")
    wanted = {}
    for words in (
        ("run", "t.yaml"),
        ("compare", "t.yaml", "base.yaml"),
        ("sweep", "t.yaml", "--vary", "cohort.size=5"),
    ):
        out = tmp_path / words[0]
        asked = [str(home / w) if w.endswith(".yaml") else w for w in words]
        for more in ((), ("--resume",)):
            status, _, err = command(*asked, "--replicates", "2", "--quiet", "--out", str(out), *more)
            assert (status, err) == (0, "")
        wanted[out] = protocolsim.run(str(home / "t.yaml"), replicates=2).summary()["estimates"]
    other = protocolsim.run(str(home / "base.yaml"), replicates=2).summary()["estimates"]
    shutil.rmtree(home)
    for out, estimates in wanted.items():
        moved = out.rename(tmp_path / f"{out.name} moved")
        assert protocolsim.run(str(moved / "scenario.yaml"), replicates=2).summary()["estimates"] == estimates
        status, _, err = command("run", str(moved / "scenario.yaml"), "--replicates", "2", "--quiet")
        assert (status, err) == (0, "")  # its companion is there too
        assert protocolsim.open(moved).scenario().title == "U"
    compared = protocolsim.run(str(tmp_path / "compare moved" / "compared.yaml"), replicates=2).summary()["estimates"]
    assert compared == other
