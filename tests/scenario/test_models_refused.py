"""Declared models that are at fault are refused at their line, with what was found and what was expected."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from protocolsim.errors import ScenarioError, UsageError
from protocolsim.scenario.build.cast.components import model_of
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.file.yaml_writer import as_yaml
from protocolsim.scenario.load import load, load_text

DISEASE = """
kind: disease
meaning: a level that drifts
step: 1 day
parameters:
  mean: {value: 8 %, range: [5 %, 10 %], meaning: mean level}
  half: {value: 4 days, range: [1 day, 9 days], meaning: half-life}
signals:
  effect: {meaning: what the drug does}
traits:
  weight: {lognormal: {median: 70 kg, cv: 20 %}, seen: true, meaning: body weight}
  level: {normal: {mean: mean, sd: 1 %}, at least: 0 %, meaning: level}
  frail: {gamma: {mean: 1, cv: 50 %}, meaning: frailty}
quantities:
  usual: {formula: level * exp(sum of(effect))}
  now: {start: level, relaxes to: usual, half-life: half, at least: 0 %}
  noise: {autoregressive: {sd: 0.1, correlation: 0.5, over: 1 week}}
assessments:
  blood:
    shown: {shows: now, error: {lognormal: {cv: 10 %}}, meaning: level}
events:
  fall: {rate: 1 % / week * frail, recurrent: true}
"""
DRUG = """
kind: drug
meaning: a pill
needs: [weight]
parameters:
  out: {value: 12 hours, range: [1 hour, 2 days], meaning: half-life}
quantities:
  amount: {doses enter: one compartment, half-life: out}
writes: {effect: -amount / (amount + 20 mg)}
"""
TRIAL = """
title: T
cohort: {size: 3, disease: drift}
protocol:
  summaries: {last: {last of: shown}}
  states:
    s: {enrolled: true, assessments: {blood: {days: [0, 7]}}, lasts: 2 weeks}
    low: {final: low}
    done: {final: completed}
  transitions:
    - {from: s, to: low, when: last < 7 %}
    - {from: s, to: done, otherwise: true}
"""


def changed(text: str, at: str, value: Any) -> str:
    """The text with one place (keys between '/') set to a value, or taken away where the value is None."""
    data = YAML(typ="safe").load(text)
    here, *_ = steps = at.split("/")
    inside = data
    for here in steps[:-1]:
        inside = inside.setdefault(here, {})
    if value is None:
        del inside[steps[-1]]
    else:
        inside[steps[-1]] = copy.deepcopy(value)
    return as_yaml(data)


WRONG: list[tuple[str, str, Any, str]] = [
    # Formulas.
    ("traits/level", "traits/level/normal/mean", "mena", "unknown name 'mena'; did you mean 'mean'?"),
    ("circle", "quantities/usual/formula", "usual + level", "formulas go in a circle"),
    ("circle of two", "quantities/a", {"formula": "usual"}, ""),
    ("the future", "traits/weight", {"normal": {"mean": "level", "sd": 1}, "meaning": "x"}, "stands below"),
    ("future quantity", "quantities/noise/autoregressive/sd", "late", "unknown name 'late'"),
    ("dimensions", "traits/level/normal/sd", "1 kg", "expected"),
    ("dimensions of a formula", "quantities/usual/formula", "level + weight", "units do not fit: '+'"),
    ("truth", "quantities/usual/formula", "level > 1 %", "expected a number, found a comparison"),
    ("function", "quantities/usual/formula", "exq(level)", "unknown function 'exq'"),
    ("signal", "quantities/usual/formula", "level * exp(sum of(efect))", "no signal 'efect' is declared; did you mean"),
    ("half-life", "quantities/now/half-life", "half - 10 days", "can be 0 or negative"),
    ("half-life unit", "quantities/now/half-life", "4 kg", "expected a time"),
    ("own name", "traits/exp", {"formula": 1, "meaning": "x"}, ""),
    ("reserved", "traits/and", {"formula": 1, "meaning": "x"}, "means something in formulas already"),
    ("twice", "quantities/level", {"formula": 1}, "stands in this model twice"),
    ("no name", "traits/a b", {"formula": 1, "meaning": "x"}, "use letters, digits and _"),
    # Traits.
    ("no kind", "traits/level", {"meaning": "x"}, "a trait is one of normal, lognormal"),
    ("two kinds", "traits/level/bernoulli", 0.5, "found normal and bernoulli"),
    ("spread", "traits/weight/lognormal", {"median": "70 kg"}, "'cv' or 'log sd', one of them"),
    ("median", "traits/weight/lognormal/median", "-70 kg", "expected what is always above 0"),
    ("categories", "traits/frail", {"categories": {"0": 0.5, "1": 0.2}, "meaning": "x"}, "do not sum to 1"),
    ("correlation", "traits/frail/correlated with", {"level": 1.5}, "are no correlation matrix"),
    ("correlated with what", "traits/frail/correlated with", {"lvel": 0.5}, "is no trait above"),
    ("cut", "traits/x", {"bernoulli": 0.5, "at least": 0, "meaning": "x"}, "'bernoulli' cannot be cut to bounds"),
    # Quantities.
    ("no quantity", "quantities/now", {"start": "level"}, "a quantity is one of relaxes to, grows by"),
    ("no start", "quantities/now/start", None, "'start' is missing here"),
    ("no half-life", "quantities/now/half-life", None, "'half-life' is missing here"),
    ("key of another", "quantities/noise/half-life", "1 day", "'half-life' belongs to 'relaxes to' and 'doses enter'"),
    ("correlation of noise", "quantities/noise/autoregressive/correlation", 1.5, "can be outside of 0 to 1"),
    ("rate", "quantities/now", {"start": "level", "rate": "level"}, "expected a rate"),
    ("negative arrivals", "quantities/n", {"arrivals": "1 / week * (1 - frail)"}, "can be negative"),
    ("level", "quantities/n", {"steps": {"start": 5, "levels": {"a": 0, "b": 1}, "rates": {}}}, "outside of 0 to 1"),
    ("no level", "quantities/n", {"steps": {"start": 0.5, "levels": {"a": 0, "b": 1}, "rates": {}}}, "a level: 0, 1"),
    ("step of a formula", "quantities/usual/step", "1 day", "'step' belongs to 'relaxes to' and 'grows by'"),
    ("step of noise", "quantities/noise/step", "1 day", "'step' belongs to 'relaxes to' and 'grows by'"),
    ("rates", "quantities/n", {"steps": {"start": 0, "levels": {"a": 0}, "rates": {"a": {"c": 0}}}}, "no level 'c'"),
    ("doses", "quantities/n", {"doses enter": "one compartment", "half-life": "1 day"}, "doses enter a drug"),
    ("step", "step", "1 minute", "too fine"),
    ("steps that differ", "quantities/now/step", "2 days", "one step of time"),
    ("no time", "step", "1 kg", "expected a time"),
    # What is seen, and what happens.
    ("nothing shown", "assessments/scan", {}, "it shows nothing"),
    ("unit", "assessments/blood/shown/unit", "mg", "expected a unit of"),
    ("two errors", "assessments/blood/shown/error/normal", {"sd": "1 %"}, "an error is one of normal"),
    ("rounded", "assessments/blood/shown/rounded to", 0, "can be 0 or negative"),
    ("count of a mass", "assessments/blood/n", {"shows": "weight", "error": "poisson", "meaning": "x"}, "has no unit"),
    ("negative hazard", "events/fall/rate", "1 % / week * (frail - 1)", "can be negative, and a hazard is 0 or more"),
    ("hazard without time", "events/fall/rate", 0.5, "expected a rate"),
    ("no event", "events/fall/rate", None, "an event is one of rate, weibull, piecewise"),
    ("baseline", "events/fall", {"weibull": {"scale": "1 week * frail", "shape": 2}}, "differs between patients"),
    ("pieces", "events/fall", {"piecewise": {"1 week": "1 / week"}}, "the first rate begins at 0 weeks"),
    # Parameters and streams.
    ("no unit", "parameters/mean/value", "8 procent", "unknown unit"),
    ("other unit", "parameters/mean/range", ["5 kg", "10 kg"], "expected a plain number"),
    ("range", "parameters/mean/range", ["10 %", "5 %"], "is not below the highest"),
    ("outside", "parameters/mean/value", "50 %", "is outside its range"),
    ("found where", "parameters/mean/mark", "F", "'source' is missing here"),
    ("log scale", "parameters/mean", {"value": 1, "range": [0, 2], "scale": "log", "meaning": "x"}, "a log scale"),
    ("stream", "traits/frail/stream", 3, "is no stream"),
    ("one stream", "traits/x", {"uniform": {"from": 0, "to": 1}, "stream": 77, "meaning": "x"}, ""),
    ("unknown key", "traits/level/seeen", True, "unknown key 'seeen'; did you mean 'seen'?"),
    ("key of a drug", "writes", {"effect": 1}, "'writes' belongs to a drug"),
    ("too many", "traits", {f"t{k}": {"formula": 1, "meaning": "x"} for k in range(201)}, "at most 200 are possible"),
]  # fmt: skip


def refused(text: str, name: str = "drift") -> ScenarioError | None:
    try:
        model_of(parse(text, f"{name}.yaml"), name)
    except ScenarioError as error:
        return error
    return None


def test_both_models_are_sound():
    """What the faults are put into has none."""
    assert refused(DISEASE) is None
    assert refused(DRUG, "pill") is None


@pytest.mark.parametrize(("what", "at", "value", "said"), [w for w in WRONG if w[3]], ids=lambda v: str(v)[:30])
def test_a_fault_is_told_at_its_line(what, at, value, said):
    """One sentence says what was found and expected, at the line of the part that is at fault."""
    text = changed(DISEASE, at, value)
    error = refused(text)
    assert error is not None
    messages = [f for f in error.faults if said in f.message]
    assert messages, [f.message for f in error.faults]
    fault = messages[0]
    assert len(fault.message) < 400
    assert fault.line > 0
    # The line is that of the place, or of one above or below it.
    place = fault.path.replace("[", ".").replace("]", "").split(".")
    wanted = at.split("/")
    shared = sum(1 for _ in zip(place, wanted, strict=False))
    assert place[:1] == wanted[:1] or shared > 0


@pytest.mark.parametrize(("what", "at", "value", "said"), [w for w in WRONG if not w[3]], ids=lambda v: str(v)[:30])
def test_what_is_no_fault_is_taken(what, at, value, said):
    """A formula may read one that stands below it, and a name that is a function's may be a name."""
    assert refused(changed(DISEASE, at, value)) is None


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        ("writes/effect", "-amount", ""),
        ("quantities/amount/half-life", "12", "expected a time"),
        ("quantities/amount/doses enter", "three compartments", "expected one of"),
        ("quantities/amount/doses enter", "two compartments", "'to periphery' is missing here"),
        ("quantities/amount/available", "-1", "can be negative"),
        ("writes/effect", "sum of(other)", "belongs to a disease"),
        ("writes/effect", "wieght", "unknown name 'wieght'; did you mean 'weight'?"),
        ("signals", {"effect": {}}, "'signals' belongs to a disease"),
    ],
)
def test_faults_of_a_drug(at, value, said):
    """Likewise of a drug."""
    error = refused(changed(DRUG, at, value), "pill")
    assert (error is None) == (said == "")
    assert error is None or any(said in f.message for f in error.faults), error


def trial(tmp_path, disease: str = DISEASE, drug: str | None = None, text: str = TRIAL):
    """A scenario with its models in files beside it."""
    (tmp_path / "models").mkdir(exist_ok=True)
    (tmp_path / "models" / "drift.yaml").write_text(disease)
    if drug is not None:
        (tmp_path / "models" / "pill.yaml").write_text(drug)
    path = tmp_path / "trial.yaml"
    path.write_text(text)
    return path


def test_a_rule_reads_what_is_seen_and_nothing_else(tmp_path):
    """A hidden trait, a quantity and a parameter of the model are no names of a rule; a trait that is seen is one."""
    for name in ("level", "now", "noise", "mean", "usual"):
        with pytest.raises(ScenarioError, match=f"unknown name '{name}'"):
            load(trial(tmp_path, text=TRIAL.replace("last < 7 %", f"{name} < 7 %")))
    load(trial(tmp_path, text=TRIAL.replace("last < 7 %", "weight < 70 kg")))


def test_faults_of_a_model_name_its_file_and_line(tmp_path):
    """A fault in a model's file is told with that file."""
    with pytest.raises(ScenarioError, match=r"models\.drift\.traits\.level\.normal\.mean.*mena.*drift\.yaml"):
        load(trial(tmp_path, disease=changed(DISEASE, "traits/level/normal/mean", "mena")))


def test_a_model_of_the_other_kind_or_of_a_taken_name(tmp_path):
    """A drug is no disease; a shipped name is not given to another model; what is not there is told with what is."""
    with pytest.raises(ScenarioError, match="'drift' is a drug; expected a disease"):
        load(trial(tmp_path, disease=DRUG))
    taken = changed(TRIAL, "models/relapsing_ms", YAML(typ="safe").load(DISEASE)).replace(
        "disease: drift", "disease: relapsing_ms"
    )
    with pytest.raises(ScenarioError, match="is shipped already"):
        load_text(taken, "t.yaml")
    with pytest.raises(ScenarioError, match="unknown disease 'drfit'; did you mean 'drift'"):
        load(
            trial(
                tmp_path,
                text=changed(TRIAL, "models/drift", YAML(typ="safe").load(DISEASE)).replace(
                    "disease: drift", "disease: drfit"
                ),
            )
        )


def test_steps_that_are_too_many(tmp_path):
    """A fine step over a long protocol is refused with both numbers."""
    fine = DISEASE.replace("step: 1 day", "step: 10 minutes")
    load(trial(tmp_path, disease=fine))
    with pytest.raises(ScenarioError, match=r"models\.drift\.step: .*10 minutes is taken 131,040 times in the 130"):
        load(trial(tmp_path, disease=fine, text=TRIAL.replace("lasts: 2 weeks", "lasts: 130 weeks")))


PATIENTS = """
kind: disease
meaning: patients of a file
patients:
  from: {name}
  columns: {{weight: {{column: kg, unit: kg}}, age: age}}
traits:
  level: {{normal: {{mean: age, sd: 1}}, meaning: level}}
assessments: {{blood: {{shown: {{shows: level, meaning: level}}}}}}
"""
ROWS = "kg,age\n70,40\n80,50\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ROWS, ""),
        ("\ufeff" + ROWS, ""),
        (ROWS.replace("kg", "weight"), "unknown column 'kg'"),
        (ROWS.replace("70", "7O"), "row 2, column 'kg': expected a number, found '7O'"),
        (ROWS.replace("70", ""), "row 2, column 'kg': expected a number, found nothing"),
        (ROWS.replace("70", "nan"), "expected a number, found 'nan'"),
        (ROWS.replace("70", "1_0"), "expected a number, found '1_0'"),
        ("kg,age\n", "no rows stand below"),
        ("", "the first row must name the columns"),
        ("kg,kg,age\n1,2,3\n", "two columns are called 'kg'"),
        ("kg,age\n" + "70,40\n" * 200_001, "more than 200,000 rows"),
        ('kg,age\n"70,40\n', "unexpected end of data"),
        ("kg,age\n" + "x,y\n" * 9, "13 more cells are no numbers"),
    ],
)
def test_patients_of_a_file(tmp_path, content, said):
    """A file of patients is read strictly; what is wrong in it is told by row and column."""
    text = TRIAL.replace("last < 7 %", "last < 45 and weight < 75 kg")
    path = trial(tmp_path, disease=PATIENTS.format(name="patients.csv"), text=text)
    (tmp_path / "models" / "patients.csv").write_text(content, encoding="utf-8")
    if not said:
        load(path)
        return
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert said in str(caught.value)
    assert len(caught.value.faults) < 10


def test_a_file_that_is_not_there_or_is_another(tmp_path):
    """A missing file and one whose hash is another are refused."""
    path = trial(tmp_path, disease=PATIENTS.format(name="patients.csv"), text=TRIAL.replace("last < 7 %", "last < 45"))
    with pytest.raises(ScenarioError, match=r"'patients\.csv' is not there"):
        load(path)
    (tmp_path / "models" / "patients.csv").write_text(ROWS)
    (tmp_path / "models" / "drift.yaml").write_text(
        changed(PATIENTS.format(name="patients.csv"), "patients/sha256", "00")
    )
    with pytest.raises(ScenarioError, match="is another file: its hash is"):
        load(path)


def test_parquet_gives_what_csv_gives(tmp_path):
    """The same rows as parquet are the same patients; text in a column of numbers is refused."""
    text = TRIAL.replace("last < 7 %", "last < 45")
    rows = pd.DataFrame({"kg": [70.5, 80.25, 61.0], "age": [40, 50, 60]})
    loaded = []
    for name, write in (("p.csv", rows.to_csv), ("p.parquet", rows.to_parquet)):
        path = trial(tmp_path, disease=PATIENTS.format(name=name), text=text)
        write(tmp_path / "models" / name, index=False)
        start: Any = load(path).trial.disease.component.start
        loaded.append(start.table)
    assert np.array_equal(*loaded)
    rows.assign(kg=["a", "b", "c"]).to_parquet(tmp_path / "models" / "p.parquet")
    with pytest.raises(ScenarioError, match="expected numbers"):
        load(path)


def test_a_whole_model_replaces_the_inherited_one(tmp_path):
    """Two models of one name beside two files are never mixed; a part of one, without its kind, changes that part."""
    base = trial(tmp_path, disease=DISEASE)
    there = tmp_path / "child"
    (there / "models").mkdir(parents=True)
    other = changed(changed(DISEASE, "traits/frail", None), "events", None)
    (there / "models" / "drift.yaml").write_text(other)
    child = there / "child.yaml"
    child.write_text(f"extends: ../{base.name}\ncohort: {{disease: drift}}\n")
    assert {t.name for t in load(child).trial.disease.component.traits} == {"weight", "level"}
    child.write_text(f"extends: ../{base.name}\nmodels: {{drift: {{parameters: {{half: {{value: 2 days}}}}}}}}\n")
    component = load(child).trial.disease.component
    assert [p.value for p in component.parameters] == [8.0, 2.0]
    assert len(component.traits) == 3


def test_drugs_of_a_template_are_found_too(tmp_path):
    """A state written for several drugs has their models looked for as any other."""
    text = TRIAL.replace(
        "s: {enrolled: true,",
        "'t': {for: {drug: [pill]}, enrolled: true, treatment: {'{drug}': {dose: 1 mg/kg, days: [0]}},",
    ).replace("from: s,", "from: 't',")
    built = load(trial(tmp_path, drug=DRUG, text=text))
    assert [d.component.name for d in built.trial.drugs] == ["pill"]
    assert not [w for w in built.warnings if "used nowhere" in w]


@pytest.mark.parametrize("name", ["b" * 300, "../drift", "/etc/hostname", "a\\b", "drift.yaml", "dr ift"])
def test_names_that_are_no_model_are_looked_for_nowhere(tmp_path, name):
    """Too long for a file, or a path to another folder: an unknown disease, in words."""
    path = trial(tmp_path, text=TRIAL.replace("disease: drift", f"disease: '{name}'"))
    with pytest.raises(ScenarioError, match="unknown disease"):
        load(path)


def test_a_file_of_patients_is_not_set_from_outside(tmp_path):
    """Its rows have been read already: another name would be told beside the old rows."""
    path = trial(tmp_path, disease=PATIENTS.format(name="patients.csv"), text=TRIAL.replace("last < 7 %", "last < 45"))
    (tmp_path / "models" / "patients.csv").write_text(ROWS)
    with pytest.raises(UsageError, match="a file of patients cannot be set from outside"):
        load(path, set={"models.drift.patients.from": "other.csv"})
