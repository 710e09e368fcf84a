"""A settable parameter: what is read, written and found of the numbers that may be changed."""

from __future__ import annotations

import pytest

from protocolsim.errors import UsageError
from protocolsim.scenario.file.library import names
from protocolsim.scenario.load import load
from protocolsim.scenario.published_number import published_number
from protocolsim.units import UnitError, unit_of


@pytest.mark.parametrize("name", names())
def test_every_parameter_is_found_by_its_key_and_its_path_and_reads_what_it_writes(name):
    """Of every scenario: key and path mean the same parameter, `read` undoes `write`, and setting it changes it."""
    scenario = load(name)
    for parameter in scenario.settables:
        assert scenario.settable(parameter.key) is parameter
        assert scenario.settable(parameter.path) is parameter
        for number in (parameter.value, parameter.low, parameter.high):
            if number is not None:
                assert parameter.read(parameter.write(number)) == pytest.approx(number, rel=1e-11)
    starts = {v.name: v.start for v in scenario.trial.protocol.variables}
    for parameter in scenario.own_parameters:
        assert parameter.value is not None
        found = starts[parameter.name] if parameter.name in starts else scenario.named[parameter.name].value
        assert found == pytest.approx(parameter.internal(parameter.value), rel=1e-11)


def test_a_number_of_another_dimension_is_refused():
    """A time is no share; the message names the parameter and its unit."""
    threshold = load("ms_daclizumab").settable("response_threshold")
    assert threshold.read("0.5") == 50.0
    with pytest.raises(UsageError, match="response_threshold: expected a number in %, found '3 weeks'"):
        threshold.read("3 weeks")


def test_units_and_expressions_are_told_apart():
    """A number has a unit, perhaps none; what needs computing has not."""
    units = [unit_of(t) for t in ("75 %", "1e-3 mg/kg", "0.009 / 4 weeks", "3", "2 * dose", "a", "1.2.3 mg")]
    assert units == ["%", "mg/kg", "/ 4 weeks", "", None, None, None]


def test_a_published_count_has_one_meaning():
    """9/13 and 9 of 13 are the same count; a share above its whole is refused."""
    assert published_number("9/13") == published_number("9 of 13")
    assert published_number("72 %").value == pytest.approx(0.72)
    assert published_number("3 weeks").fits("weeks")
    assert not published_number("3 weeks").fits("%")
    with pytest.raises(UnitError, match="not a part of a whole"):
        published_number("14 of 13")
