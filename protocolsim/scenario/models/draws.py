"""The random draws of a model: a stream of its own for each name, and distributions as terms of a uniform draw."""

from __future__ import annotations

from hashlib import sha256

from protocolsim.model import instructions as code
from protocolsim.model.terms import ColumnTerm, apply, number
from protocolsim.randomness import RANDOMISATION
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.file.yaml_reader import Address

FIRST_DECLARED = 2**31
"""Streams of declared models that are given no number lie from here to the last, 2^32 - 1."""

_FARTHEST = 37.0
"""Standard deviations beyond which a normal variable's probability is no longer a number."""


class Streams:
    """The streams of one model, each by its name: whoever adds or moves another changes nothing here."""

    def __init__(self, model: str, faults: Faults) -> None:
        self._model, self._faults = model, faults
        self._taken: dict[int, str] = {}

    @property
    def all(self) -> frozenset[int]:
        """Every stream that was given out."""
        return frozenset(self._taken)

    def stream(self, address: Address, name: str, given: int | None = None, *, several: int = 1) -> int:
        """The stream of this name, or the number that is given for it; a fault where another name has it already."""
        number_ = given if given is not None else stream_of(self._model, name)
        if not RANDOMISATION < number_ < 2**32 - several:
            self._faults.append(address, f"{number_} is no stream: one is from {RANDOMISATION + 1} to {2**32 - 2}")
        for stream in range(number_, number_ + several):
            if stream in self._taken:
                said = f"'{name}' and '{self._taken[stream]}' would draw from the same stream, {stream}"
                self._faults.append(address, f"{said}; name one otherwise", at_key=True)
            self._taken[stream] = name
        return number_


def stream_of(model: str, name: str) -> int:
    """The stream number of a name in a model."""
    return FIRST_DECLARED + int.from_bytes(sha256(f"{model}/{name}".encode()).digest()[:4], "big") % FIRST_DECLARED


LN2 = 0.6931471805599453


# Terms ---------------------------------------------------------------------------------------------------------------


def plus(a: ColumnTerm, b: ColumnTerm) -> ColumnTerm:
    """a + b."""
    return apply(code.ADD, a, b)


def minus(a: ColumnTerm, b: ColumnTerm) -> ColumnTerm:
    """a - b."""
    return apply(code.SUBTRACT, a, b)


def times(a: ColumnTerm, b: ColumnTerm) -> ColumnTerm:
    """a * b."""
    return apply(code.MULTIPLY, a, b)


def over(a: ColumnTerm, b: ColumnTerm) -> ColumnTerm:
    """a / b."""
    return apply(code.DIVIDE, a, b)


def exponential(a: ColumnTerm) -> ColumnTerm:
    """exp(a)."""
    return apply(code.EXP, a)


def log_sd(cv: ColumnTerm) -> ColumnTerm:
    """SD of the logarithm of a lognormal with this coefficient of variation."""
    return apply(code.SQRT, apply(code.LOG, plus(number(1.0), times(cv, cv))))


def bounded(value: ColumnTerm, low: ColumnTerm | None, high: ColumnTerm | None) -> ColumnTerm:
    """A value, no lower and no higher than these."""
    if low is not None:
        value = apply(code.MAX, value, low)
    return value if high is None else apply(code.MIN, value, high)


def below(a: ColumnTerm, b: ColumnTerm) -> ColumnTerm:
    """Whether a < b, to the bit: the tolerance of rules is wider than what rates per minute differ by."""
    return apply(code.DRAWN, a, b)


def drawn(u: ColumnTerm, probability: ColumnTerm) -> ColumnTerm:
    """1 with this probability, else 0."""
    return below(u, probability)


def cut_score(u: ColumnTerm, score: ColumnTerm | None, low: ColumnTerm | None, high: ColumnTerm | None) -> ColumnTerm:
    """The normal score of a uniform draw between these ends: reckoned in the smaller tail, where digits are left.

    `score` is that of the whole draw. An end that lies further out than FARTHEST counts as there.
    """
    if low is None and high is None:
        return score if score is not None else apply(code.NORMAL, u)
    if low is not None:
        low = apply(code.MIN, low, number(_FARTHEST))
    if high is not None:
        high = apply(code.MAX, high, number(-_FARTHEST))
    if low is None:
        assert high is not None
        return apply(code.NORMAL, times(u, apply(code.NORMAL_BELOW, high)))
    if high is None:
        beyond = times(minus(number(1.0), u), apply(code.NORMAL_BELOW, apply(code.NEGATE, low)))
        return apply(code.NEGATE, apply(code.NORMAL, beyond))
    side = apply(code.CHOOSE, below(number(0.0), low), number(-1.0), number(1.0))
    first, last = (apply(code.NORMAL_BELOW, times(side, end)) for end in (low, high))
    return times(side, apply(code.NORMAL, plus(first, times(u, minus(last, first)))))


def cut(u: ColumnTerm, lower: ColumnTerm | None, upper: ColumnTerm | None) -> ColumnTerm:
    """A uniform draw between two tails, which hold these probabilities."""
    if lower is None and upper is None:
        return u
    tails = plus(lower, upper) if lower is not None and upper is not None else lower if lower is not None else upper
    assert tails is not None
    shrunk = times(minus(number(1.0), tails), u)
    return shrunk if lower is None else plus(lower, shrunk)
