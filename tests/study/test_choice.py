"""CHOICE: one strength of daclizumab serves both of its arms, and what was used before serves one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import extended
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.run import run

PUBLISHED = {"low_over_placebo": 3.58 / 4.75, "high_over_placebo": 1.32 / 4.75}
STEEPER: dict[str, Any] = {"effect_steepness": 2.0, "half_effect_concentration": "10 mg/L", "median_rate_ratio": 0.5}


@cache
def arms(population: str = "interferon_failures", **values: Any) -> Mapping[str, Estimate]:
    """Both arms over placebo, in trials of CHOICE's size."""
    changed: dict[str, Any] = {f"daclizumab_sc.{name}": value for name, value in values.items()}
    return run(load("ms_choice", set={"population": population, **changed}), replicates=300).estimates


def missed(population: str = "interferon_failures", **values: Any) -> list[str]:
    """The arms whose published ratio lies outside what nine in ten single trials show."""
    found = arms(population, **values)
    return [name for name, ratio in PUBLISHED.items() if not found[name].lo <= ratio <= found[name].hi]


@pytest.mark.parametrize("population", ["interferon_failures", "nih_interferon_failures"])
def test_both_arms_of_choice_lie_inside_at_the_default(population):
    """25 % fewer new lesions on the low dose and 72 % on the high are each what one such trial may show."""
    assert missed(population) == []


@pytest.mark.parametrize(
    ("ratio", "arm"), [(0.25, "low_over_placebo"), (0.60, "high_over_placebo")], ids=["strong", "weak"]
)
def test_what_suits_one_arm_misses_the_other(ratio, arm):
    """In the patients of the trial of 2009, 0.25, fitted to it, misses the low dose, and 0.60 the high dose."""
    assert missed("nih_interferon_failures", median_rate_ratio=ratio) == [arm]


def test_a_weak_drug_misses_the_high_dose_among_patients_who_differ_more():
    """In the patients of large trials, whose trials scatter more, 0.60 is excluded still; 0.25 is improbable."""
    assert missed(median_rate_ratio=0.60) == ["high_over_placebo"]
    strong = arms(median_rate_ratio=0.25)["low_over_placebo"]
    assert strong.value < 0.6 * PUBLISHED["low_over_placebo"]
    assert strong.hi < PUBLISHED["low_over_placebo"] + 0.15


def test_a_steeper_curve_serves_both_too():
    """Both arms do not tell the steepness: a steeper curve with half effect at a higher concentration is as near."""
    assert missed(**STEEPER) == []
    for name, ratio in PUBLISHED.items():
        assert abs(arms(**STEEPER)[name].value - ratio) < abs(arms()[name].value - ratio) + 0.05, name


def test_more_of_the_drug_does_more():
    """The high dose brings fewer new lesions than the low one, and both fewer than placebo."""
    found = arms()
    assert found["high_over_placebo"].value < found["low_over_placebo"].value < 1.0


ALONE = """
title: 150 mg under the skin against interferon beta, neither given before
cohort: {{size: 40, disease: relapsing_ms, population: relapsing_trials}}
protocol:
  randomisations:
    arm: {{between: {{daclizumab: 1, interferon: 1}}, block: 2}}
  states:
    before: {{assessments: {{mri: {{weeks: [0]}}}}, lasts: 1 week}}
    daclizumab:
      enrolled: true
      treatment: {{daclizumab_sc: {{dose: {dose}, every: 4 weeks}}}}
      assessments: {{mri: {{weeks: [24, 96]}}}}
      lasts: 97 weeks
    interferon:
      enrolled: true
      treatment: {{interferon_beta: standard}}
      assessments: {{mri: {{weeks: [24, 96]}}}}
      lasts: 97 weeks
    done: {{final: done}}
  transitions:
    - {{from: before, randomise: arm}}
    - {{from: [daclizumab, interferon], to: done}}
endpoints:
  cel_week_96: {{kind: level, variable: cel, at: 96 weeks}}
  ratio: {{kind: contrast, of: cel_week_96, arm: daclizumab, against: interferon, measure: ratio}}
"""


@pytest.mark.parametrize(("dose", "amount"), [("150 mg", 150.0), ("300 mg", 300.0)])
def test_a_flat_dose_alone_against_interferon_can_be_written(dose, amount):
    """A trial of so many mg every four weeks without interferon beta runs and gives that, alike on both engines."""
    scenario = build(extended(parse(ALONE.format(dose=dose), "alone.yaml")))
    fast, slow = (run(scenario, replicates=4, engine=engine) for engine in ("batch", "des"))
    assert repr(fast.estimates) == repr(slow.estimates)
    given = fast.doses
    assert set(given["amount"]) == {amount}
    assert 0.0 < fast.estimates["ratio"].value < 1.5
