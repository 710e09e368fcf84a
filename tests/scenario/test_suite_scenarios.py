"""The scenarios of the validation suite: each is sound, says what its results are, and runs on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocolsim.records import concatenate
from protocolsim.scenario.check import check_scenario
from protocolsim.scenario.file import library
from protocolsim.scenario.load import load
from protocolsim.study.engines import engine_named
from protocolsim.study.suite.suite import own_rows, suite_scenarios
from tests.support.frames import differences

SCHEMA = "# yaml-language-server: $schema=../../protocolsim/scenario/schema.json"
NAMES = library.validation()


@pytest.mark.parametrize("name", NAMES)
def test_sound(name):
    """Nothing is found in it, also no treatment that its patients would be on in silence."""
    scenario = load(name)
    assert check_scenario(scenario).findings == ()
    assert [text for _, text in scenario.assumed] == []


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_validates(name):
    """Its first lines name the schema and what it validates; who was fitted or is not independent says to what."""
    first, second = library.find(name).read_text(encoding="utf-8").splitlines()[:2]
    assert first == SCHEMA
    assert second.startswith("# Validates: ")
    scenario = load(name)
    assert own_rows(scenario)
    assert scenario.sources
    for row in own_rows(scenario):
        said = scenario.endpoints[row].published
        assert said is not None
        assert said.source
        assert bool(said.note) or said.role == "checked"


@pytest.mark.parametrize("name", NAMES)
def test_engines_agree(name):
    """A few of its patients have the same records on both engines, to the bit."""
    scenario = load(name, set={"cohort.size": 6})
    pieces = (engine_named(n).pieces(scenario.trial, scenario.seed, range(1)) for n in ("batch", "des"))
    one, other = (concatenate(list(p)) for p in pieces)
    assert differences(one, other) == []


def test_seeds_and_names_are_their_own():
    """No two have one seed, so that their trials share no patients; and no trial that is shipped has their name."""
    seeds = {name: load(name).seed for name in NAMES}
    assert len(set(seeds.values())) == len(seeds)
    assert not set(NAMES) & set(library.names())


def test_one_datum_is_in_the_suite_once():
    """What a scenario of the suite says again of the trial that it extends is its own, and no longer that trial's."""
    rows = {(scenario.name, row) for scenario, own in suite_scenarios() for row in own}
    assert ("ms_wynn_2010", "low_over_placebo") in rows
    assert ("ms_choice", "low_over_placebo") not in rows
    assert ("ms_daclizumab", "new_cel_inhibition") in rows
    assert ("ms_no_drug", "new_cel_inhibition") not in rows
    # The same endpoint with another value is another datum.
    assert {("amd_treat_and_extend", "letters_extended"), ("amd_treat_and_extend_year_1", "letters_extended")} <= rows


def test_a_checkout_and_a_wheel_have_the_same():
    """The names are those of the folder."""
    folder = Path(__file__).parents[2] / "scenarios" / "validation"
    assert sorted(p.stem for p in folder.glob("*.yaml")) == NAMES
