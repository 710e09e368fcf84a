"""The interface of disease and drug models: columns, kernels, parameters, and dependencies on other components.

A component owns some columns of `body`, a float64 array with one row per subject, and offers kernels
that move those columns through time. It never sees the protocol, and the protocol never sees it:
what the clinic may know leaves through its assessments only.

It is made in code (`COMPONENT = Drug(name=..., start=..., ...)`) or from data: nothing asks where its functions come
from. It holds no state; `dataclasses.replace` makes another one of it.

**Kernels** are functions over the subjects numbered in `rows`; both engines call the same ones. In code they are
compiled by `@kernel`; they are called from Python only, so that an object with a `__call__` is one too. What each is
given stands below (`StartKernel`, `AdvanceKernel`, `ObserveKernel`, `GiveKernel`, `RateKernel`); the arguments that all
share are

    body        float64 [subjects, columns]; all columns of all components, for all subjects of the engine
    rows        int64 [n]; the subjects to process, as rows of `body`, each at most once
    links       int64; where things stand in `body`: links[0] is the component's own first column (so its field F is
                body[i, links[0] + F]), then one column for each trait in `needs`, then for each signal in `reads` a
                count followed by that many columns, whose sum is the signal (`signal_sum`, `signal_sums`)
    constants   float64; what `constants` made of the parameters' values, the same for every subject
    seed, who   the study's seed, and int64 [subjects, 2]: (replicate, subject) of each row, the key of its draws

A kernel writes only its own columns in the given rows, and the output arrays among its arguments. Its result for a
subject may not depend on which others are in `rows`, nor on their order, bit for bit.

Authors need not write them: `by_name/` makes them of what is said of one subject, with names for these positions. By
hand, a loop over rows is enough. Where it is slow, gather fields from `body` (`taken`), draw for all rows together
(`normals` and `uniforms`, of `keys` that several draws share) and use short loops over these columns, which the
compiler vectorises (SIMD): the bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, Protocol

import numpy as np

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.randomness import FIRST_OUTSIDE, STREAM_BLOCK
from protocolsim.units import NONE, RATE, UnitError, unit_product

Scale = Literal["linear", "log"]
"""How a number is best moved: by steps of one size, or by equal factors."""
Mark = Literal["F", "F2", "D", "A", "M"]

ENROLMENT = "enrolment"
"""The signal that is the minute of enrolment, nan before it; the engine writes it."""


class StartKernel(Protocol):
    """Fill the component's own columns at each subject's first minute."""

    def __call__(
        self, body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers, /
    ) -> None:
        """Draws are keyed by `who[i]`, so that no subject depends on another. Columns hold 0 before."""


class AdvanceKernel(Protocol):
    """Advance the component's own columns over an interval of time."""

    def __call__(
        self, body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers, /
    ) -> None:
        """Subject i moves from minute since[i] to until[i] of its own clock (int64 [subjects]).

        Splitting an interval into parts must not change the result beyond rounding.
        """


class ObserveKernel(Protocol):
    """Make one assessment of each subject in `rows`."""

    def __call__(
        self,
        body: Floats,
        rows: Integers,
        links: Integers,
        constants: Floats,
        seed: int,
        who: Integers,
        index: Integers,
        minute: Integers,
        value: Floats,
        truth: Floats,
        /,
    ) -> None:
        """Fill value[k, v] with what is seen of variable v in the subject rows[k], truth[k, v] with what is behind it.

        `value` and `truth` are float64 [n, variables]. index[i] (int64 [subjects]) is the number of this assessment
        among those planned for subject i, and keys its draws; minute[i] is the subject's minute.
        """


class GiveKernel(Protocol):
    """Let one dose of a drug arrive in each subject in `rows`."""

    def __call__(
        self,
        body: Floats,
        rows: Integers,
        links: Integers,
        constants: Floats,
        dose: Floats,
        per_weight: bool,
        amount: Floats,
        /,
    ) -> None:
        """Fill amount[k] (float64 [n]) with what the subject rows[k] gets, in mg (of a drug dosed in IU: in IU).

        dose[k] (float64 [n]) is in mg/kg (IU/kg) where `per_weight`, else flat in mg (IU).
        """


class RateKernel(Protocol):
    """Say how often an event comes to each subject in `rows`, as each of them is now."""

    def __call__(
        self, body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats, /
    ) -> None:
        """Fill out[k] (float64 [n]) with the multiplier of the subject rows[k] at minute now[rows[k]] of its clock.

        It multiplies the hazard's baseline, or is the hazard itself, per minute. Below 0 or nan counts as 0. It only
        reads `body`, where drugs and disease have come to that minute and the treatment in force is set.
        """


Kernel = StartKernel | AdvanceKernel | ObserveKernel | GiveKernel | RateKernel

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
    `scale` "log": sweeps, sliders, figures and priors go by equal factors; `low` is then above 0. `label`: what
    forms call it, "" for its name.
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
    scale: Scale = "linear"
    label: str = ""

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
    """One quantity that an assessment measures, recorded in its unit.

    `least`, `most` (as shown) and `whole` say what it can be at all. Proofs about decision rules rest on them, so
    they must hold for every value that is ever observed; left out, anything is possible. `missing`: an assessment that
    is made may show nothing of it (nan). `label`: what readers are told it is called, "" for its name.
    """

    name: str
    unit: str
    meaning: str
    least: float = -float("inf")
    most: float = float("inf")
    whole: bool = False
    missing: bool = False
    label: str = ""

    @property
    def factor(self) -> float:
        """How much one of its unit is in the units that rules reckon in; 1 of what is a plain number or a share."""
        try:
            one = unit_product(self.unit)
        except UnitError:
            return 1.0
        return 1.0 if one.dimension == NONE else one.value


@dataclass(frozen=True)
class Assessment:
    """What a visit can measure: its variables, and the kernel that observes them.

    `label`: what readers are told it is called, "" for its name.
    """

    name: str
    meaning: str
    variables: tuple[Variable, ...]
    observe: ObserveKernel
    label: str = ""


@dataclass(frozen=True)
class Weibull:
    """A baseline whose cumulative hazard after t minutes is (t / scale) to the power shape; `scale` is in minutes.

    Raises ValueError where one of them is not a positive number.
    """

    scale: float
    shape: float

    def __post_init__(self) -> None:
        if not (0.0 < self.scale < np.inf and 0.0 < self.shape < np.inf):
            raise ValueError(f"a Weibull baseline of scale {self.scale:g} and shape {self.shape:g}; both are above 0")


@dataclass(frozen=True)
class PiecewiseConstant:
    """A baseline of rates[0] per minute up to minute cuts[0], rates[1] up to cuts[1], and the last one from there on.

    Raises ValueError where there is not one rate more than cuts, cuts do not increase from above 0, or a rate is not
    a number from 0 on.
    """

    cuts: tuple[float, ...]
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.rates) != len(self.cuts) + 1:
            raise ValueError(
                f"a piecewise baseline of {len(self.rates)} rates and {len(self.cuts)} cuts: one rate more"
            )
        if not all(a < b < np.inf for a, b in pairwise((0.0, *self.cuts))):
            raise ValueError(f"a piecewise baseline whose cuts, {self.cuts}, do not increase from above 0")
        if not all(0.0 <= r < np.inf for r in self.rates):
            raise ValueError(f"a piecewise baseline of rates {self.rates}; each is a number from 0 on")


Baseline = Weibull | PiecewiseConstant
"""The hazard that a multiplier of 1 means, over the time since entry into the trial or since enrolment."""


@dataclass(frozen=True)
class Hazard:
    """An event that a disease or a treatment may bring, by a clock of its own.

    A disease's is in force in every state that is not final, a drug's where the treatment is in force; one that is
    called `dropout` is a further cause of the trial's own event, and in force on study only. `stream` keys its draws
    and lies in the component's own block.

    How often it comes is said in one of two ways:
    - `rate(constants, level)`: the same for everybody, constant within a state. `level` is the treatment in force (1
      for `standard`, else the regimen's dose); 1 of a disease.
    - `multiplier`: each subject's own, found out on entry into each state and, where it is `changing`, again at each of
      the component's grid minutes (`Component.step`); in force from there to the next.

    Either is per minute, or, with a `baseline(constants)`, what that is multiplied by. Time of the baseline runs from
    the subject's minute 0 (`since="entry"`), or from enrolment, before which the hazard is 0. `once`: it comes to
    nobody twice; otherwise the clock starts anew whenever it has come.
    """

    event: str
    stream: int
    rate: Callable[[Floats, float], float] | None = None
    multiplier: RateKernel | None = None
    baseline: Callable[[Floats], Baseline] | None = None
    since: Literal["entry", "enrolment"] = "entry"
    once: bool = False
    changing: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Component:
    """A disease or a drug, as a value: two are the same where they are one object.

    name, meaning   what a file calls it, and what it is in a phrase
    description     the same at length, in Markdown, for its page; may be empty
    stream          the first of the STREAM_BLOCK stream numbers that its draws may use; no other component has them
    streams         the streams of its draws where they are no block, but numbers of their own
    parameters      its numbers; `constants` makes of their values (by name, each in its own unit) what kernels read
    fields          the names of its columns, in their order
    traits          columns that belong in the table of subjects
    needs           traits of the disease that its kernels read
    reads, writes   signals: the names it reads, and for each name it writes the field that holds it. Two that nobody
                    writes can be read: `level of NAME`, the treatment with that drug in force (no column where the
                    trial does not have it), and `enrolment`, the minute of enrolment, nan before
    assessments     what a visit can measure of it
    hazards         events that it brings
    start, advance  its kernels; `advance` is None where nothing changes by itself
    step            minutes, where something changes on a grid of time: all components of a trial are advanced to every
                    whole multiple of the greatest common divisor of their steps, on the subject's own clock. None: to
                    the minutes of visits and of entering states only
    """

    name: str
    meaning: str
    description: str = ""
    stream: int
    parameters: tuple[Parameter, ...]
    fields: tuple[str, ...]
    constants: Callable[[Mapping[str, float]], Floats]
    start: StartKernel
    advance: AdvanceKernel | None = None
    step: int | None = None
    traits: tuple[Trait, ...] = ()
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    assessments: tuple[Assessment, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    streams: frozenset[int] | None = None

    @property
    def own_streams(self) -> frozenset[int]:
        """Every stream that its draws may use."""
        return self.streams if self.streams is not None else frozenset(range(self.stream, self.stream + STREAM_BLOCK))

    def defaults(self) -> dict[str, float]:
        """Every parameter's own value."""
        return {p.name: p.value for p in self.parameters}


def level_of(drug: str) -> str:
    """The signal that is the treatment in force with this drug (a component's name); the engine writes it."""
    return f"level of {drug}"


def stream_block(name: str) -> int:
    """The first stream number of a component of another package: a block of STREAM_BLOCK that belongs to its name.

    One of some 43 million blocks from FIRST_OUTSIDE on, so that two names hardly ever meet; where they do, a scenario
    that holds both is refused. Once results are published, the number is as fixed as they are: keep the name.
    """
    blocks = (2**32 - STREAM_BLOCK - FIRST_OUTSIDE) // STREAM_BLOCK
    return FIRST_OUTSIDE + STREAM_BLOCK * (int.from_bytes(sha256(name.encode()).digest()[:8], "big") % blocks)


def in_base_units(parameters: Iterable[Parameter], values: Mapping[str, float]) -> dict[str, float]:
    """The values of parameters in minutes, kilograms and the like, from values in each parameter's own unit."""
    return {p.name: values[p.name] * unit_product(p.unit).value for p in parameters}


@kernel
def signal_sum(body: Floats, i: int, links: Integers, at: int) -> float:
    """The sum of all columns of one signal; links[at] is their number, and their indices follow."""
    total = 0.0
    for j in range(at + 1, at + 1 + links[at]):
        total += body[i, links[j]]
    return total


@kernel
def signal_sums(body: Floats, rows: Integers, links: Integers, at: int) -> Floats:
    """`signal_sum` of each subject in rows, [subjects]."""
    total = np.zeros(rows.shape[0])
    for j in range(at + 1, at + 1 + links[at]):
        signal = taken(body, rows, links[j])
        for k in range(rows.shape[0]):
            total[k] += signal[k]
    return total


@kernel
def taken(body: Floats, rows: Integers, column: int) -> Floats:
    """Gather one column: body[rows[k], column], [subjects]."""
    out = np.empty(rows.shape[0])
    for k in range(rows.shape[0]):
        out[k] = body[np.uint64(rows[k]), column]
    return out


@kernel
def put_back(body: Floats, rows: Integers, column: int, values: Floats) -> None:
    """Scatter into one column: body[rows[k], column] = values[k]."""
    for k in range(rows.shape[0]):
        body[np.uint64(rows[k]), column] = values[k]
