"""What is asked of a worker process, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from protocolsim.app.state import VisitorState

Tell = Callable[[int, int], None]
Form = Literal["", "png", "svg", "csv"]


@dataclass(frozen=True)
class Figure:
    """A figure as the page shows it."""

    title: str
    caption: str
    alternative: str
    svg: str


@dataclass(frozen=True)
class Picture:
    """A figure that is no chart: its words, the SVG for the page, and its files, each made when it is asked for."""

    title: str
    caption: str
    alternative: str
    svg: str
    files: Mapping[str, Callable[[], bytes]]


@dataclass(frozen=True)
class Made:
    """What a part makes of a state, in the worker: figures by name, drawn when asked, and what else its page needs.

    A figure is an altair chart of report/, or a Picture.
    """

    charts: Mapping[str, Callable[[], Any]]
    facts: Any = None


@dataclass
class Answer:
    """What came back from a worker. A figure that has nothing to show stands in `missing`, with the reason.

    `pending` are figures that are still being drawn: then this is the beginning of the answer, looked at meanwhile.
    """

    figures: dict[str, Figure]
    facts: Any = None
    missing: dict[str, str] = field(default_factory=dict)
    pending: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether there is such a figure, be it one that is still being drawn."""
        return name in self.figures or name in self.pending

    def with_rest(self, rest: Answer) -> Answer:
        """The whole answer: this beginning, and what was drawn after it."""
        return Answer({**self.figures, **rest.figures}, self.facts, {**self.missing, **rest.missing})


@dataclass(frozen=True)
class Order:
    """One thing to make: a whole part of a view, or (with `form`) one figure of it as a file."""

    view: str
    part: str
    state: VisitorState
    figure: str = ""
    form: Form = ""


Begun = Callable[[Answer], None]
"""Who is told the beginning of an answer."""


class Stopped(BaseException):
    """The visitor no longer wants it."""
