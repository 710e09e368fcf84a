"""A text of a lesson whose numbers were computed, open or folded."""

from __future__ import annotations

import re

from protocolsim.text.html import words

_CODE, _AS_CODE = re.compile("`([^`]+)`"), r"<code>\1</code>"


class Note:
    """Paragraphs that a notebook shows as text, folded behind a heading if they have one.

    Parameters
    ----------
    text : str
        The paragraphs, parted by empty lines; an f-string computes their numbers. Between backticks stands code.
    folded : str, optional
        What stands to click at, such as ``"Solution"``; without it the text is open.

    Attributes
    ----------
    text : str
        The paragraphs.
    folded : str or None
        What stands to click at.

    Examples
    --------
    >>> print(protocolsim.Note(f"A third of 15 is {15 / 3:.0f}."))
    A third of 15 is 5.
    """

    text: str
    folded: str | None

    def __init__(self, text: str, folded: str | None = None) -> None:
        self.text = text
        self.folded = folded

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        paragraphs = [" ".join(part.split()) for part in self.text.strip().split("\n\n")]
        inside = "".join(f"<p>{_CODE.sub(_AS_CODE, words(part))}</p>" for part in paragraphs)
        if self.folded is None:
            return inside
        return f"<details><summary>{words(self.folded)}</summary>{inside}</details>"
