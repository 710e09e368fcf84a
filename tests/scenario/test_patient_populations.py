"""Whose patients a trial has, and what they arrive on: `population:` and `arrives_on:` of a cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.errors import ScenarioError
from protocolsim.records import concatenate
from protocolsim.report.protocol.synopsis import describe
from protocolsim.scenario.check import check_text
from protocolsim.scenario.load import load, load_text
from protocolsim.scenario.scenario import Scenario
from tests.engine.test_engines_agree import assert_agree

TRIAL = """\
title: Followed by MRI
cohort:
  size: 40
  disease: relapsing_ms
  population: relapsing_trials
protocol:
  states:
    before: {enrolled: true, assessments: {mri: {every: 4 weeks}}, lasts: 12 weeks}
    treated: {treatment: {interferon_beta: standard}, assessments: {mri: {every: 4 weeks}}, lasts: 52 weeks}
    after: {assessments: {mri: {every: 4 weeks}}, lasts: 12 weeks}
    done: {final: completed}
  transitions:
    - {from: before, to: treated}
    - {from: treated, to: after}
    - {from: after, to: done}
"""
NAMED_NOWHERE = TRIAL.replace("treatment: {interferon_beta: standard}, ", "").replace(
    "  population: relapsing_trials\n", ""
)
ACHE = """\
title: Pain
cohort:
  size: 5
  disease: ache
  population: of_specialists
models:
  ache:
    kind: disease
    meaning: pain
    parameters:
      usual: {value: 4, range: [2, 6], meaning: mean pain}
      half: {value: 4 days, range: [1 day, 9 days], at most: 30 days, meaning: half-life}
    populations:
      of_practices: {meaning: patients of practices}
      of_specialists:
        meaning: patients who were referred
        parameters:
          half: {value: 1 week, range: [2 days, 2 weeks], mark: D, source: a letter}
    traits: {pain: {normal: {mean: usual, sd: 2}, meaning: pain}}
    quantities: {now: {start: pain, relaxes to: usual, half-life: half}}
    assessments: {asking: {score: {shows: now, meaning: pain as said}}}
protocol:
  states:
    asked: {enrolled: true, assessments: {asking: {weeks: [0, 4]}}, lasts: 4 weeks}
    done: {final: completed}
  transitions:
    - {from: asked, to: done}
"""


def _value(scenario: Scenario, name: str) -> Any:
    (row,) = (p for p in scenario.parameters if p.name == name)
    return row


def _bytes(scenario: Scenario, replicates: range = range(3)) -> Any:
    return concatenate(list(batch.pieces(scenario.trial, 1, replicates)))


def _new(scenario: Scenario) -> float:
    """The mean number of new lesions at a scan."""
    records = _bytes(scenario)
    shown = records["observations"]
    number = scenario.trial.labels.variables.index("new_cel")
    return float(np.mean(shown["value"][shown["variable"] == number]))


def test_a_population_gives_values_and_how_they_are_known():
    """Its values stand before the model's, with their range, mark and source; what is set by hand before both."""
    given = load_text(TRIAL, "t")
    rate = _value(given, "new_lesion_rate")
    assert (rate.value, rate.default, rate.low, rate.high, rate.mark) == (0.86, 0.86, 0.55, 1.4, "D")
    assert "Stellmann" in rate.source
    assert (rate.population, rate.changed) == ("relapsing_trials", False)
    assert _value(given, "activity_sd").population == ""
    by_hand = _value(load_text(TRIAL, "t", set={"new_lesion_rate": "2 / 4 weeks"}), "new_lesion_rate")
    assert (by_hand.value, by_hand.default, by_hand.changed) == (2.0, 0.86, True)
    assert given.population is not None
    assert (given.population.name, given.arrives_on) == ("relapsing_trials", "")


def test_a_population_is_set_from_outside_as_in_the_file():
    """`--set population=NAME` gives the trial that a file with that population gives, to the bit."""
    other = TRIAL.replace("relapsing_trials", "nih_natural_history")
    assert _bytes(load_text(TRIAL, "t", set={"population": "nih_natural_history"})).equal(_bytes(load_text(other, "t")))
    assert not _bytes(load_text(TRIAL, "t")).equal(_bytes(load_text(other, "t")))


def test_the_first_population_is_that_of_a_trial_that_names_none():
    """To name the default, and what its patients arrive on, changes nothing."""
    said = {"population": "nih_interferon_failures", "arrives_on": "interferon_beta"}
    plain = load("ms_daclizumab")
    assert (plain.population and plain.population.name, plain.arrives_on) == tuple(said.values())
    assert _bytes(load("ms_daclizumab", set=said)).equal(_bytes(plain))


@pytest.mark.parametrize("population", ["relapsing_trials", "nih_interferon_failures"])
def test_engines_agree_on_who_starts_and_on_who_arrives(population: str):
    """Interferon beta that starts, stops, or is gone from the beginning: both engines find the same, to the bit."""
    assert_agree(
        load_text(TRIAL, "t", set={"population": population, "cohort.size": 10, "neutralisation_time": "26 weeks"})
    )


def test_starting_lowers_and_stopping_raises():
    """Patients who arrive without it gain when it starts; the same patients on arrival lose when it is not named."""
    untreated = load_text(TRIAL.replace("treatment: {interferon_beta: standard}, ", ""), "t")
    assert _new(load_text(TRIAL, "t")) < 0.8 * _new(untreated)
    on_it = load_text(NAMED_NOWHERE, "t", set={"arrives_on": "nothing"})
    stopped = load_text(NAMED_NOWHERE, "t", set={"arrives_on": "interferon_beta"})
    assert _new(stopped) > 1.1 * _new(on_it)  # the same rates, on what they arrive on
    by_drugs = load_text(NAMED_NOWHERE + "drugs: {interferon_beta: {loss_factor: 1.3}}\n", "t")
    assert _bytes(by_drugs).equal(_bytes(stopped))


def test_what_is_taken_and_named_nowhere_is_told():
    """A trial whose patients are on a treatment that it never names is told so, at the line; one that says is not."""
    (told,) = [f for f in check_text(NAMED_NOWHERE).findings if f.kind == "treatment not named"]
    assert (told.line, told.path, told.severity) == (4, "cohort.disease", "warning")
    assert "arrive on interferon_beta, which nothing here names" in told.message
    assert told.message in load_text(NAMED_NOWHERE, "t").warnings
    chosen = TRIAL.replace("treatment: {interferon_beta: standard}, ", "").replace(
        "relapsing_trials", "interferon_failures"
    )
    assert [(f.line, f.path) for f in check_text(chosen).findings] == [(5, "cohort.population")]
    for text in (
        TRIAL,
        NAMED_NOWHERE.replace("  size: 40", "  size: 40\n  arrives_on: nothing"),
        NAMED_NOWHERE.replace("  size: 40", "  size: 40\n  arrives_on: interferon_beta"),
        NAMED_NOWHERE.replace("  size: 40", "  size: 40\n  population: nih_natural_history"),
    ):
        assert check_text(text).findings == ()


def test_no_shipped_trial_leaves_it_unsaid():
    """Every shipped trial names what its patients arrive on."""
    from protocolsim.scenario.file.library import names

    assert {name: load(name).assumed for name in names() if load(name).assumed} == {}


@pytest.mark.parametrize(
    ("was", "now", "line", "path", "said"),
    [
        ("relapsing_trials", "relapsing_trial", 5, "cohort.population", "did you mean 'relapsing_trials'?"),
        ("relapsing_trials", "others", 5, "cohort.population", "known here: interferon_failures, nih_interferon_failu"),
        ("relapsing_ms", "aplastic_anaemia", 5, "cohort.population",
         "'relapsing_trials' is a population of relapsing_ms; those of aplastic_anaemia: none"),
        ("size: 40", "arrives_on: nothin", 3, "cohort.arrives_on", "did you mean 'nothing'?"),
        ("size: 40", "arrives_on: interferon", 3, "cohort.arrives_on", "did you mean 'interferon_beta'?"),
        ("size: 40", "arrives_on: daclizumab", 3, "cohort.arrives_on", "who arrive on 'daclizumab'; expected nothing"),
        ("size: 40", "arrives_on: [nothing]", 3, "cohort.arrives_on", "expected text"),
        ("title: Followed by MRI", "drugs: {interferon_beta: {taken_on_arrival: 0}}", 1,
         "drugs.interferon_beta.taken_on_arrival", "what patients arrive on is said by cohort: arrives_on"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_fault_at_its_line(was: str, now: str, line: int, path: str, said: str):
    """An unknown population, one of another disease, a treatment of which nothing is known: each at its line."""
    text = TRIAL.replace(was, now)
    with pytest.raises(ScenarioError) as caught:
        load_text(text, "t")
    found = [f for f in caught.value.faults if f.path == path]
    assert [(f.line, said in f.message) for f in found] == [(line, True)], caught.value.faults


def test_a_declared_disease_has_populations_of_its_own():
    """Its values may be in other units, and both engines find the same patients in it."""
    given = load_text(ACHE, "t")
    half = _value(given, "half")
    assert (half.value, half.low, half.high, half.mark, half.source) == (7.0, 2.0, 14.0, "D", "a letter")
    assert not _bytes(given).equal(_bytes(load_text(ACHE, "t", set={"population": "of_practices"})))
    assert_agree(given)


@pytest.mark.parametrize(
    ("was", "now", "line", "said"),
    [
        ("          half: {value: 1 week", "          hal: {value: 1 week", 18, "did you mean 'half'?"),
        ("value: 1 week", "value: 5 weeks", 18, "5 weeks is outside its range"),
        ("value: 1 week, range: [2 days, 2 weeks]", "value: 5 weeks, range: [2 days, 6 weeks]", 18, "is above 30 day"),
        ("value: 1 week, range: [2 days, 2 weeks]", "value: 5, range: [2, 6]", 18, "found '5'"),
        ("mark: D, source: a letter", "mark: F", 18, "'source' is missing"),
        ("patients of practices}", "patients, parameters: {half: {value: 1 day, range: [1 hour, 2 days]}}}",
         14, "the first population is that of a scenario that names none"),
        ("of_practices", "general practices", 4, "cannot name a population"),
        ("kind: disease", "kind: drug", 4, "'ache' is a drug"),
        ("of_specialists\nmodels", "of_specialist\nmodels", 5, "did you mean 'of_specialists'?"),
    ],
)  # fmt: skip
def test_faults_of_declared_populations_stand_at_their_lines(was: str, now: str, line: int, said: str):
    """A parameter that there is not, a number outside what is accepted, a first population with numbers of its own."""
    with pytest.raises(ScenarioError) as caught:
        load_text(ACHE.replace(was, now), "t")
    assert any(f.line == line and said in f.message for f in caught.value.faults), caught.value.faults


def test_the_synopsis_says_whose_patients_they_are():
    """`describe` names the population and what it comes on."""
    said = describe(load_text(TRIAL, "t")).sections["Population and sample size"]
    assert any("ordinary patients of large trials" in line and "relapsing_trials" in line for line in said)
    assert "They come without treatment." in said
    assert "They come on interferon beta." in describe("ms_daclizumab").sections["Population and sample size"]


def test_the_reference_engine_is_the_other_witness():
    """Who starts interferon beta is the same patient in the engine that is written to be read."""
    scenario = load_text(TRIAL, "t", set={"cohort.size": 5})
    mine = concatenate(list(des.pieces(scenario.trial, 3, range(1))))
    assert mine.equal(concatenate(list(batch.pieces(scenario.trial, 3, range(1)))))
    share = mine["subjects"]["truth_interferon_neutralised"]
    assert set(share.tolist()) <= {0.0, 1.0}
