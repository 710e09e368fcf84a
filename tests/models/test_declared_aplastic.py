"""Moderate aplastic anaemia written twice, as kernels and as a declared model: the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocolsim.records import concatenate
from protocolsim.scenario.load import load
from protocolsim.study.engines import engine_named
from tests.support.frames import differences

MODEL = Path(__file__).parents[1] / "support" / "models" / "aplastic_declared.yaml"


@pytest.fixture
def declared(tmp_path):
    """The shipped trial, with the declared model in place of the kernels."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / MODEL.name).write_bytes(MODEL.read_bytes())
    path = tmp_path / "trial.yaml"
    path.write_text("extends: maa_daclizumab\ncohort: {disease: aplastic_declared}\n")
    return load(path)


@pytest.mark.parametrize(("engine", "replicates"), [("batch", 60), ("des", 2)])
def test_kernels_and_declared_model_give_the_same_bytes(declared, engine, replicates):
    """Every column of every table that the kernels fill is the same; the declared model shows more of the truth."""
    pieces = engine_named(engine).pieces
    by_hand, as_data = (
        concatenate(list(pieces(s.trial, s.seed, range(replicates)))) for s in (load("maa_daclizumab"), declared)
    )
    assert differences(by_hand, as_data) == []
    assert len(by_hand["observations"]["value"]) > 100 * replicates
