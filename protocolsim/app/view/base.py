"""What a view is: a tab of the page, made of parts, each of which is simulated and drawn in a worker process.

`catalogue.py` finds the views.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from htmltools import Tag, TagList

from protocolsim.app.state import VisitorState
from protocolsim.app.work.orders import Answer, Made, Tell


class Part(ABC):
    """A part of a view. `make` runs in a worker, everything else where the page is served."""

    name: ClassVar[str]
    checks_text: ClassVar[bool] = False
    """Whether it is asked while the text of a scenario is being typed."""

    @abstractmethod
    def reduced(self, state: VisitorState) -> VisitorState:
        """The state without what makes no difference here: equal ones share an answer."""

    @abstractmethod
    def make(self, state: VisitorState, tell: Tell) -> Made:
        """Simulate, and prepare the figures. Raises ProtocolsimError with what cannot be shown."""

    def receive(self, answer: Answer, state: VisitorState) -> Answer:  # noqa: ARG002 - for parts that need it
        """What is kept of an answer; runs in a thread beside the page."""
        return answer

    def respond(self, answer: Answer, state: VisitorState) -> dict[str, Any] | None:  # noqa: ARG002 - for parts that can
        """What the script is sent while a number moves, read from an answer that is there; None: it is made anew."""
        return None

    def ahead(self, answer: Answer, state: VisitorState) -> Sequence[VisitorState]:  # noqa: ARG002 - likewise
        """The states that a visitor who looks at this answer probably asks for next: they are made ready."""
        return ()

    @abstractmethod
    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The answer on the page."""


@dataclass(frozen=True)
class View:
    """A tab of the page; `place` orders the tabs, `head` is what stands above the parts.

    `offered`: of which scenarios, as described for the form, the tab is shown; `titled`: what it is called there.
    """

    place: int
    name: str
    title: str
    head: Tag | TagList
    parts: Sequence[Part]
    offered: Callable[[Any], bool] = field(default=lambda _: True, compare=False)
    titled: Callable[[Any], str] | None = field(default=None, compare=False)

    def called(self, described: Any) -> str:
        """The tab's title for a scenario."""
        return self.title if self.titled is None else self.titled(described)
