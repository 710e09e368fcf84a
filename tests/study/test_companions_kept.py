"""Companions are points of the study of a run: its workers simulate them, and its folder keeps them."""

from __future__ import annotations

import json

import pytest

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
