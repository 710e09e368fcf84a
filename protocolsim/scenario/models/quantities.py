"""The quantities of a declared model: what changes with time in a patient, and how it is carried on.

What moves by itself (relaxation to what does not change, growth, kinetics, arrivals, steps at constant rates) is
carried on exactly over an interval of any length. What depends on something that changes is carried on in steps of time
on the calendar of each subject, so that a visit more or less changes nothing. A noise is a function of the minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from protocolsim.errors import RuleError
from protocolsim.model import instructions as code
from protocolsim.model.terms import ColumnTerm, apply, number, parts_of, term_of
from protocolsim.model.terms import field as field_term
from protocolsim.protocol.intervals import ANYTHING, NOT_NEGATIVE, Interval, bounded_by, bounds_of, hull
from protocolsim.protocol.rules import Call, Node, names_in, parse
from protocolsim.scenario.file.model_schema import QuantityPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.models.draws import LN2, Streams, bounded, exponential, minus, over, plus, times
from protocolsim.scenario.models.kinetics import compartments
from protocolsim.scenario.models.scope import Meanings, ParsedFormula, Scope
from protocolsim.units import ACTIVITY, MASS, NONE, RATE, TIME, Dimension, combine

KINDS = ("relaxes_to", "grows_by", "rate", "becomes", "autoregressive", "arrivals", "steps", "doses_enter", "formula")
_WITHOUT_START = ("autoregressive", "arrivals", "steps", "doses_enter", "formula")
_WITH: Mapping[str, tuple[str, ...]] = {
    "half_life": ("relaxes_to", "doses_enter"),
    **dict.fromkeys(("absorption_half_life", "to_periphery", "from_periphery", "measured_in"), ("doses_enter",)),
    "available": ("doses_enter",),
    # What is drawn or dosed has no bounds of its own; a formula of it may.
    **dict.fromkeys(("least", "most"), ("relaxes_to", "grows_by", "rate", "becomes", "formula")),
    "stream": ("autoregressive", "arrivals", "steps"),
    "step": ("relaxes_to", "grows_by", "rate", "becomes", "arrivals", "steps"),
}
_TURNS = 3  # in which bounds may become wider step by step
_INF = float("inf")
_MEASURED = {"mg": MASS, "IU": ACTIVITY}


def spelt(key: str) -> str:
    """A key as the file writes it."""
    if key in ("relaxes_to", "grows_by", "doses_enter", "to_periphery", "from_periphery", "measured_in"):
        return key.replace("_", " ")
    others = {"half_life": "half-life", "absorption_half_life": "absorption half-life"}
    return {**others, "least": "at least", "most": "at most"}.get(key, key)


@dataclass
class Fields:
    """The columns of a component, in their order."""

    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> int:
        """A new column; its number."""
        self.names.append(name)
        return len(self.names) - 1


@dataclass
class Carried:
    """What the quantities come to: terms to store at entry, over any interval, in a step of the grid, and at a dose."""

    start: dict[int, ColumnTerm] = field(default_factory=dict)
    always: dict[int, ColumnTerm] = field(default_factory=dict)
    on_grid: dict[int, ColumnTerm] = field(default_factory=dict)
    also_always: list[ColumnTerm] = field(default_factory=list)
    also_on_grid: list[ColumnTerm] = field(default_factory=list)
    doses: dict[int, Callable[[ColumnTerm], ColumnTerm]] = field(default_factory=dict)
    with_paths: bool = False  # whether something is drawn while time passes


class QuantitiesBuilder:
    """Builds the quantities of one model in file order."""

    def __init__(
        self, scope: Scope, streams: Streams, fields: Fields, starts: dict[str, ColumnTerm], now: dict[str, ColumnTerm],
        step: int | None,
    ) -> None:  # fmt: skip
        self.scope, self.streams, self.fields = scope, streams, fields
        self.starts, self.now, self.step = starts, now, step  # terms of names at entry, and later
        self.carried = Carried()
        self.next: dict[str, ColumnTerm] = {}  # terms after the step, of the quantities so far
        self._systems: list[tuple[str, int, Node, QuantityPart, Address]] = []
        self._ends: dict[str, tuple[Node | None, Node | None]] = {}
        self._first: dict[str, Interval] = {}  # what a quantity is between, before it goes anywhere
        self._spans: dict[str, list[Node]] = {}  # what a quantity stays between, besides what it starts with
        self._targets: dict[str, ParsedFormula] = {}
        self._levels: dict[str, ColumnTerm] = {}  # at entry
        self._streams: dict[str, int] = {}

    def build(self, parts: Mapping[str, QuantityPart]) -> None:
        """Take up every quantity; faults where one is none."""
        kinds = {name: self._kind(name, part) for name, part in parts.items()}
        self.scope.below.update(dict.fromkeys(parts, "quantity"))
        declared = [n for n in parts if self.scope.declare(self._at(n), n, "quantity")]
        sound = [n for n in declared if kinds[n] is not None]
        self.scope.broken |= set(parts) - set(sound)
        # The values at entry come first: with them the dimension of everything that has a state is known.
        dimensions = {n: self._start(n, parts[n], str(kinds[n])) for n in sound if kinds[n] != "formula"}
        for name in [n for n in sound if kinds[n] == "formula"]:
            self._formula(name, parts, kinds, set())
        for name in [n for n in sound if kinds[n] == "relaxes_to"]:
            self._aim(name, parts[name], dimensions[name])
        self._settle_intervals()
        for name in sound:
            dimension = dimensions.get(name)
            if kinds[name] == "formula" or dimension is None:
                continue
            if kinds[name] != "rate":
                self._integrate()  # what stands below a rate reads what it has come to
            with self.scope.faults.watch() as here:
                getattr(self, f"_{kinds[name]}")(name, parts[name], dimension)
            if not here.ok:
                self.scope.broken.add(name)
        self._integrate()

    def _at(self, name: str) -> Address:
        return (*self.scope.address, "quantities", name)

    def _kind(self, name: str, part: QuantityPart) -> str | None:
        found = [k for k in KINDS if getattr(part, k) is not None]
        address = self._at(name)
        if len(found) != 1:
            said = f"found {' and '.join(map(spelt, found))}" if found else "found none of them"
            wanted = ", ".join(map(spelt, KINDS))
            self.scope.faults.append(address, f"a quantity is one of {wanted}; {said}", at_key=True)
            return None
        kind = found[0]
        for key, of in _WITH.items():
            if key in part.model_fields_set and kind not in of:
                where = " and ".join(f"'{spelt(k)}'" for k in of)
                self.scope.faults.append((*address, spelt(key)), f"'{spelt(key)}' belongs to {where}", at_key=True)
                return None
        if kind in _WITHOUT_START and part.start is not None:
            self.scope.faults.append((*address, "start"), f"'{spelt(kind)}' has no start of its own", at_key=True)
            return None
        if kind not in _WITHOUT_START and part.start is None:
            self.scope.faults.append(
                address, f"'start' is missing here: its value at entry ('{spelt(kind)}')", at_key=True
            )
            return None
        if kind == "relaxes_to" and part.half_life is None:
            self.scope.faults.append(address, "'half-life' is missing here ('relaxes to')", at_key=True)
            return None
        if kind == "doses_enter" and not self.scope.is_drug:
            self.scope.faults.append((*address, "doses enter"), "doses enter a drug, not a disease", at_key=True)
            return None
        return kind

    # Reading ---------------------------------------------------------------------------------------------------------

    def _meanings(self, **other: ColumnTerm) -> Meanings:
        """What names mean at the end of an interval: quantities that were carried on already have their new value."""
        return Meanings({**self.now, **self.next, **other}, self.scope.formulas, self.scope)

    def _read(
        self, address: Address, text: str | float, dimension: Dimension | None, what: str
    ) -> tuple[ParsedFormula, ColumnTerm] | None:
        formula = self.scope.read(address, text, dimension, what)
        return None if formula is None else (formula, term_of(formula.node, self._meanings()))

    def _bounds(
        self, name: str, part: QuantityPart, dimension: Dimension, *, at_entry: bool = False
    ) -> tuple[ColumnTerm | None, ColumnTerm | None]:
        """The lowest and the highest that a quantity can be, later on or at entry."""
        terms: list[ColumnTerm | None] = []
        nodes: list[Node | None] = []
        found_ends: list[tuple[ParsedFormula, ColumnTerm]] = []
        for key, text in (("at least", part.least), ("at most", part.most)):
            address: Address = (*self._at(name), key)
            found = None if text is None else self.scope.read(address, text, dimension, "as the quantity")
            nodes.append(None if found is None else found.node)
            if found is None:
                terms.append(None)
            else:
                term = self._at_entry(address, found) if at_entry else term_of(found.node, self._meanings())
                terms.append(term)
                found_ends += [] if term is None else [(found, term)]
        if at_entry and len(found_ends) == 2:
            self.scope.in_order((*self._at(name), "at most"), *found_ends)
        self._ends[name] = nodes[0], nodes[1]
        return terms[0], terms[1]

    def _start(self, name: str, part: QuantityPart, kind: str) -> Dimension | None:
        """The value at entry of a quantity that has one; its dimension."""
        address = self._at(name)
        if kind == "doses_enter":
            self.scope.add(name, _MEASURED[part.measured_in], NOT_NEGATIVE)
            self.starts[name] = number(0.0)
            return _MEASURED[part.measured_in]
        if kind == "arrivals":
            self.scope.add(name, NONE, NOT_NEGATIVE)
            self.scope.rising.add(name)
            self.starts[name] = number(0.0)
            return NONE
        if kind in ("steps", "autoregressive"):
            dimension = self._start_of_steps(name, part) if kind == "steps" else self._start_of_noise(name, part)
            if dimension is None:
                self.scope.broken.add(name)
            return dimension
        assert part.start is not None
        start = self.scope.read((*address, "start"), part.start, None, "its value at entry")
        if start is None:
            self.scope.broken.add(name)
            return None
        dimension = start.dimension or NONE
        at_entry = self._at_entry((*address, "start"), start)
        with self.scope.faults.watch() as here:
            low, high = self._bounds(name, part, dimension, at_entry=True)
        if at_entry is None or not here.ok:
            self.scope.broken.add(name)
            return None
        place = self.fields.add(name)
        self.starts[name] = self.carried.start[place] = bounded(at_entry, low, high)
        self.now[name] = field_term(place, changes=True)
        grows = NOT_NEGATIVE if start.interval[0] >= 0.0 else ANYTHING
        self._first[name] = {"relaxes_to": start.interval, "grows_by": grows}.get(kind, ANYTHING)
        self._spans[name] = []
        self.scope.add(name, dimension, self._bounded(name, self._first[name]))
        return dimension

    def _bounded(self, name: str, interval: Interval) -> Interval:
        """An interval within the ends of a quantity, as far as they are known."""
        ends = self._ends.get(name, (None, None))
        return bounded_by(interval, *(None if e is None else bounds_of(e, self.scope.intervals) for e in ends))

    def _at_entry(self, address: Address, formula: ParsedFormula) -> ColumnTerm | None:
        """What a formula is at entry; None, with a fault, where it reads what is not there yet."""
        term = term_of(formula.node, Meanings(self.starts, self.scope.formulas, self.scope))
        # A field that does not change is a column of a file of patients, which is there before all else.
        if any(part.code == code.SIGNAL or (part.code == code.LOAD and part.changes) for part in parts_of(term)):
            said = f"'{formula.text}' reads drugs or enrolment, of which there is nothing at entry"
            self.scope.faults.append(address, said)
            return None
        return term

    def _start_of_steps(self, name: str, part: QuantityPart) -> Dimension | None:
        """The level at entry, and its value."""
        assert part.steps is not None
        address = (*self._at(name), "steps")
        values = [self.scope.read((*address, "levels", k), v) for k, v in part.steps.levels.items()]
        dimensions = {v.dimension for v in values if v is not None}
        if None in values or len(dimensions) != 1:
            if None not in values:
                said = "no level stands here" if not values else "the levels' units do not fit each other"
                self.scope.faults.append((*address, "levels"), said, at_key=True)
            return None
        start = self.scope.read((*address, "start"), part.steps.start, NONE, "the number of a level, from 0")
        level = None if start is None else self._at_entry((*address, "start"), start)
        if start is None or level is None:
            return None
        if not (start.interval[0] >= 0.0 and start.interval[1] <= len(values) - 1):
            said = f"'{start.text}' can be outside of 0 to {len(values) - 1}"
            self.scope.faults.append((*address, "start"), said)
            return None
        part_of_one = apply(code.SUBTRACT, level, apply(code.FLOOR, level))
        whole = replace(start, interval=(0.0, 0.0))  # a number that differs between patients is the level it reaches
        self.scope.within((*address, "start"), whole, part_of_one, 0.0, 0.0, "the number of a level: 0, 1, ...")
        known = [v for v in values if v is not None]
        entered = [self._at_entry((*address, "levels"), v) for v in known]
        if None in entered:
            return None
        self._levels[name] = apply(code.FLOOR, level)
        self.starts[name] = _pick(self._levels[name], [term for term in entered if term is not None])
        self._spans[name], self._first[name] = [v.node for v in known], hull(*(v.interval for v in known))
        dimension = dimensions.pop() or NONE
        self.scope.add(name, dimension, self._first[name])
        return dimension

    def _start_of_noise(self, name: str, part: QuantityPart) -> Dimension | None:
        """A noise at entry."""
        given = part.autoregressive
        assert given is not None
        address = (*self._at(name), "autoregressive")
        sd = self.scope.read((*address, "sd"), given.sd, None, "a standard deviation")
        like = self.scope.read((*address, "correlation"), given.correlation, NONE, "a correlation")
        time = self.scope.read((*address, "over"), given.over, TIME, "the time after which it has it")
        if sd is None or like is None or time is None:
            return None
        self.scope.above_zero((*address, "over"), time)
        if not (like.interval[0] > 0.0 and like.interval[1] < 1.0):
            said = f"'{like.text}' can be outside of 0 to 1, which it must not meet"
            self.scope.faults.append((*address, "correlation"), said)
            return None
        self._streams[name] = self.streams.stream(self._at(name), f"quantity {name}", part.stream)
        terms = [self._at_entry((*address, key), f) for key, f in (("sd", sd), ("correlation", like), ("over", time))]
        if None in terms:
            return None
        self.scope.zero_or_more((*address, "sd"), sd, terms[0] or number(0.0))
        self.starts[name] = self._noise(name, *(term for term in terms if term is not None))
        self.scope.add(name, sd.dimension or NONE, ANYTHING)
        return sd.dimension or NONE

    def _noise(self, name: str, sd: ColumnTerm, like: ColumnTerm, time: ColumnTerm) -> ColumnTerm:
        rate = apply(code.NEGATE, over(apply(code.LOG, like), time))
        return times(sd, apply(code.AUTOREGRESSIVE, rate, data=(float(self._streams[name]),)))

    def _aim(self, name: str, part: QuantityPart, dimension: Dimension | None) -> None:
        """Read where a quantity goes to."""
        assert part.relaxes_to is not None
        if dimension is None:
            return
        target = self.scope.read(
            (*self._at(name), "relaxes to"), part.relaxes_to, dimension, "as the quantity at entry"
        )
        if target is not None:
            self._targets[name], self._spans[name] = target, [target.node]

    def _settle_intervals(self) -> None:
        """Widen what quantities can be by where they go, which may be where others are, until nothing changes."""
        known = self.scope.intervals

        def widened(name: str) -> Interval:
            return hull(self._first[name], *(bounds_of(node, known) for node in self._spans[name]))

        def settle(name: str, low: float, high: float) -> None:
            known[name] = self._bounded(name, (low, high))
            known.update({n: bounds_of(node, known) for n, node in self.scope.formulas.items() if n in known})

        for turn in count():
            before = dict(known)
            for name in self._spans:
                low, high = hull(known[name], widened(name))
                if turn >= _TURNS:  # they drive each other on
                    low, high = low if low == known[name][0] else -_INF, high if high == known[name][1] else _INF
                settle(name, low, high)
            if known == before:
                break
        for name in [*self._spans] * _TURNS:  # bounds of one may hold the others in
            settle(name, *widened(name))

    def _formula(
        self, name: str, parts: Mapping[str, QuantityPart], kinds: Mapping[str, str | None], above: set[str]
    ) -> None:
        """Take up a formula, after those that it reads, wherever they stand; a circle is refused."""
        if name in self.scope.formulas or name in self.scope.broken:
            return
        part, address = parts[name], (*self._at(name), "formula")
        assert part.formula is not None
        try:
            reads = names_in(parse(self.scope.without_forms(part.formula)))
        except RuleError:
            reads = ()  # the fault is told where it is read below
        for other in reads:
            if other in above or other == name:
                circle = " -> ".join([*sorted(above | {name}), other])
                self.scope.faults.append(address, f"formulas go in a circle: {circle}")
                self.scope.broken |= above | {name}
                return
            if kinds.get(other) == "formula":
                self._formula(other, parts, kinds, above | {name})
        if name in self.scope.broken:
            return
        formula = self.scope.read(address, part.formula)
        if formula is None:
            self.scope.broken.add(name)
            return
        node, ends = formula.node, []
        for key, text, which in (("at least", part.least, "max"), ("at most", part.most, "min")):
            if text is not None:
                bound = self.scope.read((*self._at(name), key), text, formula.dimension, "as the quantity")
                if bound is None:
                    self.scope.broken.add(name)
                    return
                node = Call(which, (node, bound.node))
                ends.append((bound, term_of(bound.node, Meanings(self.starts, self.scope.formulas, self.scope))))
        if len(ends) == 2:
            self.scope.in_order((*self._at(name), "at most"), *ends)
        self.scope.add(name, formula.dimension or NONE, bounds_of(node, self.scope.intervals))
        self.scope.formulas[name] = node

    # Carrying on -----------------------------------------------------------------------------------------------------

    def _store(self, name: str, part: QuantityPart, dimension: Dimension, value: ColumnTerm, *, driven: bool) -> None:
        """The quantity after the interval, stored with what is carried on always, or in steps."""
        low, high = self._bounds(name, part, dimension)
        place = int(self.now[name].data[0])
        value = bounded(value, low, high)
        driven = driven or self.step is None
        (self.carried.on_grid if driven else self.carried.always)[place] = value
        # What is carried on by itself has been stored before a step of the grid begins.
        self.next[name] = value if driven else self.now[name]

    def _driven(self, name: str, part: QuantityPart, dimension: Dimension, *terms: ColumnTerm) -> bool:
        """Whether a quantity goes by steps of the grid: one of these terms changes, or one of its ends."""
        return any(t is not None and t.changes for t in (*terms, *self._bounds(name, part, dimension)))

    def _time(self, *, driven: bool) -> ColumnTerm:
        """How long an interval is."""
        return number(float(self.step)) if driven and self.step is not None else apply(code.ELAPSED)

    def _relaxes_to(self, name: str, part: QuantityPart, dimension: Dimension) -> None:
        address = self._at(name)
        assert part.half_life is not None
        aim = self._targets.get(name)
        half = self._read((*address, "half-life"), part.half_life, TIME, "a half-life")
        if aim is None or half is None:
            self.scope.faults.unsound()
            return
        target = term_of(aim.node, self._meanings())
        self.scope.above_zero((*address, "half-life"), half[0])
        driven = self._driven(name, part, dimension, target, half[1])
        kept = exponential(apply(code.NEGATE, over(times(number(LN2), self._time(driven=driven)), half[1])))
        value = plus(target, times(minus(self.now[name], target), kept))
        self._store(name, part, dimension, value, driven=driven)

    def _grows_by(self, name: str, part: QuantityPart, dimension: Dimension) -> None:
        assert part.grows_by is not None
        growth = self._read((*self._at(name), "grows by"), part.grows_by, RATE, "a rate of growth")
        if growth is None:
            return
        driven = self._driven(name, part, dimension, growth[1])
        value = times(self.now[name], exponential(times(growth[1], self._time(driven=driven))))
        self._store(name, part, dimension, value, driven=driven)

    def _becomes(self, name: str, part: QuantityPart, dimension: Dimension) -> None:
        assert part.becomes is not None
        value = self._read((*self._at(name), "becomes"), part.becomes, dimension, "as the quantity at entry")
        if value is not None:
            self._store(name, part, dimension, value[1], driven=True)

    def _rate(self, name: str, part: QuantityPart, dimension: Dimension) -> None:
        """Of a system of differential equations: rates that stand in a row are integrated together."""
        assert part.rate is not None
        per_time = combine(dimension, TIME, -1)
        found = self._read((*self._at(name), "rate"), part.rate, per_time, "the quantity's change per time")
        if found is not None:
            self._systems.append((name, int(self.now[name].data[0]), found[0].node, part, self._at(name)))

    def _integrate(self) -> None:
        """One step of Runge and Kutta's fourth order of rates in a row; of Euler's where every interval is one."""
        if not self._systems:
            return
        systems, self._systems = self._systems, []
        step = self._time(driven=True)
        names = [name for name, *_ in systems]
        at = {name: self.now[name] for name in names}

        def slopes(values: Mapping[str, ColumnTerm]) -> dict[str, ColumnTerm]:
            meanings = self._meanings(**values)
            return {name: term_of(node, meanings) for name, _, node, _, _ in systems}

        if self.step is None:
            first = slopes(at)
            after = {n: plus(at[n], times(first[n], step)) for n in names}
        else:
            half = times(step, number(0.5))
            one = slopes(at)
            two = slopes({n: plus(at[n], times(one[n], half)) for n in names})
            three = slopes({n: plus(at[n], times(two[n], half)) for n in names})
            four = slopes({n: plus(at[n], times(three[n], step)) for n in names})
            sixth = over(step, number(6.0))
            middle = {n: times(number(2.0), plus(two[n], three[n])) for n in names}
            after = {n: plus(at[n], times(sixth, plus(plus(one[n], middle[n]), four[n]))) for n in names}
        for name, place, _, part, _ in systems:
            low, high = self._bounds(name, part, self.scope.dimensions[name])
            self.carried.on_grid[place] = self.next[name] = bounded(after[name], low, high)

    # Random paths ----------------------------------------------------------------------------------------------------

    def _autoregressive(self, name: str, part: QuantityPart, dimension: Dimension) -> None:
        given, address = part.autoregressive, (*self._at(name), "autoregressive")
        assert given is not None
        sd = self._read((*address, "sd"), given.sd, dimension, "a standard deviation")
        like = self._read((*address, "correlation"), given.correlation, NONE, "a correlation")
        time = self._read((*address, "over"), given.over, TIME, "the time after which it has it")
        assert sd is not None
        assert like is not None
        assert time is not None
        if like[1].changes or time[1].changes:
            said = "its correlation changes with time, which a path that is the same at every look cannot"
            self.scope.faults.append(address, said, at_key=True)
        self.now[name] = self._noise(name, sd[1], like[1], time[1])
        self.carried.with_paths = True

    def _arrivals(self, name: str, part: QuantityPart, dimension: Dimension) -> None:  # noqa: ARG002
        assert part.arrivals is not None
        rate = self._read((*self._at(name), "arrivals"), part.arrivals, RATE, "a rate")
        stream = self.streams.stream(self._at(name), f"quantity {name}", part.stream)
        if rate is None:
            return
        self.scope.not_negative((*self._at(name), "arrivals"), rate[0], "a rate")
        spent = self.fields.add(f"{name} (hazard so far)")
        self.fields.add(f"{name} (hazard of the next)")
        arrived = self.fields.add(name)
        driven = rate[1].changes or self.step is None
        hazard = times(rate[1], self._time(driven=driven))
        term = apply(code.ARRIVALS, hazard, data=(float(stream), float(spent)))
        (self.carried.also_on_grid if driven else self.carried.also_always).append(term)
        self.now[name] = field_term(arrived, changes=True)
        self.next[name] = term if driven else self.now[name]
        self.carried.with_paths = True

    def _steps(self, name: str, part: QuantityPart, dimension: Dimension) -> None:
        given, address = part.steps, (*self._at(name), "steps")
        assert given is not None
        levels = list(given.levels)
        rates = {(a, b): number(0.0) for a in levels for b in levels}
        for left, others in given.rates.items():
            for entered, text in others.items():
                place: Address = (*address, "rates", left, entered)
                for level in (left, entered):
                    if level not in levels:
                        self.scope.faults.append(
                            place, f"no level '{level}' is declared; levels: {', '.join(levels)}", at_key=True
                        )
                        return
                rate = self._read(place, text, RATE, "a rate")
                if rate is None:
                    return
                self.scope.not_negative(place, rate[0], "a rate")
                if left == entered:
                    self.scope.faults.append(place, "a step leads to another level", at_key=True)
                rates[left, entered] = rate[1]
        stream = self.streams.stream(self._at(name), f"quantity {name}", part.stream, several=2)
        place_of_level = self.fields.add(f"{name} (level)")
        for more in ("hazard so far", "hazard of the next", "steps so far"):
            self.fields.add(f"{name} ({more})")
        self.carried.start[place_of_level] = self._levels[name]
        driven = any(r.changes for r in rates.values()) or self.step is None
        data = (float(stream), float(place_of_level), float(len(levels)))
        term = apply(code.STEPS, self._time(driven=driven), *rates.values(), data=data)
        (self.carried.also_on_grid if driven else self.carried.also_always).append(term)
        self.carried.with_paths = True
        values = [self._read((*address, "levels", k), v, dimension, "a level")[1] for k, v in given.levels.items()]  # type: ignore[index]
        self.now[name] = _pick(field_term(place_of_level, changes=True), values)
        self.next[name] = _pick(term, values) if driven else self.now[name]

    # Doses -----------------------------------------------------------------------------------------------------------

    def _doses_enter(self, name: str, part: QuantityPart, dimension: Dimension) -> None:  # noqa: ARG002
        address = self._at(name)

        def read(key: str, text: str | float, wants: Dimension, what: str) -> ColumnTerm | None:
            found = self._read((*address, key), text, wants, what)
            if found is None:
                return None
            if found[1].changes:
                self.scope.faults.append((*address, key), f"'{text}' changes with time; kinetics need it constant")
            (self.scope.not_negative if wants == NONE else self.scope.above_zero)((*address, key), found[0])
            if wants == NONE:
                self.scope.share((*address, key), *found)
            return found[1]

        def missing(key: str) -> None:
            self.scope.faults.append(address, f"'{key}' is missing here", at_key=True)

        made = compartments(name, part, read, missing, self.fields.add)
        if made is None:
            return
        for place, value in made.always.items():
            self.carried.start[place] = number(0.0)
            self.carried.always[place] = value
        self.carried.doses.update(made.doses)
        self.now[name] = field_term(made.central, changes=True)
        self.next[name] = self.now[name]


def _pick(level: ColumnTerm, values: list[ColumnTerm]) -> ColumnTerm:
    """The value of a level."""
    chosen = values[-1]
    for number_, value in reversed(list(enumerate(values[:-1]))):
        chosen = apply(code.CHOOSE, apply(code.EQUAL, level, number(float(number_))), value, chosen)
    return chosen
