"""What a disease or a drug is to the engines: columns, kernels, and a declaration of what it needs.

A component owns some columns of `body`, a float64 array with one row per subject, and offers kernels
that move those columns through time. It never sees the protocol, and the protocol never sees it:
what the clinic may know leaves through its assessments only.

**Kernels** are `@kernel` functions over the subjects numbered in `rows` (an int64 array); both engines
call the same ones. `links` says where things stand in `body`: `links[0]` is the component's own first
column (so its field F is `body[i, links[0] + F]`), then one column for each trait in `needs`, then for each
signal in `reads` a count followed by that many columns, whose sum is the signal (`signal_sum`, `signal_sums`).
Columns of time (`since`, `until`, `minute`) and of counts (`index`) are int64 arrays indexed by subject.

    start(body, rows, links, constants, seed, who)              fill own columns; who[i] = (replicate, subject)
    advance(body, rows, links, constants, since, until)         move from since[i] to until[i]; may be absent
    observe(body, rows, links, constants, seed, who, index, minute, value, truth)
                                                                one assessment of subject rows[k]: value[k, v] is
                                                                seen, truth[k, v] is the hidden quantity behind it
    give(body, rows, links, constants, dose, amount)            drugs: a dose arrives; amount[k] receives what rows[k]
                                                                gets of it, in mg

A loop over rows is enough. Where it costs time, take fields out of `body` (`taken`), draw for all rows together
(`normals` and `uniforms`, of `keys` that several draws share) and let short loops over these columns do several
subjects at once: the bits are the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.units import NONE, RATE, unit_product

Kernel = Callable[..., Any]
Mark = Literal["F", "F2", "D", "A", "M"]

MARKS: Mapping[Mark, str] = {
    "F": "found in text",
    "F2": "found second-hand",
    "D": "derived here from found numbers",
    "A": "assumption, no source",
    "M": "from memory, unverified",
}


@dataclass(frozen=True)
class Parameter:
    """One number of a disease or drug: its meaning, unit, plausible range, and how it is known.

    `value`, `low` and `high` are in `unit` as a reader would write it ("0.36 L/day", "20 %"). `low` to `high` is
    what is plausible; nothing below `least` or above `most` is accepted. Where `least` is not given, shares, counts,
    spreads and rates may be 0, and what has a size (a volume, a weight, a time) must be at least a thousandth of `low`.
    """

    name: str
    value: float
    unit: str
    low: float
    high: float
    mark: Mark
    source: str
    meaning: str
    least: float | None = None
    most: float = float("inf")

    @property
    def lowest(self) -> float:
        """The lowest value that is accepted."""
        if self.least is not None:
            return self.least
        return 0.0 if unit_product(self.unit).dimension in (NONE, RATE) else self.low / 1000.0


@dataclass(frozen=True)
class Trait:
    """A column of `body` that belongs in the table of subjects; hidden ones appear as `truth_*`.

    `least`, `most` and `whole` as in Variable.
    """

    name: str
    field: int
    unit: str
    meaning: str
    hidden: bool = True
    least: float = -float("inf")
    most: float = float("inf")
    whole: bool = False


@dataclass(frozen=True)
class Variable:
    """One quantity that an assessment shows.

    `least`, `most` (as shown) and `whole` say what it can be at all. Proofs about decision rules rest on them, so
    they must hold for every value that is ever observed; left out, anything is possible.
    """

    name: str
    unit: str
    meaning: str
    least: float = -float("inf")
    most: float = float("inf")
    whole: bool = False


@dataclass(frozen=True)
class Assessment:
    """What a visit can measure: its variables, and the kernel that observes them."""

    name: str
    meaning: str
    variables: tuple[Variable, ...]
    observe: Kernel


@dataclass(frozen=True)
class Hazard:
    """An event that a treatment may bring: a name, and the rate per minute at a dose level."""

    event: str
    stream: int
    rate: Callable[[Floats, float], float]


class Component(ABC):
    """A disease or a drug. Abstract or final: the kinds below are never subclassed further.

    `stream` is the first of the STREAM_BLOCK stream numbers that its draws may use (unique to it).
    Every component constructs with no arguments, and holds no state of its own.
    """

    name: ClassVar[str]
    meaning: ClassVar[str]
    stream: ClassVar[int]
    parameters: ClassVar[tuple[Parameter, ...]]
    fields: ClassVar[tuple[str, ...]]
    traits: ClassVar[tuple[Trait, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[Mapping[str, int]] = {}
    assessments: ClassVar[tuple[Assessment, ...]] = ()
    hazards: ClassVar[tuple[Hazard, ...]] = ()
    start: ClassVar[Kernel]
    advance: ClassVar[Kernel | None] = None

    @abstractmethod
    def constants(self, values: Mapping[str, float]) -> Floats:
        """The numbers its kernels read, made once from the parameters' values (in their units)."""

    def defaults(self) -> dict[str, float]:
        """Every parameter's own value."""
        return {p.name: p.value for p in self.parameters}


@kernel
def signal_sum(body: Floats, i: int, links: Integers, at: int) -> float:
    """The sum of all that is written to one signal; links[at] counts its columns, which follow."""
    total = 0.0
    for j in range(at + 1, at + 1 + links[at]):
        total += body[i, links[j]]
    return total


@kernel
def signal_sums(body: Floats, rows: Integers, links: Integers, at: int) -> Floats:
    """`signal_sum` of the subjects in rows, side by side."""
    total = np.zeros(rows.shape[0])
    for j in range(at + 1, at + 1 + links[at]):
        signal = taken(body, rows, links[j])
        for k in range(rows.shape[0]):
            total[k] += signal[k]
    return total


@kernel
def taken(body: Floats, rows: Integers, column: int) -> Floats:
    """One column of the subjects in rows, side by side."""
    out = np.empty(rows.shape[0])
    for k in range(rows.shape[0]):
        out[k] = body[np.uint64(rows[k]), column]
    return out


@kernel
def put_back(body: Floats, rows: Integers, column: int, values: Floats) -> None:
    """The other way round: body[rows[k], column] = values[k]."""
    for k in range(rows.shape[0]):
        body[np.uint64(rows[k]), column] = values[k]
