"""The JSON Schema that editors use, written from the scenario's models, the components and the endpoint kinds.

It is shipped as `schema.json` beside this file, so that an editor can be pointed at it.
"""

from __future__ import annotations

import json
from typing import Any

from protocolsim.analysis.catalogue import kinds as analysis_kinds
from protocolsim.component import Component
from protocolsim.disease.base import Disease
from protocolsim.endpoint.base import Endpoint
from protocolsim.endpoint.catalogue import kinds
from protocolsim.interim.catalogue import kinds as statistic_kinds
from protocolsim.interim.keys import StatisticKey, keys_of
from protocolsim.names import MISSING, MOST_IN_NAME
from protocolsim.scenario.build.cast.components import disease_names, drug_names, load_shipped
from protocolsim.scenario.file.kind_keys import meaning_of
from protocolsim.scenario.file.schema import ScenarioPart, endpoint_fields
from protocolsim.scenario.reserved import KINDS, Kind
from protocolsim.units import in_words

_NOTHING = {"type": "null"}
_PLACE = "^(first|last|(before|after) .+)$"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a scenario file, with every component's parameters and endpoint's keys.

    A file that extends another may leave out whatever that one says, and take keys away with null.
    """
    whole = _whole()
    definitions = whole.pop("$defs")
    definitions["Whole"] = whole
    loose = {f"Extending{name}": _loose(definition) for name, definition in definitions.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "protocolsim scenario",
        "if": {"type": "object", "required": ["extends"]},
        "then": {"$ref": "#/$defs/ExtendingWhole"},
        "else": {"$ref": "#/$defs/Whole"},
        "$defs": definitions | loose,
    }


def schema_text() -> str:
    """The JSON Schema as it is shipped."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _whole() -> dict[str, Any]:
    schema = ScenarioPart.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    diseases = [load_shipped("disease", n) for n in disease_names()]
    for disease in diseases:
        for name, shape in _parameter_keys(disease).items():
            known = definitions["CohortPart"]["properties"].get(name)
            # A name that two diseases use says what it is in each.
            words = shape["description"] if known is None else f"{known['description']}; or: {shape['description']}"
            definitions["CohortPart"]["properties"][name] = shape | {"description": words}
    # A disease of one's own has parameters that no schema knows; `protocolsim check` does.
    cohort = definitions["CohortPart"]
    shipped = {"required": ["disease"], "properties": {"disease": {"not": {"enum": disease_names()}}}}
    populations = [p.name for d in diseases if isinstance(d, Disease) for p in d.populations]
    keys = dict.fromkeys(cohort["properties"], True) | {"population": {"enum": populations}}
    known = {"properties": keys, "additionalProperties": False}
    cohort |= {"if": shipped, "then": True, "else": known}
    cohort.pop("additionalProperties", None)
    schema["properties"]["drugs"]["properties"] = {
        name: {
            "type": "object",
            "properties": definitions["DrugPart"]["properties"] | _parameter_keys(load_shipped("drug", name)),
            "additionalProperties": False,
        }
        for name in drug_names()
    }
    for part, room in (("EndpointPart", kinds()), ("AnalysisPart", analysis_kinds())):
        properties = definitions[part]["properties"]
        properties["kind"]["enum"] = list(room)
        for kind in room.values():
            for key, shape in _endpoint_keys(kind).items():
                properties[key] = _either(properties.get(key), shape)
        definitions[part]["additionalProperties"] = False
    statistic = definitions["StatisticPart"]
    for of in statistic_kinds().values():
        for name, field in keys_of(of).items():
            statistic["properties"][name] = _either(statistic["properties"].get(name), _statistic_key(field))
    statistic["additionalProperties"] = False
    transitions = definitions["ProtocolPart"]["properties"]["transitions"]
    one = definitions["TransitionPart"]
    place = {"type": "string", "description": "first, last, before NAME or after NAME", "pattern": _PLACE}
    by_name = one | {"properties": {**one["properties"], "place": place}, "required": []}
    definitions["NamedTransition"] = by_name | {"title": "NamedTransition"}
    mapping = {"type": "object", "additionalProperties": {"anyOf": [{"$ref": "#/$defs/NamedTransition"}, _NOTHING]}}
    array = {key: transitions.pop(key) for key in ("type", "items")}
    transitions["anyOf"] = [array, mapping]
    for named in KINDS:
        for path in named.rooms:
            _named(_properties(schema, definitions, path[:-1])[path[-1]], named)
    return schema


def _properties(schema: dict[str, Any], definitions: dict[str, Any], room: tuple[str, ...]) -> dict[str, Any]:
    """The keys of the mapping at this path of the file."""
    here = {"protocol": "ProtocolPart", "cohort": "CohortPart", "decisions": "DecisionPart", "interim": "InterimPart"}
    properties: dict[str, Any] = (definitions[here[room[0]]] if room else schema)["properties"]
    return properties


def _named(shape: dict[str, Any], kind: Kind) -> None:
    """What the keys of a mapping may be, as far as a schema can say it."""
    for one in (shape, *shape.get("anyOf", [])):
        if one.get("type") == "object":
            one["propertyNames"] = {
                "description": f"what {kind.what} may be called",
                "pattern": kind.pattern,
                "maxLength": MOST_IN_NAME,
                "not": {"enum": sorted({*MISSING, *kind.taken} - {""})},
            }


def _either(known: dict[str, Any] | None, shape: dict[str, Any]) -> dict[str, Any]:
    """Both shapes of a key that two kinds of endpoint share."""
    if known is None or known == shape:
        return shape
    if "enum" in known and "enum" in shape:
        return known | {"enum": list(dict.fromkeys(known["enum"] + shape["enum"]))}
    return {"anyOf": [known, shape]}


def _loose(schema: Any) -> Any:
    """The same shape with nothing required, and null allowed wherever a key's value stands."""
    if isinstance(schema, list):
        return [_loose(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    own = ("required", "properties", "additionalProperties")
    loose = {k: v if k == "if" else _loose(v) for k, v in schema.items() if k not in own}
    if "$ref" in loose:
        loose["$ref"] = loose["$ref"].replace("#/$defs/", "#/$defs/Extending")
    if "properties" in schema:
        loose["properties"] = {k: {"anyOf": [_loose(v), _NOTHING]} for k, v in schema["properties"].items()}
    if "additionalProperties" in schema:
        more = schema["additionalProperties"]
        loose["additionalProperties"] = {"anyOf": [_loose(more), _NOTHING]} if isinstance(more, dict) else more
    return loose


def _parameter_keys(component: Component) -> dict[str, Any]:
    return {
        p.name: {
            "type": ["number", "string"],
            "description": f"{p.meaning} ({in_words(p.value, p.unit)}; plausible {p.low:g} to {p.high:g}) [{p.mark}]",
        }
        for p in component.parameters
    }


def _statistic_key(key: StatisticKey) -> dict[str, Any]:
    """What stands behind a key of a statistic, as far as a schema can say it."""
    words = key.meaning or f"an {key.holds}"
    if key.choices:
        return {"enum": list(key.choices), "description": words}
    names = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    numbers = {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 2, "maxItems": 2}
    shapes: dict[str, Any] = {"states": names, "two numbers": numbers}
    number = {"type": ["string", "number"]}
    holds_number = any(word in key.holds for word in ("number", "minutes", "share or"))
    return {**shapes.get(key.holds, number if holds_number else {"type": "string"}), "description": words}


def _endpoint_keys(kind: type[Endpoint]) -> dict[str, Any]:
    names = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    shapes: dict[str, Any] = {
        "states": names,
        "events": names,
        "variable": {"type": "string"},
        "drug": {"type": "string"},
        "minutes": {"type": ["string", "number"]},
        "number": {"type": ["string", "number"]},
        "text": {"type": "string"},
    }
    keys = {
        name: {"enum": list(choices)} if what == "choice" else shapes["text" if what.startswith("endpoint") else what]
        for name, (what, choices) in endpoint_fields(kind).items()
    }
    return {name: {**shape, "description": meaning_of(kind, name)} for name, shape in keys.items()}
