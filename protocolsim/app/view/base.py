"""What a view is: a tab of the page, made of parts, each of which is simulated and drawn in a worker process.

Each file of this folder but this one is a view, found by its name; it ends in `VIEW = View(...)`.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from htmltools import Tag, TagList

from protocolsim.app.state import State
from protocolsim.app.work.worker import Answer, Made, Tell
from protocolsim.errors import UsageError


class Part(ABC):
    """A part of a view. `make` runs in a worker, everything else where the page is served."""

    name: ClassVar[str]

    @abstractmethod
    def reduced(self, state: State) -> State:
        """The state without what makes no difference here: equal ones share an answer."""

    @abstractmethod
    def make(self, state: State, tell: Tell) -> Made:
        """Simulate, and prepare the figures. Raises ProtocolsimError with what cannot be shown."""

    def receive(self, answer: Answer, state: State) -> Answer:  # noqa: ARG002 - for parts that need it
        """What is kept of an answer; runs in a thread beside the page."""
        return answer

    @abstractmethod
    def show(self, answer: Answer, state: State) -> Tag | TagList:
        """The answer on the page."""


@dataclass(frozen=True)
class View:
    """A tab of the page; `place` orders the tabs, `head` is what stands above the parts."""

    place: int
    name: str
    title: str
    head: Tag | TagList
    parts: Sequence[Part]


@cache
def views() -> tuple[View, ...]:
    """All views, in their order."""
    found = (p.stem for p in Path(__file__).parent.glob("*.py"))
    loaded = [importlib.import_module(f"protocolsim.app.view.{n}").VIEW for n in found if n not in ("__init__", "base")]
    return tuple(sorted(loaded, key=lambda view: int(view.place)))


def part_of(view: str, part: str) -> Part:
    """A part by its names. Raises UsageError where there is none."""
    from protocolsim.app.described import DescribedPart

    if (view, part) == ("", DescribedPart.name):
        return DescribedPart()
    found = next((p for v in views() if v.name == view for p in v.parts if p.name == part), None)
    if found is None:
        raise UsageError(f"no view '{view[:40]}' with a part '{part[:40]}'")
    return found
