"""The names of one declared model, what they mean, and how its formulas are read.

A formula is an expression of the rule language, and may also say `sum of(signal)`, `on(drug)`, `dose of(drug)`, `time
since entry` and `time since enrolment`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from protocolsim.component import ENROLMENT, level_of
from protocolsim.errors import RuleError, nearest, unknown
from protocolsim.model import instructions as code
from protocolsim.model.terms import ColumnTerm, apply, number, term_of
from protocolsim.model.terms import field as field_term
from protocolsim.protocol.intervals import ANYTHING, Interval, bounds_of
from protocolsim.protocol.rules import RESERVED, Node, dimension_of, names_in, parse
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.build.values.names import NAME
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import NONE, TIME, Dimension, UnitError, dimension_name, unit_product

_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("sum of", re.compile(r"\bsum\s+of\s*\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*\)")),
    ("dose of", re.compile(r"\bdose\s+of\s*\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*\)")),
    ("on", re.compile(r"\bon\s*\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*\)")),
    ("time since", re.compile(r"\btime\s+since\s+(entry|enrolment)\b")),
)
TRUTH_WANTED = "a comparison"
_INF, _LEAST, _ROUNDING = float("inf"), 1e-300, 1e-9


@dataclass(frozen=True)
class Condition:
    """What must hold of parameters: a constant that lies within bounds; else these words, at this place."""

    address: Address
    constant: ColumnTerm
    low: float
    high: float
    message: str


@dataclass(frozen=True)
class ParsedFormula:
    """An expression that was read: its tree, its dimension (None: true or false), what it can come to, and its text."""

    node: Node
    dimension: Dimension | None
    interval: Interval
    text: str


class Meanings(Mapping[str, ColumnTerm]):
    """What names mean at one moment of a program: terms, and formulas that are put in where they are read."""

    def __init__(self, terms: Mapping[str, ColumnTerm], formulas: Mapping[str, Node], scope: Scope) -> None:
        self._terms, self._formulas, self._scope = dict(terms), formulas, scope

    def __getitem__(self, name: str) -> ColumnTerm:
        open_ = [name]  # formulas may read each other in long chains
        while open_:
            top = open_.pop()
            if top in self._terms:
                continue
            if top not in self._formulas:
                self._terms[top] = self._scope.special(top)
                continue
            wanted = [n for n in names_in(self._formulas[top]) if n not in self._terms]
            if wanted:
                open_ += [top, *wanted]
            else:
                self._terms[top] = term_of(self._formulas[top], self._terms)
        return self._terms[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._terms, **self._formulas})

    def __len__(self) -> int:
        return len({**self._terms, **self._formulas})

    def with_(self, **terms: ColumnTerm) -> Meanings:
        """The same, but for these names; formulas are read with them."""
        own = {name: term for name, term in self._terms.items() if name not in self._formulas}
        return Meanings({**own, **terms}, self._formulas, self._scope)


@dataclass
class Scope:
    """Every name of a model so far: its dimension and bounds; names that stand below; the signals that it reads."""

    faults: Faults
    address: Address
    is_drug: bool
    signals: Mapping[str, Dimension] = field(default_factory=dict)
    dimensions: dict[str, Dimension] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    formulas: dict[str, Node] = field(default_factory=dict)
    below: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    rising: set[str] = field(default_factory=set)  # what never becomes less
    reads: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    reads_dose: bool = False  # whether a formula reads the dose in force
    conditions: list[Condition] = field(default_factory=list)

    def add(self, name: str, dimension: Dimension, interval: Interval = ANYTHING) -> None:
        """Let a name be known from here on."""
        self.below.pop(name, None)
        self.dimensions[name], self.intervals[name] = dimension, interval

    def declare(self, address: Address, name: str, what: str) -> bool:
        """Whether a name can be one, and is new; a fault where not."""
        why = None
        if not NAME.fullmatch(name):
            why = f"'{name}' cannot stand in a formula; use letters, digits and _"
        elif name in RESERVED or name in ("dose", "on"):
            why = f"'{name}' means something in formulas already"
        elif name in self.dimensions or (name in self.below and self.below[name] != what):
            why = f"'{name}' stands in this model twice"
        if why is not None:
            self.faults.append(address, why, at_key=True)
        return why is None

    def read(
        self, address: Address, text: str | float, wants: Dimension | str | None = None, what: str = ""
    ) -> ParsedFormula | None:
        """A formula over the names so far, of a dimension where one is wanted; None, with a fault noted."""
        try:
            node = parse(self.without_forms(text))
            known = self._known(address, names_in(node))
            if not known:
                return None
            dimension = dimension_of(node, self.dimensions)
        except RuleError as error:
            self.faults.append(address, self._as_written(str(error)))
            return None
        behind = f" ({what})" if what else ""
        if (dimension is None) != (wants == TRUTH_WANTED):
            wanted, found = ("a comparison", "a number") if dimension is not None else ("a number", "a comparison")
            self.faults.append(address, f"expected {wanted}, found {found}: '{text}'{behind}")
            return None
        if isinstance(wants, tuple) and dimension != wants and not (node_is_zero(node) and dimension == NONE):
            said = f"expected {dimension_name(wants)}, found '{text}', {dimension_name(dimension or NONE)}{behind}"
            self.faults.append(address, said)
            return None
        return ParsedFormula(node, dimension, bounds_of(node, self.intervals), str(text))

    def _known(self, address: Address, names: tuple[str, ...]) -> bool:
        sound = True
        for name in names:
            if name in self.dimensions and name not in self.broken:
                continue
            sound = False
            if name in self.broken:
                self.faults.unsound()
            elif name in self.below:
                self.faults.append(address, f"'{name}' stands below; a formula reads what stands above it")
            elif name.startswith("_form_"):
                self._learn(address, name)
                sound = name in self.dimensions
            else:
                self.faults.append(address, unknown("name", name, [n for n in self.dimensions if n[0] != "_"]))
        return sound

    # What must hold --------------------------------------------------------------------------------------------------

    def above_zero(self, address: Address, formula: ParsedFormula) -> None:
        """Note a fault where a formula that must be above 0 may not be."""
        if formula.interval[0] < 0.0 or formula.interval[1] <= 0.0:
            self.faults.append(address, f"'{formula.text}' can be 0 or negative; expected what is always above 0")

    def not_negative(self, address: Address, formula: ParsedFormula, what: str = "") -> None:
        """Note a fault where a formula that must not be negative may be; `what`: what it is, in time."""
        if formula.interval[0] < 0.0:
            wanted = "; expected what is 0 or more"
            if what:
                wanted = f", and {what} is 0 or more; bound it, as in max(0 / week, ...)"
            self.faults.append(address, f"'{formula.text}' can be negative{wanted}")

    def within(
        self, address: Address, formula: ParsedFormula, term: ColumnTerm, low: float, high: float, expected: str
    ) -> None:
        """Hold a formula to bounds: of constants at whatever the parameters are, else where it is beyond for sure."""
        said = f"'{formula.text}' cannot stand here; expected {expected}"
        if term.is_constant:
            self.conditions.append(Condition(address, term, low, high, said))
        elif -_INF < formula.interval[1] < low or high < formula.interval[0] < _INF:  # log(-1) lies nowhere
            self.faults.append(address, said)

    def share(self, address: Address, formula: ParsedFormula, term: ColumnTerm) -> None:
        """Hold a formula to what a probability can be."""
        self.within(address, formula, term, -_ROUNDING, 1.0 + _ROUNDING, "a share from 0 to 1 (100 %)")

    def zero_or_more(self, address: Address, formula: ParsedFormula, term: ColumnTerm) -> None:
        """Hold a formula to what is not below 0: a standard deviation, a rate."""
        self.within(address, formula, term, 0.0, _INF, "what is 0 or more")

    def positive(self, address: Address, formula: ParsedFormula, term: ColumnTerm) -> None:
        """Hold a formula to what is above 0."""
        self.within(address, formula, term, _LEAST, _INF, "what is above 0")

    def in_order(
        self, address: Address, low: tuple[ParsedFormula, ColumnTerm], high: tuple[ParsedFormula, ColumnTerm]
    ) -> None:
        """Hold two ends to their order: the lower one, and the higher one, whose place this is."""
        (least, lower), (most, higher) = low, high
        room = apply(code.SUBTRACT, higher, lower)
        between = most.interval[0] - least.interval[1], most.interval[1] - least.interval[0]
        self.within(address, replace(most, interval=between), room, 0.0, _INF, f"no less than '{least.text}'")

    # Forms -----------------------------------------------------------------------------------------------------------

    def without_forms(self, text: str | float) -> str | float:
        """The text with each form as one name."""
        if not isinstance(text, str):
            return text
        for word, pattern in _FORMS:
            text = pattern.sub(rf"_form_{word.replace(' ', '_')}_0_\1", text)
        return text

    @staticmethod
    def _as_written(message: str) -> str:
        """A message with the forms as they were written."""
        return re.sub(
            r"_form_([a-z_]+)_0_(\w+)",
            lambda m: f"time since {m[2]}" if m[1] == "time_since" else f"{m[1].replace('_', ' ')}({m[2]})",
            message,
        )

    def _learn(self, address: Address, name: str) -> None:
        """Take up a form: what the component reads for it, and its dimension."""
        form, _, of = name.removeprefix("_form_").partition("_0_")
        if form == "time_since":
            self.add(name, TIME, (0.0, float("inf")))
            if of == ENROLMENT:
                self._read(ENROLMENT)
        elif self.is_drug:
            self.faults.append(address, f"'{form.replace('_', ' ')}({of})' belongs to a disease; a drug says 'dose'")
        elif form == "sum_of":
            if self.signals and of not in self.signals:
                close = nearest(of, self.signals)
                hint = f"; did you mean '{close}'?" if close else f"; declared: {', '.join(self.signals)}"
                self.faults.append(address, f"no signal '{of}' is declared{hint}")
                return
            self.add(name, self.signals.get(of, NONE))
            self._read(of)
        else:
            self.add(name, NONE, (0.0, 1.0 if form == "on" else float("inf")))
            self._read(level_of(of))

    def _read(self, signal: str) -> None:
        if signal not in self.reads:
            self.reads.append(signal)

    def special(self, name: str) -> ColumnTerm:
        """The term of a form, of what a drug needs of the disease, or of a drug's own dose."""
        if name in self.needs:
            return apply(code.NEED, data=(float(self.needs.index(name)),))
        if name in ("dose", "on"):
            self.reads_dose |= name == "dose"
            level = field_term(0, changes=True)
            return level if name == "dose" else apply(code.LESS, number(0.0), level)
        form, _, of = name.removeprefix("_form_").partition("_0_")
        if form == "time_since" and of == "entry":
            return apply(code.UNTIL)
        signal = ENROLMENT if form == "time_since" else of if form == "sum_of" else level_of(of)
        column = apply(code.SIGNAL, data=(float(self.reads.index(signal)),))
        if form == "time_since":
            return apply(code.SUBTRACT, apply(code.UNTIL), column)
        return apply(code.LESS, number(0.0), column) if form == "on" else column


def node_is_zero(node: Node) -> bool:
    """Whether an expression is the number 0, which needs no unit."""
    return getattr(node, "value", None) == 0.0


def unit_dimension(faults: Faults, address: Address, unit: str | None, otherwise: Dimension) -> Dimension | None:
    """The dimension of a written unit; a word that is no unit counts plain numbers. None, with a fault noted."""
    if unit is None:
        return otherwise
    try:
        return unit_product(unit).dimension
    except UnitError as error:
        if re.search(r"[*/0-9]", unit):
            faults.append(address, str(error))
            return None
        return NONE
