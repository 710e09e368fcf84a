"""What a declared model says, as the sections of its page: its formulas, its limits, and what cannot be known."""

from __future__ import annotations

import inspect

from pydantic import BaseModel

from protocolsim.scenario.file.model_schema import ModelPart
from protocolsim.text.markdown import table

_TOLD_ELSEWHERE = frozenset(("meaning", "seen", "unit", "stream", "step"))
NOTHING_SAID = "Nothing is said of this in the model's file."


def sections(part: ModelPart) -> str:
    """The Markdown that stands beside a model of code, made from a declared one."""
    blocks = [
        "## Equations",
        f"Declared in YAML, without code. What depends on what changes is carried on in steps of {part.step}.",
        _table("Formulas over parameters", {name: str(text) for name, text in part.definitions.items()}),
        _table("Drawn at entry", {name: said(t) for name, t in part.traits.items()}),
        _table("What changes with time", {name: said(q) for name, q in part.quantities.items()}),
        _table("What is seen", {n: said(o) for shows in part.assessments.values() for n, o in shows.items()}),
        _table("Events", {name: said(e) for name, e in part.events.items()}),
        _table("Signals that it gives", {name: str(text) for name, text in part.writes.items()}),
        "## Limits",
        inspect.cleandoc(part.limits or NOTHING_SAID),
        "## What cannot be known",
        inspect.cleandoc(part.unknown or NOTHING_SAID),
    ]
    return "\n\n".join(block for block in blocks if block)


def said(part: BaseModel) -> str:
    """A trait, a quantity, a variable or an event in the words of its file."""
    given = part.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)
    return "; ".join(f"{key}: {_value(value)}" for key, value in given.items() if key not in _TOLD_ELSEWHERE)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return " ".join(str(value).split())


def _table(title: str, rows: dict[str, str]) -> str:
    return table((title, "As declared"), [[f"`{name}`", f"`{text}`"] for name, text in rows.items()]) if rows else ""
