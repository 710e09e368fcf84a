"""Settings from outside: which place of the scenario a name means, and what is refused."""

from __future__ import annotations

import pytest

from protocolsim.errors import ProtocolsimError, ScenarioError, UsageError
from protocolsim.scenario.load import load


def own_parameter(scenario, name):
    (row,) = (k for k in scenario.own_parameters if k.name == name)
    return row.text


def parameter(scenario, component, name):
    (row,) = (r for r in scenario.parameters if (r.component, r.name) == (component, name))
    return row.value


class TestPlaces:
    @pytest.mark.parametrize(
        "name", ["response_threshold", "parameters.response_threshold", "parameters.response_threshold.value"]
    )
    def test_a_parameter_of_the_scenario(self, name):
        """A parameter goes by its bare name, or by its path."""
        assert own_parameter(load("ms_daclizumab", set={name: "50%"}), "response_threshold") == "50%"

    @pytest.mark.parametrize(
        "name",
        [
            "half_effect_concentration",
            "daclizumab.half_effect_concentration",
            "drugs.daclizumab.half_effect_concentration",
        ],
    )
    def test_a_parameter_of_a_drug(self, name):
        """A drug's parameter goes by its bare name, with the drug's before it, or by its path."""
        scenario = load("ms_daclizumab", set={name: "4 mg/L"})
        assert parameter(scenario, "daclizumab", "half_effect_concentration") == pytest.approx(4.0)

    @pytest.mark.parametrize(
        "name", ["lesion_persistence", "relapsing_ms.lesion_persistence", "cohort.lesion_persistence"]
    )
    def test_a_parameter_of_the_disease(self, name):
        """A disease's parameter stands in the cohort, and goes by its bare name too."""
        assert parameter(
            load("ms_daclizumab", set={name: "20 %"}), "relapsing_ms", "lesion_persistence"
        ) == pytest.approx(20.0)

    @pytest.mark.parametrize("written", ["20", 20, "4 * 5", "dose_multiple * 10"])
    def test_the_cohort(self, written):
        """A place is set to a number, a text or an expression over parameters, as a file would hold it."""
        assert load("ms_daclizumab", set={"cohort.size": written}).trial.cohort.size == 20

    def test_any_place_of_the_file(self):
        """Title, seed, a rule in a list, a whole schedule, a key the file left out: all go by their path."""
        found = load("ms_daclizumab", set={
            "title": "Changed", "seed": 5, "protocol.transitions[2].when": "cel_reduction > 10 %",
            "protocol.states.baseline.assessments.mri.weeks": [0, 12],
            "protocol.window": "3 days", "cohort.no_show": 0.1,
        })  # fmt: skip
        assert (found.title, found.seed, found.trial.protocol.window, found.trial.cohort.no_show) == (
            "Changed",
            5,
            4320,
            0.1,
        )
        rule = found.trial.protocol.transitions[2].rule
        assert rule is not None
        assert rule.words == "cel_reduction > 10 %"
        mri = found.trial.labels.assessments.index("mri")
        baseline = found.trial.protocol.state("baseline")
        assert [v.offset // 10080 for v in baseline.visits if mri in v.assessments] == [0, 12]

    def test_nothing_else_changes(self):
        """A setting leaves the shipped scenario as it was for the next load."""
        before = load("ms_daclizumab")
        load("ms_daclizumab", set={"response_threshold": "50 %"})
        assert load("ms_daclizumab").resolved == before.resolved

    def test_the_resolved_text_says_it(self, tmp_path):
        """A set scenario's resolved text is a file that loads to the same trial."""
        found = load("ms_daclizumab", set={"response_threshold": "50 %", "median_rate_ratio": 0.5})
        (tmp_path / "again.yaml").write_text(found.resolved)
        again = load(str(tmp_path / "again.yaml"))
        assert again.resolved == found.resolved
        assert again.sha256 == found.sha256 != load("ms_daclizumab").sha256


@pytest.mark.parametrize(
    ("name", "value", "kind", "said"),
    [
        ("response_thresold", "50 %", UsageError, "--set response_thresold: there is no such name; did you"),
        ("size", 5, UsageError, "did you mean 'cohort.size'?"),
        ("qqq", 5, UsageError, "this scenario's parameters: response_threshold, daclizumab_dose"),
        ("a.b.c", 5, UsageError, "there is no such name"),
        ("", 5, UsageError, "there is no such name"),
        (".", 5, UsageError, "there is no such name"),
        ("cohort..size", 5, UsageError, "there is no such name"),
        ("protocol.transitions[99].when", "1 > 0", UsageError, "there is no such name"),
        ("protocol.transitions[-1].when", "1 > 0", UsageError, "there is no such name"),
        ("protocol.states.nowhere.lasts", "4 weeks", UsageError, "there is no such name"),
        ("extends", "ms_no_drug", UsageError, "there is no such name"),
        ("cohort.siez", 5, ScenarioError, "cohort.siez: unknown key 'siez'; did you mean 'size'? (from --set)"),
        ("cohort.size", 1.5, ScenarioError, "cohort.size: 1.5 is not a whole number (subjects) (from --set)"),
        ("cohort.size", True, ScenarioError, "cohort.size: expected a number or text, found true (from --set)"),
        ("cohort.size", None, ScenarioError, "found nothing (from --set)"),
        ("cohort.size", [1], ScenarioError, "found a list (from --set)"),
        ("cohort.size", object(), UsageError, "is not a value that a scenario file could hold"),
        ("cohort.size", float("nan"), UsageError, "is not a value that a scenario file could hold"),
        ("response_threshold", "120 %", ScenarioError, "120 % is outside its range, 0 % to 100 % (from --set)"),
        ("response_threshold", "5 weeks", ScenarioError, "a plain number or a share, as in its range, found '5 weeks'"),
        ("half_effect_concentration", 3, ScenarioError, "expected a concentration (mg/L), found '3'"),
        ("half_effect_concentration", "-3 mg/L", ScenarioError, "-3 mg/L is below"),
        ("protocol.states", 1, ScenarioError, "protocol.states: expected a mapping of keys, found 1 (from --set)"),
        ("protocol.transitions[0].when", "__import__('os')", ScenarioError, "cannot read"),
    ],
)  # fmt: skip
def test_refusals(name, value, kind, said):
    """What means nothing is a UsageError that names the nearest right name; what cannot be, a fault from --set."""
    with pytest.raises(ProtocolsimError) as caught:
        load("ms_daclizumab", set={name: value})
    assert type(caught.value) is kind
    assert said in str(caught.value)


def test_one_place_is_set_once():
    """Two names for one place are a refusal, not the last of the two."""
    with pytest.raises(UsageError, match=r"parameters\.response_threshold\.value is set twice"):
        load("ms_daclizumab", set={"response_threshold": 0.5, "parameters.response_threshold": 0.6})


TWO_TABLETS = """\
title: Two tablets
cohort: {size: 3, disease: relapsing_ms, arrives_on: nothing}
drugs:
  blue: {kind: "tests.support.plugins_for_tests:PLACEBO"}
  red: {kind: "tests.support.plugins_for_tests:OTHER_PLACEBO"}
protocol:
  states:
    treated: {enrolled: true, treatment: {blue: standard, red: standard}, lasts: 4 weeks}
    done: {final: completed}
  transitions:
    - {from: treated, to: done}
"""


def test_a_name_with_two_meanings(tmp_path):
    """A bare name that several components have is refused, with the paths to choose from; with its drug it is clear."""
    path = tmp_path / "tablets.yaml"
    path.write_text(TWO_TABLETS)
    with pytest.raises(
        UsageError, match=r"--set colour: it could mean drugs\.blue\.colour or drugs\.red\.colour; say which"
    ):
        load(str(path), set={"colour": 2}, allow_plugins=True)
    found = load(str(path), set={"red.colour": 2}, allow_plugins=True)
    assert (parameter(found, "placebo", "colour"), parameter(found, "other_placebo", "colour")) == (1.0, 2.0)


def test_a_path_object_is_a_path(tmp_path):
    """A file may be named by a `pathlib.Path` as by its text."""
    file = tmp_path / "trial.yaml"
    file.write_text("extends: ms_daclizumab\ntitle: Mine\n", encoding="utf-8")
    assert load(file).title == load(str(file)).title == "Mine"
