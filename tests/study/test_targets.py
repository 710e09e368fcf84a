"""Files of targets: what they may say, and that every fault is told with its line and column."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from protocolsim.component import Scale
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.scenario.build.cast.components import disease_names, drug_names, load_shipped
from protocolsim.scenario.file import library
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load
from protocolsim.scenario.settable import SettableParameter
from protocolsim.study.calibration.targets import load_targets, targets_of
from protocolsim.units import quantity, unit_product

SOUND = """\
parameters:
  drugs.daclizumab.median_rate_ratio: {scale: log}
  rescue_level: {range: [50 %, 150 %]}
targets:
  controlled_on_monotherapy: {value: 9/13, source: somebody, mark: F}
  new_cel_inhibition: {value: 72 %, standard_error: 10 %, source: somebody, mark: F}
  stopped_for_adverse_event: {value: 21/410, from: another trial, source: somebody, mark: F}
"""


@cache
def scenario():
    return load("ms_daclizumab")


def read(text: str):
    return targets_of(parse(text, "mine.yaml"), scenario())


def faults(old: str, new: str) -> list[tuple[int, int, str, str]]:
    """The faults of the sound file with one place changed: line, column, path and message of each."""
    assert SOUND.count(old) == 1
    with pytest.raises(ScenarioError) as refused:
        read(SOUND.replace(old, new))
    return [(f.line, f.column, f.path, f.message) for f in refused.value.faults]


class TestSound:
    def test_priors(self):
        """A parameter moves within its plausible range unless the file gives one, in its own unit."""
        ratio, rescue = read(SOUND).parameters
        assert (ratio.low, ratio.high, ratio.log, ratio.value) == (0.15, 0.6, True, 0.25)
        assert (rescue.path, rescue.unit, rescue.low, rescue.high, rescue.value) == (
            "parameters.rescue_level.value", "%", 50.0, 150.0, 100.0,
        )  # fmt: skip

    def test_errors(self):
        """What this trial reported has a trial's error; a standard error and another trial's patients are kept."""
        own, mean, count = read(SOUND).targets
        assert (own.value, own.patients, own.standard_error) == (9 / 13, None, None)
        assert (mean.value, mean.standard_error) == pytest.approx((0.72, 0.10))
        assert (count.value, count.patients) == (21 / 410, 410)
        assert {t.error for t in (own, mean, count)} == {
            "one simulated trial", "its standard error", "binomial, 410 patients",
        }  # fmt: skip

    def test_fewer_targets_than_parameters_is_warned_about(self):
        """Two parameters cannot both be known from one target; the file is taken, with a warning."""
        lines = SOUND.splitlines(keepends=True)
        assert read(SOUND).warnings == ()
        (warning,) = read("".join(lines[:5])).warnings
        assert warning.startswith("1 target for 2 parameters")
        assert "cannot be identified" in warning

    def test_an_own_value_outside_the_prior_is_warned_about(self):
        """The scenario's own value must be reachable, or the reader is told."""
        (warning,) = read(SOUND.replace("[50 %, 150 %]", "[110 %, 150 %]")).warnings
        assert "own rescue_level, 100 %, is not within 110 to 150 %" in warning

    @pytest.mark.parametrize("name", library.targets())
    def test_shipped_targets_belong_to_a_scenario_and_repeat_what_it_publishes(self, name):
        """Shipped targets are sound for the scenario of their name; a value published there too is the same there."""
        found = load_targets(name, load(name))
        assert found.warnings == ()
        published = load(name).document.data["published"]
        for target in found.targets:
            assert target.mark in ("F", "F2", "D")
            if target.endpoint in published:
                assert target.text == str(published[target.endpoint]["value"])


def fitted(name: str, unit: str, low: float, high: float, scale: Scale = "linear") -> SettableParameter:
    return SettableParameter(name, name, "", "", unit, None, low, high, "", scale=scale)


class TestFitted:
    @pytest.mark.parametrize("log", [False, True])
    def test_position_inverts_at(self, log):
        """The ends are at 0 and 1, and a value's position leads back to it."""
        free = fitted("x", "", 0.15, 0.6, "log" if log else "linear")
        assert (free.at(0.0), free.at(1.0)) == pytest.approx((0.15, 0.6))
        assert free.at(0.5) == pytest.approx(0.3 if log else 0.375)
        assert [free.position(free.at(u)) for u in (0.0, 0.3, 1.0)] == pytest.approx([0.0, 0.3, 1.0])

    def test_every_parameter_can_be_set_in_its_own_unit(self):
        """What a fitted parameter is set to reads as that number in that unit, whatever the unit."""
        found = [("disease", n) for n in disease_names()] + [("drug", n) for n in drug_names()]
        for room, name in found:
            for p in load_shipped(room, name).parameters:
                written = quantity(fitted(p.name, p.unit, p.low, p.high).setting(0.25))
                one = unit_product(p.unit)
                assert written.dimension == one.dimension
                assert written.value / one.value == pytest.approx(0.75 * p.low + 0.25 * p.high, rel=1e-9)


BAD = [
    ("9/13", "7/5", "targets.controlled_on_monotherapy.value", "7/5 is not a part of a whole"),
    ("9/13", "7 of 5", "targets.controlled_on_monotherapy.value", "7 of 5 is not a part of a whole"),
    ("9/13", "0/0", "targets.controlled_on_monotherapy.value", "0/0 is not a part of a whole"),
    ("9/13", "130 %", "targets.controlled_on_monotherapy.value", "130 % is not between 0 and 100 %"),
    ("9/13", "9 weeks", "targets.controlled_on_monotherapy.value", "expected a value in %, found '9 weeks'"),
    ("9/13", "lots", "targets.controlled_on_monotherapy.value", "cannot read 'lots'"),
    ("72 %,", "7/10,", "targets.new_cel_inhibition.value", "'new_cel_inhibition' is no share of subjects"),
    ("error: 10 %", "error: -10 %", "targets.new_cel_inhibition.standard_error", "-10 % is not above 0"),
    ("error: 10 %", "error: 0", "targets.new_cel_inhibition.standard_error", "0 is not above 0"),
    ("error: 10 %", "error: 1 mg", "targets.new_cel_inhibition.standard_error", "expected a value in %"),
    (
        "error: 10 %",
        "error: 10 %, from: this trial",
        "targets.new_cel_inhibition.standard_error",
        "one simulated trial",
    ),
    ("21/410,", "21/410, standard_error: 1 %,", "targets.stopped_for_adverse_event.standard_error", "a count has"),
    ("21/410,", "5 %,", "targets.stopped_for_adverse_event.from", "needs its standard_error"),
    ("another trial", "other trial", "targets.stopped_for_adverse_event.from", "'this trial' or 'another trial'"),
    ("new_cel_inhibition", "new_cel_inhibitoin", "targets.new_cel_inhibitoin", "did you mean 'new_cel_inhibition'"),
    ("{scale: log}", "{scale: lgo}", "parameters.drugs.daclizumab.median_rate_ratio.scale", "'linear' or 'log'"),
    ("{scale: log}", "{range: [0, 1], scale: log}", "", "must be above 0, and it is 0"),
    ("{scale: log}", "{range: [1, 0.2]}", "", "the lowest value, 1, is not below the highest, 0.2"),
    ("{scale: log}", "{range: [0.2 mg, 1 mg]}", "", "expected a plain number or a share, found '0.2 mg'"),
    ("{scale: log}", "{range: [0.0001, 1]}", "", "at 0.0001: 0.0001 is below 0.001"),
    ("{scale: log}", "{range: [0.2]}", "", "expected two values"),
    ("[50 %, 150 %]", "[50 %, 250 %]", "parameters.rescue_level.range", "250 % is outside its range"),
    ("rescue_level", "rescue_levle", "parameters.rescue_levle", "did you mean 'rescue_level'"),
    ("rescue_level: {", "median_rate_ratio: {", "parameters.median_rate_ratio", "the same as 'drugs.daclizumab.median"),
    ("rescue_level: {range: [50 %, 150 %]}", "seed: {range: [1, 9]}", "parameters.seed", "no parameter of the trial"),
    ("rescue_level: {range: [50 %, 150 %]}", "cohort.dropout: {}", "parameters.cohort.dropout", "no plausible range"),
    ("targets:", "targts:", "targts", "did you mean 'targets'"),
    ("mark: F}\n  new", "mrak: F}\n  new", "targets.controlled_on_monotherapy.mrak", "did you mean 'mark'"),
]


@pytest.mark.parametrize(("old", "new", "path", "message"), BAD)
def test_each_fault_is_told_at_its_line(old, new, path, message):
    """A fault names its path and what was expected, at the line and column where it stands."""
    found = faults(old, new)
    line = SOUND[: SOUND.index(old)].count("\n") + 1
    told = [f for f in found if message in f[3]]
    assert told, found
    assert told[0][0] == line
    assert told[0][1] > 0
    if path:
        assert told[0][2] == path


def test_all_faults_at_once():
    """Several faults are one refusal."""
    with pytest.raises(ScenarioError) as refused:
        read(SOUND.replace("9/13", "7/5").replace("rescue_level", "rescue_levle").replace("10 %", "-1 %"))
    assert len(refused.value.faults) == 3


def test_nothing_to_fit_or_to_fit_to():
    """A file without parameters, or without targets, says nothing."""
    with pytest.raises(ScenarioError, match="no parameter to fit stands here"):
        read(SOUND[SOUND.index("targets:") :])
    with pytest.raises(ScenarioError, match="no target to fit to stands here"):
        read(SOUND[: SOUND.index("targets:")])


def test_targets_are_found_by_name_or_path(tmp_path):
    """A name means shipped targets, a path a file; an unknown name is refused with the nearest."""
    (tmp_path / "mine.yaml").write_text(SOUND)
    assert len(load_targets(str(tmp_path / "mine.yaml"), scenario()).targets) == 3
    assert load_targets("ms_daclizumab", scenario()).parameters
    with pytest.raises(UsageError, match="did you mean 'ms_daclizumab'"):
        load_targets("ms_daclizumba", scenario())
    with pytest.raises(ScenarioError, match="there is no such file"):
        load_targets(str(tmp_path / "none.yaml"), scenario())


def test_a_file_that_is_read_as_it_stands():
    """The shipped file's own text is what a report shows."""
    path = Path(library.find_targets("ms_daclizumab"))
    assert load_targets("ms_daclizumab", scenario()).text == path.read_text()
