"""A question of a lesson: a prediction before the result is seen, and an answer that is judged with a hint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from protocolsim.errors import UsageError, unknown
from protocolsim.lessons.answers import Kind, ReadAnswer, read
from protocolsim.lessons.note import Note

_KINDS = get_args(Kind)
_WITHIN = {"share": 0.02, "points": 2.0}
_OF_NUMBERS = 0.02  # of the right number itself
NOT_YET = "not yet"


@dataclass(frozen=True)
class _Mistake:
    value: float
    hint: str


class Question:
    """A question about a number, which takes answers in words, per cent and fractions.

    Parameters
    ----------
    text : str
        What is asked.
    right : float
        The right answer: of a share 0 to 1, of percentage points 0 to 100.
    kind : {"share", "points", "number"}, default "share"
        What is asked for. A share may be answered as 0.26, ``"26 %"``, ``"1/4"``, ``"a quarter"`` or ``"one in four"``.
    within : float, optional
        How far an answer may be from `right`; 0.02 of a share, 2 of percentage points, 2 % of a number unless given.
    mistakes : mapping of str to float, optional
        What one gets by a certain mistake, by the hint that helps then.

    Attributes
    ----------
    text : str
        What is asked.
    kind : str
        What is asked for.
    right : float
        The right answer. To read it is to give up.

    Methods
    -------
    predict(guess)
        A guess beside what was simulated: how far it is off. No guess shows nothing.
    check(answer)
        Whether an answer is right, or a hint at the mistake.

    Raises
    ------
    UsageError
        For an unknown `kind`.

    Examples
    --------
    >>> asked = protocolsim.Question("What share of twelve is three?", 3 / 12)
    >>> print(asked.check("a quarter"))
    yes: 25 %
    >>> print(asked.check("75 %"))
    not yet: that is the share of all others; what is asked for is the rest of it
    """

    text: str
    kind: Kind
    right: float

    def __init__(
        self,
        text: str,
        right: float,
        *,
        kind: Kind = "share",
        within: float | None = None,
        mistakes: Mapping[str, float] | None = None,
    ) -> None:
        if kind not in _KINDS:
            raise UsageError(unknown("kind of question", kind, _KINDS))
        self.text = text
        self.kind = kind
        self.right = float(right)
        self._within = within if within is not None else _WITHIN.get(kind, _OF_NUMBERS * abs(self.right))
        self._mistakes = [_Mistake(value, hint) for hint, value in (mistakes or {}).items()]

    def predict(self, guess: object) -> Note:
        """A guess beside what was simulated.

        Parameters
        ----------
        guess : str, float or None
            What is expected, in any form that an answer may have.

        Returns
        -------
        Note
            How far it is off; without a guess, or one that is not understood, only what to do.
        """
        if guess is None:
            return Note("Write what you expect into the cell above, and run both again.")
        try:
            meant = read(guess, self.kind)
        except UsageError as error:
            return Note(str(error))
        off = meant.value - self.right
        if abs(off) <= self._within:
            far = "as near as one can expect"
        else:
            far = f"too {'high' if off > 0 else 'low'} by {self._said(abs(off), apart=True)}"
        return Note(
            f"You expected {self._said(meant.value)}, and it is {self._said(self.right)}: {far}.{_noted(meant)}"
        )

    def check(self, answer: object) -> Note:
        """Whether an answer is right.

        Parameters
        ----------
        answer : str, float or None
            In words, per cent, a fraction or a number.

        Returns
        -------
        Note
            ``"yes"`` and the number, or ``"not yet"`` and a hint.
        """
        if answer is None:
            return Note("put your answer into the cell above")
        try:
            meant = read(answer, self.kind)
        except UsageError as error:
            return Note(f"{NOT_YET}: {error}")
        if abs(meant.value - self.right) <= self._within:
            return Note(f"yes: {self._said(self.right)}{_noted(meant)}")
        return Note(f"{NOT_YET}: {self._hint(meant)}")

    def _hint(self, meant: ReadAnswer) -> str:
        """What went wrong: a mistake that the lesson names, or one that is made with any number."""
        value = meant.value
        right, whole = self.right, 1.0 if self.kind == "share" else 100.0
        likely = [
            *self._mistakes,
            *([_Mistake(whole - right, "that is the share of all others; what is asked for is the rest of it")]
              if self.kind == "share" else []),
            *([_Mistake(1.0 / right, "that is the inverse: divide the other way round")] if right else []),
            _Mistake(-right, "the sign is the other one: subtract the other way round"),
            _Mistake(100.0 * right, "that is a hundred times as much: per cent and shares are mixed"),
            _Mistake(right / 100.0, "that is a hundredth of it: per cent and shares are mixed"),
            _Mistake(2.0 * right, "that is twice as much"),
            _Mistake(right / 2.0, "that is half of it"),
        ]  # fmt: skip
        for mistake in likely:
            # Of a small number a hundredth lies within reach of everything: what is near must be near for its size too.
            near = min(self._within, max(0.1 * abs(mistake.value), 1e-9))
            if abs(value - mistake.value) <= near:
                return mistake.hint + _noted(meant)
            if meant.other is not None and abs(meant.other - mistake.value) <= near:
                return mistake.hint
        return self._direction(value) + _noted(meant)

    def _direction(self, value: float) -> str:
        """Where the right answer lies, seen from one whose mistake is not known."""
        if self.kind == "share" and not 0.0 <= value <= 1.0:
            return "a share lies between 0 and 1, or 0 % and 100 %"
        near = abs(value - self.right) <= 3.0 * self._within
        return f"{'nearly; a little' if near else 'it is'} {'less' if value > self.right else 'more'}"

    def _said(self, value: float, *, apart: bool = False) -> str:
        if self.kind == "share":
            return f"{100.0 * value:.3g} {'percentage points' if apart else '%'}"
        return f"{value:.3g}{' percentage points' if self.kind == 'points' else ''}"

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return Note(self.text)._repr_html_()


def _noted(meant: ReadAnswer) -> str:
    return f" ({meant.note})" if meant.note else ""
