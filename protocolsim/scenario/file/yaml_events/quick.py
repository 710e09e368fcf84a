"""A text of YAML taken apart by libyaml: in a thirtieth of the time of ruamel.yaml, which most short commands took.

libyaml reads YAML 1.1 and says in other words what is wrong with a text. So this says None of all that it refuses, and
of what the two versions of YAML may read in different ways: then ruamel.yaml reads it, or says what is wrong.
"""

from __future__ import annotations

import re
from typing import Any

from protocolsim.scenario.file.yaml_events.event import END, Event

_MOST_EVENTS = 50_000
# White space but spaces and line feeds; where a document begins or ends; directives.
_ELSE = re.compile(r"[^\S \n]|^(?:---|\.\.\.|%)", re.MULTILINE)


def events(text: str) -> list[Event] | None:
    """The events of one document; None where it holds more than collections and text, or libyaml is missing."""
    if _ELSE.search(text):
        return None
    try:
        from yaml import CSafeLoader, YAMLError, parse
    except ImportError:  # PyYAML without libyaml
        return None
    made: list[Event] = []
    try:
        for event in parse(text, Loader=CSafeLoader):
            kind = type(event).__name__
            if kind in ("MappingEndEvent", "SequenceEndEvent"):
                made.append(END)
            elif kind in _KINDS:
                if event.anchor is not None or event.tag is not None or len(made) > _MOST_EVENTS:
                    return None
                made.append(_event(event, _KINDS[kind]))
                if made[-1].kind == "scalar" and not made[-1].value and not made[-1].quoted:
                    return None  # nothing, of which both have another idea of where it stands
            elif kind == "AliasEvent":
                return None
    except (YAMLError, UnicodeError):
        return None
    return made or None


_KINDS = {"MappingStartEvent": "mapping", "SequenceStartEvent": "list", "ScalarEvent": "scalar"}


def _event(event: Any, kind: str) -> Event:
    place = event.start_mark
    value, quoted = (event.value, bool(event.style)) if kind == "scalar" else ("", False)
    return Event(kind, place.line + 1, place.column + 1, value, quoted)
