"""What a view is: a tab of the page, made of parts, each of which is simulated and drawn in a worker process.

Each file of this folder but this one is a view, found by its name; it ends in `VIEW = View(...)`. Installed packages
add views by entry points (`protocolsim.plugins`).
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
from protocolsim.notices import tell
from protocolsim.plugins import Plugin, plugins


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
    loaded += _installed({view.name for view in loaded})
    return tuple(sorted(loaded, key=lambda view: int(view.place)))


def _installed(taken: set[str]) -> list[View]:
    """The views of installed packages. One that cannot be used is left out, and a notice says why."""
    found: list[View] = []
    for plugin in plugins("view").values():
        try:
            found.append(_sound(plugin, plugin.load(), taken))
        except UsageError as error:
            tell(f"{error}; it is left out", once=str(plugin))
    return found


def _sound(plugin: Plugin, view: object, taken: set[str]) -> View:
    """What a plugin offers as a view. Raises UsageError where it is none."""
    if not isinstance(view, View) or view.name != plugin.name:
        raise UsageError(f"{plugin}: {plugin.value} is no View called '{plugin.name}'")
    if plugin.name in taken:
        raise UsageError(f"{plugin} has the name of a view that comes with protocolsim")
    return view


def part_of(view: str, part: str) -> Part:
    """A part by its names. Raises UsageError where there is none."""
    from protocolsim.app.described import DescribedPart

    if (view, part) == ("", DescribedPart.name):
        return DescribedPart()
    found = next((p for v in views() if v.name == view for p in v.parts if p.name == part), None)
    if found is None:
        raise UsageError(f"no view '{view[:40]}' with a part '{part[:40]}'")
    return found
