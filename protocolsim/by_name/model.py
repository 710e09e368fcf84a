"""Diseases and drugs in Python, each said of one subject and by name; kernels over many subjects are made from that.

    MODEL = ByName(stream=..., parameters=PARAMETERS, fields=("urate", "usual"), draws={"usual": 0, "assay": 1})

    @MODEL.start
    def start(me, p, draw):
        me.usual = p.usual_urate * exp(p.urate_log_sd * draw.normal("usual"))
        me.urate = 1.3 * me.usual

What a function takes is found by the name of its argument:

    me          the subject's own fields: `me.urate`; of a field "week[6]" one of six, `me.week[2]`
    p           parameters, in minutes, kilograms and the like, and what `derived` makes of them; read only
    draw        random numbers: `draw.normal("usual")`, `.uniform`, `.exponential` (of mean 1), `.bernoulli(name, p)`,
                `.poisson(name, mean)`, `.binomial(name, n, p)`; in `start` and assessments. `use=` is the planned
                number of the use, where a draw counts its own: else it is 0 in `start`, or that of the assessment.
                `none=` of the last two is the probability of 0, where it is known already
    disease     traits of the disease that `needs` names: `disease.weight`
    signal      sums of signals that `reads` names: `signal.log_rate`, `signal["level of it"]`
    since, until, now   minutes of the subject's own clock: of an interval, of an assessment
    see         what an assessment finds: `see.urate = value, truth`, or `see.urate = value` where it is the truth
    dose, level   one dose (return the mg or IU that are given), treatment in force
    per_weight    whether the dose is in mg/kg (IU/kg), and not flat

Where the same is computed for most, `with alike(days, half_life):` does it once for neighbours that agree.

A name that does not exist is refused as the function is defined, at its line, with the nearest that does. Functions
that are called are kernels of their own (`@kernel`, `@inlined`) or parts of the model (`@MODEL.part`), which may be
handed `me`, `p`, `draw`, `disease` and `signal`.
"""

from __future__ import annotations

import ast
from collections import Counter, namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from types import MappingProxyType
from typing import Any, TypeVar, cast

import numpy as np

from protocolsim import randomness
from protocolsim.arithmetic import exp, inlined, kernel, log
from protocolsim.arrays import Floats
from protocolsim.by_name.columns import by_columns
from protocolsim.by_name.made import FreeNames, Statements, function_of
from protocolsim.by_name.reading import SubjectReader, written
from protocolsim.by_name.rows import alone, by_rows
from protocolsim.by_name.words import HANDED, Declared, Used, names_in
from protocolsim.component import (
    AdvanceKernel,
    Assessment,
    Component,
    GiveKernel,
    ObserveKernel,
    Parameter,
    RateKernel,
    StartKernel,
    Variable,
    in_base_units,
    put_back,
    signal_sum,
    signal_sums,
    taken,
)
from protocolsim.errors import UsageError, unknown
from protocolsim.randomness import STREAM_BLOCK

_LEVEL = "level"  # the first field of a drug, which the engine sets and its hazards are handed
C = TypeVar("C", bound=Component)
Said = Callable[..., Any]

_SUPPORT: Mapping[str, Any] = MappingProxyType({
    "np": np, "exp": exp, "log": log, "taken": taken, "put_back": put_back,
    "signal_sum": signal_sum, "signal_sums": signal_sums,
    **{name: getattr(randomness, name) for name in (
        "binomial_counts", "binomial_quantile", "exponential_quantile", "keys", "keys_of_use", "normal_quantile",
        "normals", "poisson_counts", "poisson_search", "uniform", "uniforms",
    )},
})  # fmt: skip


def alike(*keys: float) -> AbstractContextManager[None]:  # noqa: ARG001 - it is read, not called
    """Say that what stands below depends on these alone, of what differs between subjects; mostly they agree."""
    return nullcontext()


def kernel_text(kernel_by_name: Callable[..., Any]) -> str:
    """The kernel that was made of what is said of one subject, as Python text: to read, not to run."""
    function: Any = getattr(kernel_by_name, "py_func", kernel_by_name)
    text: str = function.__text__
    return text


class ByName:
    """A model in Python: its names, each declared once, and the kernels that are made of what is said by them.

    stream      the first of its stream numbers, as in Component
    parameters  its numbers: `p.name`, in base units
    fields      its columns; "week[6]" are six of one name. Of a drug the first is "level"
    draws       the number of each random draw after `stream`: fixed, since published results depend on it
    needs       traits of the disease that are read
    reads       signals that are read
    given       numbers that are no parameters and may be given among their values (`Drug.on_arrival`): what each is
                where it is not
    derived     makes, from `p`, what kernels read besides: name to number, or to a table (an array)

    `field`, `constant` and `draw` are the places by name, for a kernel by hand: `body[i, own + MODEL.field.urate]`.
    """

    def __init__(
        self,
        *,
        stream: int,
        parameters: Sequence[Parameter],
        fields: Sequence[str],
        draws: Mapping[str, int] | None = None,
        needs: Sequence[str] = (),
        reads: Sequence[str] = (),
        given: Mapping[str, float] | None = None,
        derived: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> None:
        self.stream, self.parameters = stream, tuple(parameters)
        self.needs, self.reads, self._derived = tuple(needs), tuple(reads), derived
        self._given = dict(given or {})
        self.assessments: tuple[Assessment, ...] = ()
        self.used: list[Used] = []
        self._parts: list[Said] = []  # kept, since they are known by identity
        self._read: set[str] = set()  # parameters that `derived` reads
        named = [_sized(field) for field in fields]
        _refuse_twice("field", [name for name, _ in named])
        sizes = dict(named)
        self.fields = tuple(chain.from_iterable(_columns(name, many) for name, many in sizes.items()))
        places = _places(sizes)
        tables = self._tables({q.name: q.value for q in self.parameters})
        constants = _places({name: table.size for name, table in tables.items()})
        numbers = {name: stream + number for name, number in (draws or {}).items()}
        _refuse_twice("field", self.fields)
        for name, number in numbers.items():
            if not stream <= number < stream + STREAM_BLOCK:
                raise UsageError(
                    f"the draw '{name}' has number {number - stream}: 0 to {STREAM_BLOCK - 1} are this model's"
                )
        _refuse_twice("number of a draw", [str(number - stream) for number in numbers.values()])
        self._declared = Declared(
            {name: (places[name], sizes[name]) for name in sizes},
            {name: (constants[name], table.shape) for name, table in tables.items()},
            numbers, self.needs, self.reads, {}, _SUPPORT,
        )  # fmt: skip
        self.field = _place("field", places)
        self.constant = _place("parameter or constant", constants)
        self.draw = _place("draw", numbers)

    # Numbers ------------------------------------------------------------------------------------------------------

    def constants(self, values: Mapping[str, float]) -> Floats:
        """What the kernels read, from the parameters' values, each in its own unit."""
        tables = self._tables(values)
        return np.concatenate([table.ravel() for table in tables.values()]) if tables else np.empty(0)

    def _tables(self, given: Mapping[str, float]) -> dict[str, Floats]:
        besides = {name: given.get(name, usual) for name, usual in self._given.items()}
        values = in_base_units(self.parameters, given) | besides
        tables = {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
        made = {} if self._derived is None else self._derived(_ParametersByName(values, self._read))
        if both := sorted(made.keys() & tables.keys()):
            raise UsageError(f"'{both[0]}' is a parameter and cannot be derived too: one name, one number")
        return tables | {name: np.asarray(value, dtype=np.float64) for name, value in made.items()}

    # Kernels ------------------------------------------------------------------------------------------------------

    def start(self, said: Said) -> StartKernel:
        """Decorate what is said of a subject at its first minute: it sets the fields, which are 0 before."""
        return cast("StartKernel", self._kernel(said, "start"))

    def advance(self, said: Said) -> AdvanceKernel:
        """Decorate what is said of a subject from minute `since` to minute `until`."""
        return cast("AdvanceKernel", self._kernel(said, "advance"))

    def give(self, said: Said) -> GiveKernel:
        """Decorate what is said of a subject that gets one dose; it returns what is given, in mg."""
        return cast("GiveKernel", self._kernel(said, "give"))

    def observe(
        self, name: str, meaning: str, *variables: Variable, label: str = ""
    ) -> Callable[[Said], ObserveKernel]:
        """Decorate what one assessment finds: it sets each of these variables of `see`."""

        def decorated(said: Said) -> ObserveKernel:
            made = cast("ObserveKernel", self._kernel(said, "observe", [v.name for v in variables]))
            self.assessments = (*self.assessments, Assessment(name, meaning, tuple(variables), made, label))
            return made

        return decorated

    def rate(self, said: Said) -> Callable[[Floats, float], float]:
        """Decorate the rate of an event, per minute, at a level of treatment, alike in all: for a Hazard."""
        return cast("Callable[[Floats, float], float]", self._kernel(said, "rate"))

    def multiplier(self, said: Said) -> RateKernel:
        """Decorate how often an event comes to a subject that is as it is now: for a Hazard; it sets nothing."""
        return cast("RateKernel", self._kernel(said, "multiplier"))

    def part(self, said: Said) -> Said:
        """Decorate a function that others of this model call and hand `me`, `p`, `draw`, `disease` or `signal`."""
        made = self._kernel(said, "part")
        taken_words = self._reader.arguments
        if any(not draw.keywords for _, _, draw in self._reader.used.draws if isinstance(draw, ast.Call)):
            self._declared.once.add(id(made))
        self._parts.append(made)
        self._declared.parts[id(made)] = tuple(a if a in HANDED else "" for a in taken_words)
        return made

    def _kernel(self, said: Said, kind: str, variables: Sequence[str] = ()) -> Said:
        source = written(said)
        self._reader = reader = SubjectReader(source, kind, self._declared, variables)
        self._keep(reader)
        taken_names = names_in(source.tree) | {a.arg for a in source.tree.args.args} | set(said.__code__.co_freevars)
        lines = Statements(FreeNames(taken_names), self._declared)
        if kind in ("part", "rate"):
            arguments, body = alone(reader, lines)
        else:
            arguments, body = by_columns(reader, lines) or by_rows(reader, lines)
        made = function_of(source, arguments, body, lines.names, {n: _SUPPORT[n] for n in sorted(lines.called)})
        return inlined(made) if kind == "part" else kernel(made)

    def _keep(self, reader: SubjectReader) -> None:
        """Refuse a draw that would give one number to two purposes; what it makes of its names is kept for `unused`."""
        start = {
            name: distribution for used in self.used if used.kind == "start" for name, distribution, _ in used.draws
        }
        other = {
            name: distribution for used in self.used if used.kind != "start" for name, distribution, _ in used.draws
        }
        for name, distribution, at in reader.used.draws:
            known = start if reader.used.kind == "start" else other
            if name in known:
                reader.source.refuse(at, f"'{name}' is drawn already: another purpose takes a draw of its own")
            if {**start, **other}.get(name, distribution) != distribution:
                reader.source.refuse(at, f"'{name}' has another distribution elsewhere: it takes a draw of its own")
            known[name] = distribution
        self.used.append(reader.used)

    # The component ------------------------------------------------------------------------------------------------

    def component(self, kind: type[C], *, name: str, meaning: str, **rest: Any) -> C:
        """The disease or drug: what is declared here, and what stands in `rest` (`start`, `traits`, `writes`)."""
        return kind(
            name=name, meaning=meaning,
            **{
                "stream": self.stream, "parameters": self.parameters, "fields": self.fields,
                "constants": self.constants, "needs": self.needs, "reads": self.reads,
                "assessments": self.assessments, **rest,
            },
        )  # fmt: skip

    def unused(self, *names: str) -> list[str]:
        """What is declared and not used, as sentences; `names` ("field.central") are used elsewhere, by hand."""
        known = self._declared
        kinds: tuple[tuple[str, Iterable[str], set[str]], ...] = (
            ("field", known.fields, {_LEVEL, *(name for used in self.used for name in used.fields)}),
            ("parameter or constant", known.constants, self._read | {n for used in self.used for n in used.constants}),
            ("draw", known.draws, {name for used in self.used for name, _, _ in used.draws}),
            ("need", known.needs, {name for used in self.used for name in used.needs}),
            ("signal", known.reads, {name for used in self.used for name in used.reads}),
        )
        return [
            f"nothing uses the {kind} '{name}'"
            for kind, declared, used in kinds
            for name in declared
            if name not in used and f"{kind.split()[0]}.{name}" not in names
        ]


class _ParametersByName:
    """Parameters by name, in base units; what was asked for is noted."""

    def __init__(self, values: Mapping[str, float], read: set[str]) -> None:
        self._values, self._noted = values, read

    def __getattr__(self, name: str) -> float:
        if name not in self._values:
            raise UsageError(unknown("parameter", name, self._values))
        self._noted.add(name)
        return self._values[name]


def _sized(field: str) -> tuple[str, int]:
    """The name of a field and its number of columns: "week[6]"."""
    name, _, many = field.partition("[")
    if many and not (many[-1] == "]" and many[:-1].isdecimal() and int(many[:-1]) > 1):
        raise UsageError(f"the field '{field}': several columns are written as week[6]")
    if not name.isidentifier():
        raise UsageError(f"the field '{field}': a field has a name as Python's variables have")
    return name, int(many[:-1]) if many else 1


def _columns(name: str, many: int) -> Iterator[str]:
    return iter([name] if many == 1 else [f"{name}_{k}" for k in range(many)])


def _places(sizes: Mapping[str, int]) -> dict[str, int]:
    at, places = 0, {}
    for name, size in sizes.items():
        places[name], at = at, at + size
    return places


class UnknownPlaceError(UsageError, AttributeError):
    """A name that a model does not declare; whoever only asks whether there is one is answered."""


def _place(what: str, places: Mapping[str, int]) -> Any:
    """Places by name, as Numba reads them: a named tuple, that also knows the nearest name."""
    base = namedtuple("Places", places)  # type: ignore[misc] # noqa: PYI024 - its names are those of a model

    def missing(self: Any, name: str) -> Any:  # noqa: ARG001
        if name.startswith("_"):
            raise AttributeError(name)
        raise UnknownPlaceError(unknown(what, name, places))

    kind = type("Places", (base,), {"__slots__": (), "__getattr__": missing})
    return kind(*places.values())


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    twice = sorted(name for name, many in Counter(names).items() if many > 1)
    if twice:
        raise UsageError(f"the {what} '{twice[0]}' is declared twice")
