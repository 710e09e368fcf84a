"""The reference of the scenario language: every key, kind, measure, unit, mark, component and term, as entries.

Entries are found where the things themselves are declared (the models of a file, the kinds, the components, the
glossary), so that a new one needs no line here. Pages of the docs and `protocolsim explain` are made from them.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from protocolsim.component import MARKS, Component
from protocolsim.disease.base import Disease
from protocolsim.report.documentation.examples import EXAMPLES, TARGETS
from protocolsim.report.documentation.explain import NAME, Entry
from protocolsim.scenario.build.cast.components import disease_names, drug_names, load_shipped
from protocolsim.scenario.file.parts import Names, Scalar
from protocolsim.scenario.file.schema import EndpointPart, ScenarioPart
from protocolsim.scenario.kinds import KindEntry, KindKey, kind_entries
from protocolsim.scenario.measures import MEASURES
from protocolsim.study.calibration.targets import TargetsPart
from protocolsim.units import (
    DOSE,
    NONE,
    RATE,
    TIME,
    dimension_name,
    duration,
    in_words,
    known_units,
    quantity,
    unit_in_words,
    unit_product,
)

_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): ""}
_HOLDS = {
    "states": "a state, or a list of states",
    "events": "an event, or a list of events",
    "variable": "a variable that an assessment shows",
    "drug": "a drug",
    "state": "a state",
    "population": "a population",
    "minutes": "a time, such as 6 weeks",
    "number": "a number, such as 2 or 50 %",
    "whole number": "whole number",
    "visit": "a planned visit, such as week 4",
    "share": "a share, such as 20 %",
    "two numbers": "a list of two numbers, such as [1, 1]",
    "share or control": "a share, such as 20 %, or `control`",
    "number or boundary": "a number, or a boundary (its last value)",
    "number or trend": "a number, or `trend`",
    "text": "text",
}
_SHOWN_BY = {TIME: "StatePart", DOSE: "Regimen", RATE: "SitePart", NONE: "ScenarioParameter"}
"""The example that shows a number of this dimension."""

SECTION_PATHS = {
    "endpoint": "endpoints", "analysis": "analysis", "summary": "protocol.summaries",
    "statistic": "interim.statistics", "boundary shape": "interim.boundaries",
}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A mapping of a file: its path, what it is, its example, and the entry of each of its keys."""

    path: str
    model: type[BaseModel]
    meaning: str
    example: str
    keys: tuple[Entry, ...]


def entries() -> list[Entry]:
    """Everything that can be looked up."""
    return [
        *(key for section in sections() for key in section.keys),
        *(key for section in target_sections() for key in section.keys),
        *(entry for kind in kind_entries() for entry in _of_kind(kind)),
        *measures(),
        *units(),
        *marks(),
        *components(),
        *terms(),
    ]


# The mappings of a file ----------------------------------------------------------------------------------------------


def sections() -> list[Section]:
    """Every mapping of a scenario file with known keys, from the whole file inwards."""
    return list(_sections(ScenarioPart, "", "", set()))


def target_sections() -> list[Section]:
    """The same of a file of targets for `protocolsim calibrate`."""
    return list(_sections(TargetsPart, "targets file", TARGETS, set()))


def _sections(model: type[BaseModel], path: str, example: str, done: set[type[BaseModel]]) -> Iterator[Section]:
    done.add(model)
    mine = EXAMPLES.get(model.__name__, example)
    keys = tuple(_key(model, name, field, path, mine) for name, field in model.model_fields.items())
    yield Section(path, model, cleandoc(model.__doc__ or ""), mine, keys)
    for name, field in model.model_fields.items():
        for part, below in _parts(field.annotation):
            if part not in done:
                yield from _sections(part, _joined(path, field.alias or name, *([NAME] if below else [])), mine, done)
    named = typing.get_type_hints(model, include_extras=True).get("__pydantic_extra__")
    for part, _ in _parts(named):  # whatever else stands there has a name of its own
        if part not in done:
            yield from _sections(part, _joined(path, NAME), mine, done)


def _joined(*steps: str) -> str:
    return ".".join(step for step in steps if step)


def _key(model: type[BaseModel], name: str, field: FieldInfo, path: str, example: str) -> Entry:
    word = field.alias or name
    inner = [part for part, _ in _parts(field.annotation)]
    own = next((EXAMPLES[part.__name__] for part in inner if part.__name__ in EXAMPLES), example)
    full = _joined(path, word)
    return Entry(
        topic="key",
        name=full,
        meaning=(field.description or "").removesuffix("."),
        type=typed(field),
        default="required" if field.is_required() else _default(field.get_default(call_default_factory=True)),
        at=f"{path}:" if path else "the file itself",
        example=EXAMPLES.get(full, own) if model is ScenarioPart else own,
        see=(*([path.replace(f".{NAME}", "")] if path else ()), *_kinds_in(full)),
    )


def _kinds_in(path: str) -> tuple[str, ...]:
    """The kinds that stand in this mapping."""
    return tuple(kind.name for kind in kind_entries() if SECTION_PATHS[kind.section] == path)


def _parts(annotation: Any) -> list[tuple[type[BaseModel], bool]]:
    """The models in a type, and whether names stand between."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, False)]
    named = typing.get_origin(annotation) is dict
    return [(part, named or below) for a in typing.get_args(annotation) for part, below in _parts(a)]


def typed(field: FieldInfo) -> str:
    """The type of a key, in words."""
    measured = [m for m in field.metadata if isinstance(m, str)]
    return measured[0] if measured else _typed(field.annotation)


def _typed(annotation: Any) -> str:
    if annotation == Scalar:
        return "a number, with a unit where it has one"
    if annotation == Names:
        return "a name, or a list of names"
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return next((m for m in args[1:] if isinstance(m, str)), _typed(args[0]))
    if origin is Literal:
        return " or ".join("true" if a is True else str(a) for a in args)
    if origin is dict:
        return f"a mapping of names to {_typed(args[1])}"
    if origin is list:
        return f"a list of {_typed(args[0])}"
    if origin in (typing.Union, types.UnionType):
        rest = tuple(a for a in args if a is not type(None))
        if rest == typing.get_args(Scalar) or rest == typing.get_args(Names):
            return _typed(typing.Union[rest])  # noqa: UP007 - a union made at run time
        return ", or ".join(dict.fromkeys(filter(None, map(_typed, rest))))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a mapping of keys"
    return _PLAIN.get(annotation, str(annotation))


def _default(value: Any) -> str:
    if value is None or value in ({}, [], ""):
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


# Kinds ---------------------------------------------------------------------------------------------------------------


def _of_kind(kind: KindEntry) -> Iterator[Entry]:
    others = [k.name for k in kind_entries() if k.section == kind.section and k.name != kind.name]
    topic = f"kind of {kind.section}"
    yield Entry(
        topic,
        kind.name,
        kind.meaning,
        at=f"{SECTION_PATHS[kind.section]}:",
        text=kind.text,
        example=kind.example,
        see=(*(f"{kind.name}.{key.name}" for key in _own(kind) if kind.section != "summary"), *others),
    )
    if kind.section != "summary":  # the keys of a summary are those of its mapping
        for key in _own(kind):
            yield Entry(
                f"key of a kind of {kind.section}",
                f"{kind.name}.{key.name}",
                key.meaning,
                type=holds(key),
                default=kind_default(key),
                at=f"{SECTION_PATHS[kind.section]}: of kind {kind.name}",
                example=kind.example,
                see=(kind.name,),
            )


def _own(kind: KindEntry) -> list[KindKey]:
    """The keys that only this kind has, or means in its own way; `label` and `among` are those of every kind."""
    return [key for key in kind.keys if key.name not in EndpointPart.model_fields]


def holds(key: KindKey) -> str:
    """What stands behind a key of a kind, in words."""
    return " or ".join(key.choices) if key.choices else _HOLDS.get(key.holds, f"an {key.holds}")


def kind_default(key: KindKey) -> str:
    """The default of a key of a kind, as a file would hold it."""
    if key.required:
        return "required"
    return duration(key.default) if key.holds == "minutes" and key.default else _default(key.default or None)


# Numbers -------------------------------------------------------------------------------------------------------------


def measures() -> list[Entry]:
    """What a decision is measured by."""
    return [
        Entry(
            "measure of a decision",
            name,
            label,
            unit=unit,
            text=f"Counted: {counted}.",
            at="`protocolsim thresholds` and the tables it writes",
            see=("regret", "loss", "decisions"),
        )
        for name, (label, unit, counted) in MEASURES.items()
    ]


def units() -> list[Entry]:
    """Every unit that can be written, and every compound that a component uses."""
    used = dict.fromkeys(p.unit for c in _shipped() for p in c.parameters if p.unit)
    every = dict.fromkeys([*known_units(), "mg/kg", "IU/kg", "mg/L", *used])
    return [_unit(u, [v for v in every if unit_product(v).dimension == unit_product(u).dimension]) for u in every]


def _unit(name: str, same: list[str]) -> Entry:
    """A unit, and the units of the same dimension."""
    measured = unit_product(name)
    written = in_words(1, name) if not name[0].isdigit() else name
    base = next(
        (u for u in ("minutes", "mg", "L", "kg", "IU", "mmol") if quantity(f"1 {u}").dimension == measured.dimension),
        None,
    )
    text = f"{written} is {measured.value:g} {base}." if base and base != name else ""
    if measured.dimension == TIME:
        text += " Times are whole minutes; a month is written as 4 weeks."
    if name == "%":
        text = "75 % and 0.75 are the same number."
    return Entry(
        "unit",
        name,
        dimension_name(measured.dimension),
        text=text.strip(),
        at="behind a number",
        example=EXAMPLES.get(_SHOWN_BY.get(measured.dimension, ""), ""),
        see=tuple(u for u in same if u != name),
    )


def marks() -> list[Entry]:
    """How a number is known."""
    return [
        Entry("mark", mark, meaning, at="`mark:` of parameters and published values", see=("mark",))
        for mark, meaning in MARKS.items()
    ]


def _shipped() -> list[Component]:
    return [*(load_shipped("disease", n) for n in disease_names()), *(load_shipped("drug", n) for n in drug_names())]


def components() -> list[Entry]:
    """Every disease and drug, with its parameters, assessments, variables and traits."""
    result: list[Entry] = []
    for room, names in (("disease", disease_names()), ("drug", drug_names())):
        for name in names:
            component = load_shipped(room, name)
            at = "cohort:" if room == "disease" else f"drugs.{name}:"
            result.append(
                Entry(
                    room,
                    name,
                    component.meaning,
                    at="cohort.disease" if room == "disease" else "protocol.states.NAME.treatment",
                    text=cleandoc(component.description),
                )
            )
            result += _of_component(component, name, at)
    return result


def _of_component(component: Component, name: str, at: str) -> Iterator[Entry]:
    for p in component.parameters:
        text = f"Plausible: {p.low:g} to {in_words(p.high, p.unit)}. [{p.mark}] {p.source}".rstrip()
        yield Entry(
            "parameter",
            f"{name}.{p.name}",
            p.meaning,
            unit=unit_in_words(p.unit),
            default=in_words(p.value, p.unit),
            at=at,
            text=text,
            see=(name,),
        )
    for people in component.populations if isinstance(component, Disease) else ():
        comes_on = f"They arrive on {people.arrives_on}." if people.arrives_on else "They arrive without treatment."
        yield Entry(
            "population of patients", people.name, people.meaning, at="cohort.population", text=comes_on, see=(name,)
        )
    for assessment in component.assessments:
        shown = tuple(v.name for v in assessment.variables)
        yield Entry(
            "assessment",
            assessment.name,
            assessment.meaning,
            at="protocol.states.NAME.assessments",
            text=f"Shows: {', '.join(shown)}.",
            see=(*(s for s in shown if s != assessment.name), name),
        )
        for v in assessment.variables:
            yield Entry(
                "variable",
                v.name,
                v.meaning,
                unit=v.unit,
                at=f"shown by the assessment {assessment.name}",
                see=(assessment.name,),
            )
    for t in component.traits:
        known = "known to the simulator alone" if t.hidden else "known to the clinic"
        yield Entry("trait", t.name, t.meaning, unit=t.unit, at=f"a property of each subject, {known}", see=(name,))


def terms() -> list[Entry]:
    """The glossary, one line a term in glossary.yaml."""
    from ruamel.yaml import YAML

    lines = YAML(typ="safe").load(Path(__file__).with_name("glossary.yaml").read_text(encoding="utf-8"))
    return [
        Entry("term", t["term"], t["meaning"], see=tuple(t.get("see", ())), also=tuple(t.get("also", ())))
        for t in lines
    ]
