"""An engine is a value of one type, found by its name in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import protocolsim
from protocolsim.errors import UsageError
from protocolsim.records import concatenate
from protocolsim.scenario.load import load
from protocolsim.study.engines import ENGINES, chosen_engine, engine_named, pieces

LIMITED = next(n for n in protocolsim.scenarios() if load(n).trial.limited)


@pytest.mark.parametrize("name", list(ENGINES))
def test_each_engine_is_what_its_name_says(name):
    """The engine of a name has that name, and simulates what it does not call unsupported, equal to the others."""
    scenario = load("ms_daclizumab", set={"cohort.size": 3})
    engine = engine_named(name)
    assert engine.name == name
    assert engine.unsupported(scenario.trial) is None
    told: list[int] = []
    found = concatenate(list(engine.pieces(scenario.trial, 5, range(2, 4), told.append)))
    assert sum(told) == 2
    assert found.equal(concatenate(list(pieces(scenario, 5, range(2, 4), "des"))))


def test_auto_takes_what_can_simulate_the_trial():
    """Where subjects wait for each other that is the reference; asked for by name, the other says why it cannot."""
    assert chosen_engine(load("ms_daclizumab"), "auto") == "batch"
    assert chosen_engine(load(LIMITED), "auto") == "des"
    assert chosen_engine(load(LIMITED), "des") == "des"
    with pytest.raises(UsageError, match="the batch engine cannot run this: subjects wait for each other"):
        chosen_engine(load(LIMITED), "batch")
    with pytest.raises(UsageError, match="wait for each other"):
        list(engine_named("batch").pieces(load(LIMITED).trial, 1, range(1)))
    with pytest.raises(UsageError, match="unknown engine 'bach'; did you mean 'batch'"):
        chosen_engine(load("ms_daclizumab"), "bach")


def test_engines_are_known_in_one_place():
    """No other file of the package names an engine's module as a text, to load it around the type."""
    package = Path(protocolsim.__file__).parent
    naming = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"[\"']protocolsim\.engine\.(batch|des)", path.read_text(encoding="utf-8"))
    ]
    assert naming == []
