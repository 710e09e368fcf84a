"""The JSON Schema that is shipped for editors: up to date, and of one mind with the reader about shapes."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from protocolsim.component import Component
from protocolsim.endpoint.catalogue import kinds
from protocolsim.scenario.build.cast.components import disease_names, drug_names, load_shipped
from protocolsim.scenario.file.schema import endpoint_fields
from protocolsim.scenario.file.yaml_reader import read
from protocolsim.scenario.json_schema import json_schema, schema_text

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "protocolsim" / "scenario" / "schema.json"
SCENARIOS = sorted([*(ROOT / "scenarios").glob("*.yaml"), *(ROOT / "scenarios" / "validation").glob("*.yaml")])
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SHIPPED.read_text(encoding="utf-8")))


def test_the_shipped_schema_is_up_to_date():
    """schema.json is what `protocolsim schema` prints; write it anew after changing a model or a component."""
    assert SHIPPED.read_text(encoding="utf-8") == schema_text()


def test_it_is_a_json_schema():
    """The schema is itself valid, and the text is its JSON."""
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json.loads(schema_text()) == json_schema()


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_shipped_scenarios_validate(path):
    """Every shipped scenario, as it is written, satisfies the schema."""
    assert [e.message for e in VALIDATOR.iter_errors(read(path).data)] == []


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenarios_point_editors_to_it(path):
    """The first line of a shipped scenario names the schema, by a path that leads there in a checkout."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert named != first
    assert (path.parent / named).resolve() == SHIPPED.resolve()


def broken(*changes):
    data = copy.deepcopy(read(ROOT / "scenarios" / "ms_daclizumab.yaml").data)
    for *above, key, value in changes:
        here = data
        for step in above:
            here = here[step]
        if value is ...:
            del here[key]
        else:
            here[key] = value
    return data


@pytest.mark.parametrize(
    "change",
    [
        ("titel", "x"),
        ("title", ...),
        ("cohort", ...),
        ("cohort", "size", ...),
        ("cohort", "size", True),
        ("cohort", "lesion_persistance", 0.5),
        ("seed", "one"),
        ("parameters", "response_threshold", "meaning", ...),
        ("parameters", "response_threshold", "mark", "Z"),
        ("protocol", "states", "baseline", "last", "12 weeks"),
        ("protocol", "states", "baseline", None),
        ("protocol", "states", "baseline", "treatment", "interferon_beta", "standerd"),
        ("protocol", "transitions", 0, "form", "baseline"),
        ("protocol", "transitions", 0, "from", ...),
        ("protocol", "transitions", 1, "otherwise", False),
        ("protocol", "summaries", "entry_cel", "mode of", "cel"),
        ("drugs", "daclizumab", "median_rate_ration", 1),
        ("endpoints", "nk_ratio", "kind", "chnage"),
        ("endpoints", "nk_ratio", "durng", "baseline"),
        ("endpoints", "nk_ratio", "reading", "rati"),
        ("published", "adverse_events", "role", "fited"),
        ("published", "adverse_events", "note", None),
    ],
    ids=lambda change: ".".join(map(str, change[:-1])),
)
def test_what_is_misshapen_does_not_validate(change):
    """A misspelt key, a missing one, or a value of the wrong kind fails the schema."""
    assert list(VALIDATOR.iter_errors(broken(change)))


def test_a_file_that_extends_another_may_say_less():
    """With `extends`, nothing is required and null takes a key away; a misspelt key is still wrong."""
    little = {"extends": "ms_daclizumab", "published": {"adverse_events": None}, "cohort": {"size": 3}}
    assert VALIDATOR.is_valid(little)
    assert not VALIDATOR.is_valid({**little, "cohort": {"siez": 3}})
    assert not VALIDATOR.is_valid({k: v for k, v in little.items() if k != "extends"})


def parts(schema):
    return schema["$defs"]["Whole"]["properties"], schema["$defs"]


def test_every_parameter_and_every_endpoint_key_is_completed():
    """An editor knows each parameter of each component, with its meaning, and each key of each kind of endpoint."""
    whole, definitions = parts(json_schema())

    def missing(component: Component, keys):
        return {p.name for p in component.parameters if p.meaning not in keys.get(p.name, {}).get("description", "")}

    for name in disease_names():
        assert missing(load_shipped("disease", name), definitions["CohortPart"]["properties"]) == set()
    for name in drug_names():
        assert missing(load_shipped("drug", name), whole["drugs"]["properties"][name]["properties"]) == set()
    keys = definitions["EndpointPart"]["properties"]
    assert set(keys["kind"]["enum"]) == set(kinds())
    for kind in kinds().values():
        for key, (what, choices) in endpoint_fields(kind).items():
            assert key in keys
            assert what != "choice" or set(choices) <= set(keys[key]["enum"])
