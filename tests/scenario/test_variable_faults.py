"""What is told of variables, settings, doses and durations that cannot be: at their line, with what was expected."""

# ruff: noqa: E501 - a table of faults reads best with one to a line

from __future__ import annotations

import pytest

from protocolsim.errors import ScenarioError, UsageError
from protocolsim.proof.examine import examine
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.build.proof_case import case_of
from protocolsim.scenario.check import check_scenario
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load_text
from protocolsim.scenario.scenario import Scenario

TEXT = """\
title: Titration
parameters:
  step: {value: 8 mg, range: [1 mg, 20 mg], meaning: by how much}
cohort: {size: 2, disease: "tests.support.toys:ToyDisease"}
drugs:
  infusion: {kind: "tests.support.toys:Infusion"}
  units: {kind: "tests.support.drawn_variables:Insulin"}
protocol:
  variables:
    dose: {start: 10 mg, range: [0 mg, 40 mg], meaning: dose in force}
    gap: {start: 2 days, range: [1 day, 9 days]}
  summaries:
    seen: {last of: chance}
    rounds: {entries of: injected}
  states:
    titration:
      enrolled: true
      treatment: {infusion: {dose: dose, every: 1 day}}
      assessments: {scan: {every: 2 days}}
      lasts: 10 days
    injected:
      treatment: {units: {dose: 3 IU, days: [0]}}
      lasts: gap
    done: {final: done}
  transitions:
    - {from: titration, after: scan, when: seen > 0.5, set: {dose: dose + step}}
    - {from: titration, to: injected}
    - {from: injected, to: done, when: rounds > 2}
    - {from: injected, to: injected, set: {gap: gap + 1 day}}
  always:
    given: {total dose of: infusion, at most: 400 mg}
    often: {doses of: units, at most: 3}
endpoints:
  total: {kind: dose_total, drug: infusion}
"""


def loaded(*swaps: tuple[str, str]) -> Scenario:
    text = TEXT
    for old, new in swaps:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return build(parse(text, "trial.yaml"), allow_plugins=True)


SETS, EXTENDS = "set: {dose: dose + step}", "set: {gap: gap + 1 day}"
LASTS, DOSE = "lasts: gap", "dose: dose, every"
START = "{start: 10 mg, range: [0 mg, 40 mg], meaning: dose in force}"
FAULTS = [
    ((START, "{start: 50 mg, range: [0 mg, 40 mg]}"), "50 mg", "50 mg is outside its range, 0 mg to 40 mg"),
    ((START, "{start: 10 mg, range: [40 mg, 0 mg]}"), "[40 mg", "the lowest value, 40 mg, is not below the highest, 0 mg"),
    ((START, "{start: 10 mg, range: [0, 40 mg]}"), "0, 40 mg", "expected a mass (mg), found '0', a plain number"),
    ((START, "{start: 10 mg, range: [0 mg, seen]}"), "seen]}", "unknown name 'seen'"),
    ((START, "{start: 10 mg}"), "dose: {start", "range"),
    (("    gap: {start", "    step: {start: 1, range: [0, 2]}\n    gap: {start"), "step: {start: 1", "'step' already means something else"),
    ((SETS, "set: {dsoe: dose + step}"), "dsoe", "unknown variable of the protocol 'dsoe'; did you mean 'dose'?"),
    ((SETS, "set: {seen: dose + step}"), "seen: dose", "unknown variable of the protocol 'seen'"),
    ((SETS, "set: {dose: dose + stepp}"), "dose + stepp", "unknown name 'stepp'; did you mean 'step'?"),
    ((SETS, "set: {dose: gap}"), "gap}}\n    - {from: titration, to", "expected a mass (mg), as 'dose' is, found 'gap', a time"),
    ((SETS, "set: {dose: dose > step}"), "dose > step", "expected a number, found a comparison"),
    ((SETS, "set: {}"), "set: {}", "no variable stands here"),
    (("to: injected, set: {gap: gap + 1 day}", "set: {gap: gap + 1 day}"), "set: {gap", "at the end of a state a transition says where it leads ('to')"),
    (("after: scan, when: seen > 0.5, set: {dose: dose + step}", "after: scan, when: seen > 0.5"), "{from: titration, after", "a transition says 'to', 'randomise' or 'choose', one of them; one that only sets variables says 'set'"),
    ((DOSE, "dose: gap, every"), "gap, every", "expected a dose (mg/kg) or a mass (mg), found 'gap', a time"),
    ((DOSE, "dose: 3 IU, every"), "3 IU, every", "expected a dose (mg/kg) or a mass (mg), found '3 IU', an activity (IU)"),
    (("dose: 3 IU, days", "dose: 3 mg, days"), "3 mg, days", "expected a dose (IU/kg) or an activity (IU), found '3 mg', a mass (mg)"),
    ((DOSE, "dose: dsoe, every"), "dsoe, every", "unknown name 'dsoe'"),
    ((LASTS, "lasts: dose"), "dose\n    done", "expected a time (minutes, hours, days, weeks), found 'dose', a mass (mg)"),
    ((LASTS, "lasts: gap * seen"), "gap * seen", "'seen' is no variable: how long a state lasts is computed on entering it"),
    ((LASTS, "lasts: gap - 2 days"), "gap - 2 days", "'gap - 2 days' may be below 0 minutes within the ranges of its variables"),
    ((LASTS, "lasts: gap / (gap - 2 days) * 1 day"), "gap / (gap", "may be undefined"),
    ((LASTS, "lasts: gap - 1 day"), "injected:\n      treat", "a cycle that takes no time"),
    (("total dose of: infusion, at most: 400 mg", "total dose of: infusion, at most: 4 mg/kg"), "4 mg/kg", "expected a mass (mg), found '4 mg/kg', a dose (mg/kg)"),
]  # fmt: skip


@pytest.mark.parametrize(("swap", "at", "said"), FAULTS, ids=[f"{swap[1][:40]}" for swap, _, _ in FAULTS])
def test_each_fault_is_told_where_it_stands(swap, at, said):
    """One fault, at the place of what is wrong."""
    text = TEXT.replace(*swap)
    with pytest.raises(ScenarioError) as caught:
        loaded(swap)
    (fault,) = caught.value.faults
    before = text[: text.index(at)]
    assert fault.line == before.count("\n") + 1
    assert fault.column == len(before) - (before.rfind("\n") + 1) + 1
    assert said in fault.message


def test_doses_that_cannot_be_added_up_have_no_total():
    """Where some are per weight and some are not, the endpoint and the bound say so, each at its line."""
    mixed = (
        "    done: {final: done}\n",
        "    more: {treatment: {infusion: {dose: 1 mg/kg, days: [0]}}, lasts: 1 day}\n    done: {final: done}\n",
    )
    with pytest.raises(ScenarioError) as caught:
        loaded(mixed, ("to: done, when: rounds > 2}", "to: more, when: rounds > 2}\n    - {from: more, to: done}"))
    assert [f.path for f in caught.value.faults] == ["protocol.always.given.total dose of", "endpoints.total"]
    assert all("some doses of 'infusion' are per weight and some are not" in f.message for f in caught.value.faults)


def test_a_total_is_counted_in_the_unit_of_the_doses():
    """mg where doses are flat, mg/kg where they are per weight."""
    assert loaded().endpoints["total"].unit == "mg"
    per_weight = (
        (START, "{start: 1 mg/kg, range: [0 mg/kg, 4 mg/kg]}"),
        ("{value: 8 mg, range: [1 mg, 20 mg]", "{value: 1 mg/kg"),
    )
    assert loaded(*per_weight, ("at most: 400 mg", "at most: 40 mg/kg")).endpoints["total"].unit == "mg/kg"


class TestProofs:
    """Nothing is claimed that is not true of somebody, and what is counted out is counted right."""

    def test_the_largest_total_is_found_by_the_ranges(self):
        """Ten doses, each at most what the steps so far allow: 18, 18, 26, 26, 34, 34, 40, 40, 40, 40."""
        most = 2 * (18 + 26 + 34) + 4 * 40
        assert kinds(loaded(("at most: 400 mg", f"at most: {most} mg"))) == set()
        (found,) = [
            f
            for f in check_scenario(loaded(("at most: 400 mg", f"at most: {most - 1} mg"))).findings
            if f.severity == "fault"
        ]
        assert found.kind == "bound broken"
        assert found.patient == {"given": float(most)}

    def test_a_loop_is_followed_as_long_as_its_rule_says(self):
        """Three entries of 2, 3 and 4 days after 10 days; the paths are whole."""
        built = loaded()
        found = examine(case_of(built.trial, built.named)).routes
        assert found.whole
        assert {r.ends for r in found.found} == {19 * 1440}

    @pytest.mark.parametrize(
        ("rule", "kind"),
        [
            ("dose > 41 mg", "never true"),
            ("dose <= 40 mg", "always true"),
            ("dose > 39 mg", None),
            ("dose < 18 mg and gap > 2 days", "never true"),  # nothing has set the gap by then
        ],
    )
    def test_a_rule_is_judged_by_the_range(self, rule, kind):
        """What lies outside of it is never true; what nothing has set yet is what it began with."""
        built = loaded(
            (
                "{from: titration, to: injected}",
                f"{{from: titration, to: done, when: {rule}}}\n    - {{from: titration, to: injected, otherwise: true}}",
            )
        )
        found = {f.kind for f in check_scenario(built).findings if f.path.endswith("transitions[1].when")}
        assert found == ({kind} if kind else set())

    def test_what_depends_on_the_patient_is_not_claimed(self):
        """A dose that is set from what is seen: between nothing and the range's end, neither proven nor broken."""
        assert kinds(loaded((SETS, "set: {dose: dose * seen}"), ("at most: 400 mg", "at most: 399 mg"))) == {
            "not proven"
        }
        unknown = check_scenario(loaded((EXTENDS, "set: {gap: gap * seen}")))
        assert unknown.routes is not None
        assert not unknown.routes.whole
        assert "how long 'injected' lasts depends on what is seen" in unknown.routes.why


def kinds(built: Scenario) -> set[str]:
    """What is found of a scenario's bounds."""
    return {f.kind for f in check_scenario(built).findings if f.path.startswith("protocol.always")}


def test_starts_can_be_set():
    """By the variable's name, by its path, and not beyond its range."""
    for name in ("dose", "protocol.variables.dose.start"):
        built = load_text(TEXT, "trial.yaml", set={name: "20 mg"}, allow_plugins=True)
        assert built.trial.protocol.variables[0].start == 20.0
        assert built.settable(name).value == 20.0
        assert (built.settable(name).low, built.settable(name).high, built.settable(name).unit) == (0.0, 40.0, "mg")
    with pytest.raises(ScenarioError, match="outside its range"):
        load_text(TEXT, "trial.yaml", set={"dose": "50 mg"}, allow_plugins=True)
    with pytest.raises(UsageError, match="did you mean 'dose'"):
        load_text(TEXT, "trial.yaml", set={"dosee": "50 mg"}, allow_plugins=True)
