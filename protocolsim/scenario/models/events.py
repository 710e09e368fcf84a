"""The events of a declared model: hazards of a patient, by a rate or over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from protocolsim.arrays import Floats
from protocolsim.component import Baseline, PiecewiseConstant, Weibull
from protocolsim.model import instructions as code
from protocolsim.model.terms import ColumnTerm, apply, number, term_of
from protocolsim.scenario.file.model_schema import EventPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.models.draws import Streams
from protocolsim.scenario.models.scope import Condition, Meanings, ParsedFormula, Scope
from protocolsim.units import NONE, RATE, TIME

_INF = float("inf")
_KINDS = ("rate", "weibull", "piecewise")


@dataclass(frozen=True)
class DeclaredEvent:
    """One event: its multiplier as a term, and its baseline as constant terms (`kind` says of what)."""

    name: str
    stream: int
    multiplier: ColumnTerm
    kind: str
    baseline: tuple[ColumnTerm, ...]
    part: EventPart


class EventsBuilder:
    """Builds the events of one model."""

    def __init__(self, scope: Scope, streams: Streams, meanings: Meanings) -> None:
        self.scope, self.streams, self.meanings = scope, streams, meanings

    def build(self, parts: Mapping[str, EventPart]) -> list[DeclaredEvent]:
        """Every event that is sound."""
        made = []
        for name, part in parts.items():
            address: Address = (*self.scope.address, "events", name)
            with self.scope.faults.watch() as here:
                event = self._event(address, name, part)
            if event is not None and here.ok:
                made.append(event)
        return made

    def _event(self, address: Address, name: str, part: EventPart) -> DeclaredEvent | None:
        kinds = [k for k in _KINDS if getattr(part, k) is not None]
        if len(kinds) != 1:
            said = f"found {' and '.join(kinds)}" if kinds else "found none of them"
            self.scope.faults.append(address, f"an event is one of {', '.join(_KINDS)}; {said}", at_key=True)
            return None
        stream = self.streams.stream(address, f"event {name}", part.stream)
        multiplier: ColumnTerm = number(1.0)
        if part.times is not None:
            times_ = self._read((*address, "times"), part.times, NONE, "what the hazard is multiplied by")
            if times_ is None:
                return None
            multiplier = times_
        if part.rate is not None:
            rate = self._read((*address, "rate"), part.rate, RATE, "a hazard")
            if rate is None:
                return None
            rate = rate if part.times is None else apply(code.MULTIPLY, rate, multiplier)
            return DeclaredEvent(name, stream, rate, "rate", (), part)
        baseline = self._weibull(address, part) if part.weibull is not None else self._piecewise(address, part)
        return None if baseline is None else DeclaredEvent(name, stream, multiplier, kinds[0], baseline, part)

    def _read(self, address: Address, text: str | float, dimension: tuple[int, ...], what: str) -> ColumnTerm | None:
        formula = self.scope.read(address, text, dimension, what)  # type: ignore[arg-type]
        if formula is None:
            return None
        self.scope.not_negative(address, formula, "a hazard")
        return term_of(formula.node, self.meanings)

    def _constant(
        self, address: Address, text: str | float, dimension: tuple[int, ...], what: str, *, above_zero: bool = False
    ) -> ColumnTerm | None:
        """A number that is the same for every patient, and not negative."""
        formula: ParsedFormula | None = self.scope.read(address, text, dimension, what)  # type: ignore[arg-type]
        if formula is None:
            return None
        term = term_of(formula.node, self.meanings)
        if not term.is_constant:
            said = f"'{formula.text}' differs between patients; say that by 'times', and here by parameters alone"
            self.scope.faults.append(address, said)
            return None
        (self.scope.positive if above_zero else self.scope.zero_or_more)(address, formula, term)
        return term

    def _weibull(self, address: Address, part: EventPart) -> tuple[ColumnTerm, ...] | None:
        assert part.weibull is not None
        scale = self._constant((*address, "weibull", "scale"), part.weibull.scale, TIME, "its scale", above_zero=True)
        shape = self._constant((*address, "weibull", "shape"), part.weibull.shape, NONE, "its shape", above_zero=True)
        return None if scale is None or shape is None else (scale, shape)

    def _piecewise(self, address: Address, part: EventPart) -> tuple[ColumnTerm, ...] | None:
        assert part.piecewise is not None
        terms: list[ColumnTerm] = []
        for number_, (time, text) in enumerate(part.piecewise.items()):
            place: Address = (*address, "piecewise", time)
            begin = self._constant(place, time, TIME, "when it begins")
            rate = self._constant(place, text, RATE, "a hazard")
            if begin is None or rate is None:
                return None
            if number_ == 0 and begin != number(0.0):
                self.scope.faults.append(place, f"the first rate begins at 0 weeks, found '{time}'", at_key=True)
                return None
            if terms:
                later = apply(code.SUBTRACT, begin, terms[-2])
                said = f"'{time}' is no later than what stands above it; hazards stand in the order of their times"
                self.scope.conditions.append(Condition(place, later, 1e-9, _INF, said))
            terms += [begin, rate]
        if not terms:
            self.scope.faults.append((*address, "piecewise"), "no rate stands here", at_key=True)
            return None
        return tuple(terms)


def baseline_of(kind: str, places: Sequence[int]) -> Callable[[Floats], Baseline] | None:
    """What makes a baseline of a component's constants, of which these hold its numbers."""
    if kind == "rate":
        return None
    return BaselineOfConstants(kind, tuple(places))


@dataclass(frozen=True)
class BaselineOfConstants:
    """The baseline of an event, from the constants of its component. Raises ValueError where they make none."""

    kind: str
    places: tuple[int, ...]

    def __call__(self, constants: Floats) -> Baseline:
        """The baseline."""
        numbers = [float(constants[p]) for p in self.places]
        if self.kind == "weibull":
            return Weibull(*numbers)
        return PiecewiseConstant(tuple(numbers[2::2]), tuple(numbers[1::2]))


@dataclass(frozen=True)
class RateOfConstants:
    """A hazard per minute that is one of its component's constants, whatever the treatment in force."""

    place: int

    def __call__(self, constants: Floats, level: float) -> float:  # noqa: ARG002
        """The hazard."""
        return float(constants[self.place])
