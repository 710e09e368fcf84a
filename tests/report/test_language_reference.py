"""The reference of the scenario language: whole, made from the code, and each of its examples is a sound scenario."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from protocolsim.component import MARKS
from protocolsim.report.documentation import explain, language_pages, reference
from protocolsim.report.documentation.examples import EXAMPLES
from protocolsim.scenario.build.cast.components import disease_names, drug_names, load_shipped
from protocolsim.scenario.check import check_text
from protocolsim.scenario.file.schema import ScenarioPart
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.json_schema import json_schema
from protocolsim.scenario.kinds import kind_entries
from protocolsim.study.calibration.targets import TargetsPart
from protocolsim.units import known_units

ROOT = Path(__file__).parents[2]
RENEW = "renew it: protocolsim docs --pages docs"
ENTRIES = reference.entries()
KINDS = [entry for entry in kind_entries() if entry.section != "summary"]


def declared() -> dict[str, set[str]]:
    """The keys of each mapping of a scenario file, as the JSON Schema that editors read has them."""
    schema = ScenarioPart.model_json_schema(by_alias=True)
    parts = {name: set(part["properties"]) for name, part in schema["$defs"].items() if "properties" in part}
    return {"ScenarioPart": set(schema["properties"]), **parts}


def test_every_key_of_the_schema_has_its_line_and_its_meaning():
    """What a file may hold and what the reference documents are the same keys, and none is without a meaning."""
    documented = {s.model.__name__: {key.name.split(".")[-1] for key in s.keys} for s in reference.sections()}
    assert documented == declared()
    assert [e.name for e in ENTRIES if not e.meaning.strip()] == []
    assert [e.name for e in ENTRIES if e.topic == "key" and not (e.type and e.default)] == []


def test_editors_read_the_same_meanings():
    """The schema for editors describes every key of the file and of every kind."""
    definitions = json_schema()["$defs"]
    silent = [
        f"{name}.{key}"
        for name, part in definitions.items()
        if not name.startswith("Extending")
        for key, shape in part.get("properties", {}).items()
        if not shape.get("description") and not any(one.get("description") for one in shape.get("anyOf", []))
    ]
    assert silent == []


@cache
def sections_with_examples() -> list[reference.Section]:
    return [section for section in reference.sections() if section.model.__name__ in EXAMPLES]


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_is_checked_without_a_finding(name):
    """An example is a scenario in which `protocolsim check` finds no fault, and nothing but an implausible value."""
    checked = check_text(EXAMPLES[name], name)
    asked = [f.message for f in checked.findings if f.severity == "warning" and "plausible range" not in f.message]
    assert checked.count("fault") == 0, [f.message for f in checked.findings]
    assert asked == []


@pytest.mark.parametrize("section", sections_with_examples(), ids=lambda s: s.path or "file")
def test_an_example_uses_what_it_shows(section):
    """The example of a mapping has that mapping in it, with at least one of its keys."""
    heres: list[Any] = [parse(section.example, "example").data]
    for step in section.path.split(".") if section.path else ():
        heres = [below for here in heres for below in _below(here, step)]
    keys = {key.name.split(".")[-1] for key in section.keys}
    heres = [one for here in heres for one in (here if isinstance(here, list) else [here])]
    shown = {key for here in heres if isinstance(here, dict) for key in here}
    if section.path.startswith("drugs"):
        assert shown  # parameters of the drug, by their own names
    else:
        assert shown & keys


def _below(here: Any, step: str) -> list[Any]:
    if isinstance(here, list):
        return [below for one in here for below in _below(one, step)]
    if not isinstance(here, dict):
        return []
    return list(here.values()) if step == explain.NAME else [here[step]] if step in here else []


def test_each_example_is_of_something_there_is():
    """An example stands for a mapping of the file, or for a key of it: none is left over."""
    known = {s.model.__name__ for s in reference.sections()} | {e.name for e in ENTRIES if e.topic == "key"}
    assert set(EXAMPLES) <= known


def test_everything_that_can_be_named_is_an_entry():
    """Keys, kinds and their keys, units, marks, models, parameters and targets are found where they are declared."""
    names = {(e.topic, e.name) for e in ENTRIES}
    assert {("kind of endpoint", k.name) for k in KINDS if k.section == "endpoint"} <= names
    assert {("kind of analysis", k.name) for k in KINDS if k.section == "analysis"} <= names
    for kind in KINDS:
        own = {key.name for key in kind.keys} - {"label", "among"}
        assert {f"{kind.name}.{key}" for key in own} <= {name for topic, name in names if topic.startswith("key of")}
    assert {("unit", unit) for unit in known_units()} <= names
    assert {("mark", mark) for mark in MARKS} <= names
    for room, models in (("disease", disease_names()), ("drug", drug_names())):
        for model in models:
            assert (room, model) in names
            assert {("parameter", f"{model}.{p.name}") for p in load_shipped(room, model).parameters} <= names
    assert {("key", f"targets file.{key}") for key in TargetsPart.model_fields} <= names


def test_the_glossary_refers_to_what_it_has():
    """Each 'see also' of a term is another term or mark, no term stands there twice, and each is one sentence."""
    terms = reference.terms()
    names = [t.name for t in terms]
    known = {*names, *MARKS}
    assert [(t.name, s) for t in terms for s in t.see if s not in known or s == t.name] == []
    spelt = [n.lower() for t in terms for n in (t.name, *t.also)]
    twice = {n for n in spelt if spelt.count(n) > 1} - {"des"}  # the engine, and discrete-event simulation
    assert twice == set()
    assert [t.name for t in terms if not t.meaning.endswith(".") or "\n" in t.meaning] == []


@pytest.mark.parametrize("path", language_pages.pages())
def test_the_committed_pages_are_what_the_code_says(path):
    """Each page of the language stands in docs/ as the code makes it now."""
    assert (ROOT / "docs" / path).read_text(encoding="utf-8") == language_pages.pages()[path], RENEW


def test_the_index_is_what_the_code_says():
    """The index that `protocolsim explain` reads holds these entries, and gives them back as they are."""
    assert explain.INDEX.read_text(encoding="utf-8") == explain.index_text(ENTRIES), RENEW
    assert explain.index() == ENTRIES


def test_every_entry_is_on_a_page():
    """A reader of the site finds every key, kind, unit, mark, measure and term there."""
    pages = "\n".join(language_pages.pages().values())
    for entry in ENTRIES:
        if entry.topic in ("term", "mark", "unit", "measure of a decision") or entry.topic.startswith(("kind", "key")):
            word = entry.name.rsplit(".", 1)[-1] if "key" in entry.topic else entry.name
            assert f"`{word}`" in pages or f"**{word}**" in pages, entry


def test_headings_of_a_page_have_anchors_of_their_own():
    """No two headings of a page have the same anchor: a link to one would lead to the other."""
    for path, text in language_pages.pages().items():
        anchors = [language_pages.anchor(line.lstrip("#")) for line in text.splitlines() if line.startswith("## ")]
        assert not [a for a, b in itertools.combinations(anchors, 2) if a == b], path
