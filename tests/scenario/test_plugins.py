"""Code from outside is loaded only where it was allowed, and refused in words where it is no component."""

from __future__ import annotations

import sys

import pytest

from protocolsim.errors import ProtocolsimError, ScenarioError, UsageError
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.build.cast.components import load
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.study.run import run

HERE = "tests.support.plugins_for_tests"
TRIAL = """\
title: A trial of a drug from outside
cohort: {size: 3, disease: relapsing_ms, arrives_on: nothing}
drugs:
  tablet: {kind: "KIND", colour: 2}
protocol:
  states:
    treated: {enrolled: true, treatment: {tablet: standard}, lasts: 4 weeks}
    done: {final: completed}
  transitions:
    - {from: treated, to: done}
"""


def trial(kind: str = f"{HERE}:PLACEBO"):
    return parse(TRIAL.replace("KIND", kind), "trial.yaml")


def test_refused_unless_allowed(monkeypatch):
    """Without permission nothing is imported, and the fault says which switch allows it, at the drug's line."""
    monkeypatch.delitem(sys.modules, HERE, raising=False)
    with pytest.raises(ScenarioError) as caught:
        build(trial())
    (fault,) = caught.value.faults
    assert fault.message == f"'{HERE}:PLACEBO' is code from outside; it is loaded only with --allow-plugins"
    assert (fault.path, fault.line) == ("drugs.tablet", 4)
    assert HERE not in sys.modules


def test_loaded_where_allowed():
    """A drug from outside runs like a shipped one, with its parameters read, listed and bounded."""
    scenario = build(trial(), allow_plugins=True)
    assert [(r.name, r.value) for r in scenario.parameters if r.component == "placebo"] == [("colour", 2.0)]
    result = run(scenario, replicates=2)
    assert list(result.subjects["enrolled"]) == [True] * 6
    with pytest.raises(ScenarioError, match="colour: -1 is below 0"):
        build(
            parse(TRIAL.replace("KIND", f"{HERE}:PLACEBO").replace("colour: 2", "colour: -1"), "t"), allow_plugins=True
        )


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (f"{HERE}:not_a_drug", "is not a Drug"),
        (f"{HERE}:Placebo", "is a class, and a component is a value: write PLACEBO = Drug("),
        (f"{HERE}:Placebo", f"name '{HERE}:PLACEBO' here"),
        (f"{HERE}:SAME_STREAM", "two components draw from the same stream"),
        (f"{HERE}:Missing", "cannot load"),
        ("protocolsim.disease.relapsing_ms:COMPONENT", "is not a Drug"),
        ("no.such.module:Drug", "cannot load 'no.such.module:Drug': ModuleNotFoundError"),
        (".relative:Drug", "cannot load"),
        ("os:", "cannot load"),
        (":Drug", "cannot load"),
        ("os", "unknown drug 'os'"),
    ],
)
def test_what_is_no_component_is_refused(kind, said):
    """Whatever a name from outside leads to, it is a drug or one refusal, never another exception."""
    disease = "" if "SAME_STREAM" not in kind else "interferon_beta: standard, "
    text = TRIAL.replace("KIND", kind).replace("{tablet: standard}", f"{{{disease}tablet: standard}}")
    with pytest.raises(ScenarioError) as caught:
        build(parse(text, "trial.yaml"), allow_plugins=True)
    (fault,) = caught.value.faults
    assert said in fault.message
    assert fault.path.startswith("drugs")


UNFINISHED = "from protocolsim.drug.base import Drug\nDrug(name='unfinished')"


@pytest.mark.parametrize(
    "text", ["raise RuntimeError('at import')", "def (", "import no_such_module", "1 / 0", UNFINISHED]
)
def test_a_module_that_fails_while_it_is_imported(text, tmp_path, monkeypatch):
    """An error inside a plugin's own module is a refusal that names it."""
    name = f"broken_plugin_{abs(hash(text))}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=f"cannot load '{name}:Drug'"):
        load("drug", f"{name}:Drug", allow_plugins=True)


def test_a_disease_is_no_drug():
    """Each room takes its own kind only."""
    with pytest.raises(ProtocolsimError, match="is not a Disease"):
        load("disease", f"{HERE}:PLACEBO", allow_plugins=True)
