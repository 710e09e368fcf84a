"""From the file's `boundaries:` to bounds at each look: given values, or what is spent in which shape."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from protocolsim.errors import UsageError
from protocolsim.interim.design import Boundary
from protocolsim.protocol.conduct import Look
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.interim_schema import BoundaryPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.sequential.boundaries import futility_bounds, joint_bounds, rounded, upper_bounds
from protocolsim.sequential.shapes.catalogue import shapes
from protocolsim.units import NONE

_BOUNDARIES: Address = ("interim", "boundaries")
_SHAPE = re.compile(r"\s*([^()\s]+)\s*(?:\((.*)\))?\s*")
Fractions = tuple[float, ...]


@dataclass(frozen=True)
class _Spends:
    """What a boundary spends, and in which shape."""

    error: float
    shape: str
    parameter: float | None
    words: str


def boundaries_of(
    parts: Mapping[str, BoundaryPart], looks: Sequence[Look] | None, q: Expressions
) -> tuple[Boundary, ...]:
    """Every sound boundary, in file order; `looks` are None where they have faults."""
    return _BoundariesBuilder(parts, looks, q).build()


class _BoundariesBuilder:
    def __init__(self, parts: Mapping[str, BoundaryPart], looks: Sequence[Look] | None, q: Expressions) -> None:
        self.parts, self.looks, self.q = parts, looks, q

    def build(self) -> tuple[Boundary, ...]:
        spends: dict[str, _Spends] = {}
        found: dict[str, Boundary] = {}
        for name, part in self.q.names.in_order(_BOUNDARIES, self.parts):
            with self.q.faults.watch() as here:
                values = self._values(name, part)
                spent = self._spends(name, part)
                self._shape((*_BOUNDARIES, name), part)
            if here.ok and values is not None:
                found[name] = Boundary(name, values, "given")
            elif here.ok and spent is not None:
                spends[name] = spent
        fractions = self._fractions(spends)
        if fractions is not None:
            binding = self._binding(spends)
            for name in sorted(spends, key=lambda n: self.parts[n].below is not None):  # upper ones first
                bounds = self._computed(name, spends, fractions, found, binding)
                if bounds is not None:
                    found[name] = bounds
        for name in self.parts:
            if name not in found:
                self.q.names.broken(name)
        return tuple(found[name] for name in self.parts if name in found)

    # What stands there -----------------------------------------------------------------------------------------

    def _shape(self, address: Address, part: BoundaryPart) -> None:
        """Faults of keys that do not go together."""
        if (part.values is None) == (part.spends is None):
            said = "a boundary says 'values', or what it 'spends' and 'as' which shape"
            self.q.faults.append(address, said, at_key=True)
            return
        if part.values is not None:
            for key in ("as", "below"):
                if getattr(part, "as_" if key == "as" else key) is not None:
                    self.q.faults.append((*address, key), f"'{key}' belongs to 'spends'", at_key=True)
        elif part.as_ is None:
            said = f"'as' is missing here, the shape in which it spends: {', '.join(shapes())}"
            self.q.faults.append(address, said, at_key=True)
        if part.binding and part.below is None:
            self.q.faults.append((*address, "binding"), "'binding' belongs to 'below'", at_key=True)

    def _values(self, name: str, part: BoundaryPart) -> tuple[float, ...] | None:
        if part.values is None:
            return None
        address: Address = (*_BOUNDARIES, name, "values")
        numbers = [
            float("nan") if v is None else self.q.number((*address, k), v, NONE, what="a bound")
            for k, v in enumerate(part.values)
        ]
        if self.looks is not None and len(numbers) not in (len(self.looks), len(self.looks) - 1):
            looks = f"there {'is 1 look' if len(self.looks) == 1 else f'are {len(self.looks)} looks'}"
            wanted = "one bound for each of them, or for each but the last"
            self.q.faults.append(address, f"{len(numbers)} bounds stand here, and {looks}: expected {wanted}")
            return None
        known = [v for v in numbers if v is not None]
        if len(known) < len(numbers) or self.looks is None:
            return None
        return (*known, *([float("nan")] * (len(self.looks) - len(known))))

    def _spends(self, name: str, part: BoundaryPart) -> _Spends | None:
        if part.spends is None:
            return None
        address: Address = (*_BOUNDARIES, name)
        what = "a one-sided error"
        error = self.q.number((*address, "spends"), part.spends, NONE, what=what)
        if error is not None and not 0.0 < error < 0.5:
            self.q.faults.append(
                (*address, "spends"), f"{part.spends} is not between 0 and 50 % ({what} over all looks)"
            )
            error = None
        shape = None if part.as_ is None else self._shape_named((*address, "as"), part.as_)
        if part.below is not None:
            self._below((*address, "below"), name, part.below)
        if error is None or shape is None:
            return None
        kind = "type II error" if part.below is not None else "type I error, one-sided"
        return _Spends(error, *shape, f"spends {part.spends} ({kind}), {part.as_}")

    def _shape_named(self, address: Address, text: str) -> tuple[str, float | None] | None:
        """A shape and its parameter: hwang_shih_decani(-4)."""
        match = _SHAPE.fullmatch(text)
        if match is None:
            said = f"expected a shape, such as obrien_fleming or hwang_shih_decani(-4), found '{text}'"
            self.q.faults.append(address, said)
            return None
        name, inside = match.groups()
        if not self.q.names.known(address, "shape of a boundary", name, shapes()):
            return None
        parameter = None if inside is None else self.q.number(address, inside, NONE, what=f"the parameter of {name}")
        if parameter is None and inside is not None:
            return None
        try:
            shapes()[name].checked(parameter)
        except UsageError as error:
            self.q.faults.append(address, str(error))
            return None
        return name, parameter

    def _below(self, address: Address, name: str, upper: str) -> None:
        others = [n for n, p in self.parts.items() if n != name and p.below is None]
        if upper == name:
            self.q.faults.append(address, f"'{name}' cannot lie below itself")
        elif upper in self.parts and self.parts[upper].below is not None:
            self.q.faults.append(address, f"'{upper}' lies below another boundary itself")
        else:
            self.q.names.known(address, "boundary", upper, others)

    # What it comes to ------------------------------------------------------------------------------------------

    def _fractions(self, spends: Mapping[str, _Spends]) -> Fractions | None:
        """The planned share of the information at each look; None where a look has none, which is a fault here."""
        if self.looks is None or not spends:
            return None
        planned = tuple(look.planned for look in self.looks)
        address: Address = (*_BOUNDARIES, next(iter(spends)), "spends")
        for before, look in zip((None, *self.looks), self.looks, strict=False):
            if look.planned != look.planned:  # nan: none is planned
                said = (
                    f"no share of the information is planned for '{look.name}', and spending goes by it: say in "
                    "`information` what is counted, so that every look waits for so much of it, or give `values`"
                )
            elif before is not None and look.planned <= before.planned:
                said = f"'{look.name}' has no more information planned than '{before.name}': there is nothing to spend"
            else:
                continue
            self.q.faults.append(address, said)
            return None
        return planned

    def _binding(self, spends: Mapping[str, _Spends]) -> dict[str, str]:
        """By boundary: the binding one below it."""
        found: dict[str, str] = {}
        for name in spends:
            upper = self.parts[name].below
            if not self.parts[name].binding or upper is None:
                continue
            address: Address = (*_BOUNDARIES, name, "binding")
            if upper not in spends and upper in self.parts and self.parts[upper].values is not None:
                self.q.faults.append(address, f"'{upper}' has given values, which do not move", at_key=True)
            elif upper in found:
                said = f"'{upper}' is made as if '{found[upper]}' were always obeyed; a second one cannot be binding"
                self.q.faults.append(address, said, at_key=True)
            else:
                found[upper] = name
        return found

    def _computed(
        self,
        name: str,
        spends: Mapping[str, _Spends],
        fractions: Fractions,
        found: Mapping[str, Boundary],
        binding: Mapping[str, str],
    ) -> Boundary | None:
        part, spent = self.parts[name], spends[name]
        chosen = (spent.shape, spent.parameter)
        upper = part.below
        try:
            if upper is None and name in binding:
                other = spends[binding[name]]
                values = _joint(chosen, (other.shape, other.parameter), spent.error, other.error, fractions)[0]
                return Boundary(name, values, spent.words, spent.error)
            if upper is None:
                return Boundary(name, _upper(*chosen, spent.error, fractions), spent.words, spent.error)
            if binding.get(upper) == name and upper in spends:
                first = spends[upper]
                values = _joint((first.shape, first.parameter), chosen, first.error, spent.error, fractions)[1]
            elif upper in found:
                values = _futility(*chosen, spent.error, fractions, found[upper].values)
            else:
                return None  # that one is at fault
        except UsageError as error:
            self.q.faults.append((*_BOUNDARIES, name), str(error), at_key=True)
            return None
        return Boundary(name, values, spent.words, spent.error, below=upper, binding=part.binding)


# A scenario is built anew for each point of a sweep, mostly with the same boundaries.


@lru_cache(maxsize=512)
def _upper(shape: str, parameter: float | None, error: float, fractions: Fractions) -> tuple[float, ...]:
    return tuple(rounded(upper_bounds(shape, parameter, error, np.array(fractions))).tolist())


@lru_cache(maxsize=512)
def _futility(
    shape: str, parameter: float | None, error: float, fractions: Fractions, upper: tuple[float, ...]
) -> tuple[float, ...]:
    lower, _ = futility_bounds(shape, parameter, error, np.array(fractions), np.array(upper))
    return tuple(rounded(lower).tolist())


@lru_cache(maxsize=512)
def _joint(
    efficacy: tuple[str, float | None],
    futility: tuple[str, float | None],
    alpha: float,
    beta: float,
    fractions: Fractions,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    both = joint_bounds(efficacy, futility, alpha, beta, np.array(fractions), binding=True)
    return tuple(rounded(both.upper).tolist()), tuple(rounded(both.lower).tolist())
