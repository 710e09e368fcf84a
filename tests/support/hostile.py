"""Hostile words for every text of a scenario, and what is in a page: shared by the tests of pages and of browsers."""

from __future__ import annotations

import copy
import json
import re
import typing
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import UnionType
from typing import Any

from pydantic import BaseModel

from protocolsim.analysis.catalogue import kinds as analyses
from protocolsim.endpoint.catalogue import kinds as endpoints
from protocolsim.errors import ScenarioError
from protocolsim.scenario.file.extends import load_document
from protocolsim.scenario.file.schema import AnalysisPart, EndpointPart, ScenarioPart, endpoint_fields
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario

Address = tuple[str | int, ...]
RAN = "document.title=/RAN/.source"
WORST = (
    f"e</script><script>{RAN}</script><img src=x onerror={RAN}><!--<script>]]>'\"><svg onload={RAN}>&lt;b&gt; "
    f'" role="x" #1b1f24 [red]x[/red] `#"; %%{{init}}%% --> a_b_ *c* [l](javascript:{RAN}) |=1+1\\'
)


@cache
def _document() -> dict[str, Any]:
    """A small scenario in which most parts of the schema stand: the shipped one, with sites and strata."""
    data = copy.deepcopy(load_document("ms_daclizumab").data)
    data["cohort"]["size"] = 4
    data["cohort"]["sites"] = {"north": {"arrivals": "2 / 4 weeks"}}
    data.pop("beside", None)
    data["findings"] = ["nothing yet"]
    step = {"heading": "a", "question": "b", "sentence": "c"}
    states = {WORST: "monotherapy", "another": "dose_doubled"}
    data["story"] = [
        {**step, "predict": {"choice": states}, "picture": "patient"},
        {**step, "predict": {"number": "d"}, "picture": "lanes", "answer": "assigned_monotherapy"},
    ]
    # Figures of thirty endpoints take longer, and say nothing that those of a few do not.
    tested = {part.get("endpoint") for part in data["analysis"].values()}
    data["endpoints"] = {
        n: e
        for n, e in data["endpoints"].items()
        if n in data["published"] or n in tested or n == "assigned_monotherapy"
    }
    return data


def document() -> dict[str, Any]:
    """The same, to be changed."""
    return copy.deepcopy(_document())


def text_fields() -> list[Address]:
    """Where the schema lets text stand, in this scenario: every place, whether it is there already or not."""
    return list(_fields(ScenarioPart, document(), ()))


def _fields(model: type[BaseModel], data: dict[str, Any], at: Address) -> Iterator[Address]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        yield from _of(field.annotation, data.get(key), (*at, key))
    if model in (EndpointPart, AnalysisPart):
        kind = (endpoints() if model is EndpointPart else analyses())[data["kind"]]
        yield from ((*at, key) for key, (what, _) in endpoint_fields(kind).items() if what == "text")


def _of(hint: Any, value: Any, at: Address) -> Iterator[Address]:
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) in (typing.Union, UnionType):
        kinds = [a for a in typing.get_args(hint) if a is not type(None)]
        if any(_plain(a) in (int, float) for a in kinds):
            kinds = [a for a in kinds if _plain(a) not in (int, float, str)]
        for one in kinds:
            yield from _of(one, value, at)
    elif _plain(hint) is str:
        yield at
    elif typing.get_origin(hint) is list and isinstance(value, list):
        for k in range(len(value)):
            yield from _of(typing.get_args(hint)[0], value[k], (*at, k))
    elif typing.get_origin(hint) is dict and isinstance(value, dict):
        for key, each in value.items():
            yield from _of(typing.get_args(hint)[1], each, (*at, key))
    elif isinstance(hint, type) and issubclass(hint, BaseModel) and isinstance(value, dict):
        yield from _fields(hint, value, at)


def _plain(hint: Any) -> Any:
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    return hint


def planted(where: dict[Address, str]) -> dict[str, Any]:
    """The scenario with these texts."""
    data = document()
    for address, text in where.items():
        part: Any = data
        for step in address[:-1]:
            part = part[step]
        part[address[-1]] = text
    return data


def loaded(folder: Path, data: dict[str, Any]) -> Scenario:
    """The scenario of such a file."""
    file = folder / "planted.yaml"
    # JSON is YAML, but for the two halves in which it writes a sign of an upper plane.
    file.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return load(str(file))


def free(folder: Path) -> list[Address]:
    """Those of the fields that take any words: names and numbers refuse them, and are not for readers alone."""
    alike: dict[tuple[Any, ...], list[Address]] = {}
    for address in text_fields():
        # The others of its kind stand as deep, under the same key.
        alike.setdefault((len(address), address[0], *(s for s in address[-1:] if isinstance(s, str))), []).append(
            address
        )
    found: list[Address] = []
    for same in alike.values():
        # One that is there already stays what it is with other words; where none is, one is enough.
        there = [address for address in same if _stands(address)] or same[:1]
        try:
            loaded(folder, planted({there[0]: "Words of nobody (and more)"}))
        except ScenarioError:
            continue
        found += there
    return found


def _stands(address: Address) -> bool:
    part: Any = document()
    for step in address:
        if isinstance(part, dict) and step not in part:
            return False
        part = part[step]
    return True


_HIDDEN = ("script", "style", "pre")


class Seen(HTMLParser):
    """What is in a page: its tags with their attributes, and its words but for style, script and quoted files."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.kinds: set[tuple[str, str]] = set()
        self.scripts = 0
        self.words: list[str] = []
        self._hidden = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.kinds |= {(tag, ""), *((tag, name) for name, _ in attrs)}
        self.scripts += tag == "script"
        self._hidden += tag in _HIDDEN

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        """Its words, without the spaces between: where a drawing breaks a line it has none."""
        return squeezed("".join(self.words))


def squeezed(text: str) -> str:
    """The text without its spaces."""
    return re.sub(r"\s+", "", text)
