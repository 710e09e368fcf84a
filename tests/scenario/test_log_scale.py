"""`scale: log`: sweeps, priors and sliders go by equal factors, and nothing on it is 0."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from textwrap import indent

import pytest

from protocolsim.app.controls import controls
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.report.style.figures import across_scale
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.reserved import why_no_component
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.calibration.targets import targets_of
from protocolsim.study.sweep.grid_values import axis
from protocolsim.study.sweep.sweep import plan
from tests.support.toys import TEXT, Pill

PROTOCOL = """
states:
  treated:
    enrolled: true
    assessments: {scan: {days: [0]}}
    lasts: 1 week
  gone: {final: gone}
  done: {final: done}
transitions:
  - {from: treated, to: done}
  - {from: treated, to: gone, upon: dropout}
"""
LEAVING = "value: 1 %/week, range: [0.1 %/week, 10 %/week], scale: log, meaning: a rate"


def toy(leaving: str = LEAVING) -> Scenario:
    """A toy whose dropout is a parameter."""
    pieces = {"cohort": "  size: 1\n  dropout: leaving", "infusion": "", "pill": "", "drugs": ""}
    text = TEXT.format(protocol=indent(PROTOCOL, "  "), **pieces) + f"\nparameters:\n  leaving: {{{leaving}}}\n"
    text += "endpoints:\n  left: {kind: share, ended_in: gone}\n"
    return build(parse(text, "toy.yaml"), allow_plugins=True)


@pytest.mark.parametrize(
    ("low", "high", "number"), [("0.1", "10", 5), ("10", "0.1", 3), ("2", "3", 2), ("1", "1000", 31)]
)
def test_a_sweep_goes_by_equal_factors(low, high, number):
    """So many values, both ends exact, each the same factor above the one before."""
    values = axis("x", f"{low}:{high}:{number}", log=True).values
    assert (values[0], values[-1], len(values)) == (float(low), float(high), number)
    factor = (float(high) / float(low)) ** (1 / (number - 1))
    for one, other in pairwise(values):
        assert math.isclose(other / one, factor, rel_tol=2e-5)


def test_the_scenario_says_which_scale():
    """A sweep over the parameter reads its third number as how many; a list is a list."""
    swept = plan(toy(), {"leaving": "0.1 %/week:10 %/week:3"})
    assert swept.axes[0].values == (0.1, 1.0, 10.0)
    assert swept.axes[0].log
    assert plan(toy(), {"leaving": "1 %/week,2 %/week"}).axes[0].values == (1.0, 2.0)
    assert not plan(toy(LEAVING.replace("log", "linear")), {"leaving": "1 %/week:3 %/week:1 %/week"}).axes[0].log


_REFUSED = ["0:10:5", "-1:10:5", "1:10:1", "1:10:2.5", "1:10:x", "1:1:3", "1:10:99999999", "0,1", "1:10:"]


@pytest.mark.parametrize("given", _REFUSED)
def test_what_is_not_on_a_log_scale_is_refused(given):
    """With what was expected."""
    with pytest.raises(UsageError, match=r"above 0|how many values|range is empty"):
        axis("x", given, log=True)


@pytest.mark.parametrize(
    "leaving",
    [
        "value: 1 %/week, range: [0, 10 %/week], scale: log, meaning: a rate",
        "value: 1, range: [-1, 10], scale: log, meaning: a rate",
        "value: 0 / week, scale: log, meaning: a rate",
    ],
)
def test_the_range_of_a_log_scale_is_above_zero(leaving):
    """Or it is a fault at its line."""
    with pytest.raises(ScenarioError, match="on a log scale every value must be above 0") as error:
        toy(leaving)
    assert "parameters.leaving.scale" in str(error.value)


def test_a_model_s_parameter_too():
    """A component with a log scale that begins at 0 cannot be used."""
    one = Pill.parameters[0]
    good = dataclasses.replace(Pill, parameters=(dataclasses.replace(one, low=0.1, scale="log"),))
    assert not why_no_component(good, of_cohort=False)
    bad = dataclasses.replace(Pill, parameters=(dataclasses.replace(one, low=0.0, scale="log"),))
    assert any("log scale" in why for why in why_no_component(bad, of_cohort=False))


@pytest.mark.parametrize(("said", "log"), [("{}", True), ("{scale: linear}", False), ("{scale: log}", True)])
def test_priors_take_the_scale_of_the_parameter(said, log):
    """Unless the file of targets says another."""
    text = f"parameters:\n  leaving: {said}\ntargets:\n  left: {{value: 50 %, source: s, mark: A}}\n"
    (free,) = targets_of(parse(text, "targets.yaml"), toy()).parameters
    assert free.log is log
    middle = free.at(0.5)
    assert math.isclose(middle, 1.0 if log else 5.05, rel_tol=1e-9)


def test_a_slider_goes_by_equal_factors():
    """From 0 at the lowest to 1 at the highest, the middle at their geometric mean."""
    (control,) = [c for c in controls(toy()) if c.name == "leaving"]
    assert [control.along(v) for v in (0.1, 1.0, 10.0)] == pytest.approx([0.0, 0.5, 1.0])
    assert 0.0 < control.step < 0.05


def test_axes_are_logarithmic():
    """Where there is a range; a single value has none."""
    assert across_scale([0.1, 10], log=True).to_dict() == {"type": "log", "domain": [0.1, 10], "nice": False}
    assert "type" not in across_scale([0.1, 10]).to_dict()
    assert "type" not in across_scale([1, 1], log=True).to_dict()
