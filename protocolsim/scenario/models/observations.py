"""The assessments of a declared model: what is shown of each variable, and how it differs from what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from protocolsim.component import Variable
from protocolsim.model import instructions as code
from protocolsim.model.terms import ColumnTerm, apply, number, term_of, uniform_of_use
from protocolsim.model.terms import field as field_term
from protocolsim.protocol.intervals import ANYTHING, NOT_NEGATIVE, TRUTH, Interval, bounded_by, hull
from protocolsim.protocol.rules import Name
from protocolsim.scenario.file.model_schema import ErrorPart, ObservationPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.models.draws import Streams, bounded, drawn, exponential, log_sd, minus, over, plus, times
from protocolsim.scenario.models.quantities import Fields
from protocolsim.scenario.models.scope import Meanings, ParsedFormula, Scope, unit_dimension
from protocolsim.units import NONE, Dimension, base_unit, dimension_name, unit_product

_ERRORS = ("normal", "lognormal", "negative_binomial", "binomial")
_INF = float("inf")


@dataclass(frozen=True)
class DeclaredVariable:
    """One variable of an assessment: how it is declared, what is seen and what is behind it, as terms."""

    variable: Variable
    value: ColumnTerm
    truth: ColumnTerm


class ObservationsBuilder:
    """Builds the variables of one assessment."""

    def __init__(self, scope: Scope, streams: Streams, fields: Fields, meanings: Meanings, assessment: str) -> None:
        self.scope, self.streams, self.fields, self.meanings = scope, streams, fields, meanings
        self.assessment = assessment
        self.stores: dict[int, ColumnTerm] = {}
        self._seen: dict[str, ColumnTerm] = {}
        self._dimensions: dict[str, Dimension] = {}

    def build(self, parts: Mapping[str, ObservationPart]) -> list[DeclaredVariable]:
        """Every variable that is sound."""
        made = []
        for name, part in parts.items():
            address: Address = (*self.scope.address, "assessments", self.assessment, name)
            with self.scope.faults.watch() as here:
                observed = self._observed(address, name, part)
            if observed is not None and here.ok:
                made.append(observed)
        return made

    def _read(
        self, address: Address, text: str | float, dimension: Dimension | None, what: str
    ) -> tuple[ParsedFormula, ColumnTerm] | None:
        formula = self.scope.read(address, text, dimension, what)
        return None if formula is None else (formula, term_of(formula.node, self.meanings))

    def _observed(self, address: Address, name: str, part: ObservationPart) -> DeclaredVariable | None:
        shows = self._read((*address, "shows"), part.shows, None, "what is behind it")
        if shows is None:
            return None
        dimension = shows[0].dimension or NONE
        fits = unit_dimension(self.scope.faults, (*address, "unit"), part.unit, dimension)
        if fits is not None and fits not in (dimension, NONE):
            said = f"expected a unit of {dimension_name(dimension)}, as it shows, found '{part.unit}'"
            self.scope.faults.append((*address, "unit"), said)
            return None
        truth = shows[1]
        if part.since_last:
            last = self.fields.add(f"{self.assessment}.{name} (at the last)")
            self.stores[last] = truth
            truth = minus(truth, field_term(last, changes=True))
            low, high = shows[0].interval
            rises = isinstance(shows[0].node, Name) and shows[0].node.name in self.scope.rising
            # At the first look the last was 0.
            between = NOT_NEGATIVE if rises else hull(shows[0].interval, (low - high, high - low))
            shows = replace(shows[0], interval=between), truth
        key = f"{self.assessment}.{name}"
        erred = self._with_error(address, key, part, truth, shows[0])
        if erred is None:
            return None
        value, interval, whole = erred
        value, interval, whole = self._shown(address, part, dimension, value, interval, whole)
        value = self._missing(address, key, part, value)
        self._seen[name], self._dimensions[name] = value, NONE if part.cuts else dimension
        factor = unit_product(part.unit).value if part.unit and fits == dimension != NONE else 1.0
        unit = part.unit or base_unit(dimension)
        if factor != 1.0:
            value, truth = (apply(code.DIVIDE, term, number(factor)) for term in (value, truth))
            interval = interval[0] / factor, interval[1] / factor
        low, high = interval
        return DeclaredVariable(
            Variable(name, unit, part.meaning, low, high, whole and factor == 1.0, part.missing != 0, part.label or ""),
            value,
            truth,
        )

    # Errors ----------------------------------------------------------------------------------------------------------

    def _with_error(
        self, address: Address, key: str, part: ObservationPart, truth: ColumnTerm, shows: ParsedFormula
    ) -> tuple[ColumnTerm, Interval, bool] | None:
        """What is seen before it is rounded and bounded; its bounds, and whether it is a whole number."""
        error, place = part.error, (*address, "error")
        if error is None:
            return truth, shows.interval, False
        u = uniform_of_use(self.streams.stream(address, key, part.stream))
        counts = isinstance(error, str) or error.negative_binomial is not None or error.binomial is not None
        if counts and shows.dimension != NONE:
            self.scope.faults.append(
                (*address, "shows"), f"a count has no unit; found {dimension_name(shows.dimension or NONE)}"
            )
            return None
        if error == "poisson":
            return apply(code.POISSON, u, truth), NOT_NEGATIVE, True
        if error == "bernoulli":
            self.scope.share((*address, "shows"), shows, truth)
            return drawn(u, truth), TRUTH, True
        assert isinstance(error, ErrorPart)
        given = [k for k in _ERRORS if getattr(error, k) is not None]
        if len(given) != 1:
            self.scope.faults.append(
                place, "an error is one of normal, lognormal, negative binomial and binomial", at_key=True
            )
            return None
        if error.normal is not None:
            sd = self._read((*place, "normal", "sd"), error.normal.sd, shows.dimension, "as what it shows")
            if sd is not None:
                self.scope.zero_or_more((*place, "normal", "sd"), *sd)
            return None if sd is None else (plus(truth, times(sd[1], apply(code.NORMAL, u))), ANYTHING, False)
        if error.lognormal is not None:
            cv = self._read((*place, "lognormal", "cv"), error.lognormal.cv, NONE, "a coefficient of variation")
            if cv is None:
                return None
            self.scope.zero_or_more((*place, "lognormal", "cv"), *cv)
            sd_log = log_sd(cv[1])
            shift = times(times(number(0.5), sd_log), sd_log)
            value = times(truth, exponential(minus(times(sd_log, apply(code.NORMAL, u)), shift)))
            return value, NOT_NEGATIVE if shows.interval[0] >= 0.0 else ANYTHING, False
        if error.negative_binomial is not None:
            size = self._read((*place, "negative binomial", "size"), error.negative_binomial.size, NONE, "its size")
            if size is not None:
                self.scope.positive((*place, "negative binomial", "size"), *size)
            return None if size is None else (apply(code.NEGATIVE_BINOMIAL, u, truth, size[1]), NOT_NEGATIVE, True)
        assert error.binomial is not None
        of = self._read((*place, "binomial", "of"), error.binomial.of, NONE, "how many are looked at")
        if of is None:
            return None
        self.scope.zero_or_more((*place, "binomial", "of"), *of)
        self.scope.share((*address, "shows"), shows, truth)
        number_of = apply(code.FLOOR, of[1])
        return apply(code.BINOMIAL, u, number_of, truth), (0.0, max(0.0, of[0].interval[1])), True

    def _shown(
        self,
        address: Address,
        part: ObservationPart,
        dimension: Dimension,
        value: ColumnTerm,
        interval: Interval,
        whole: bool,
    ) -> tuple[ColumnTerm, Interval, bool]:
        """What is seen on the scale: its categories, its steps, its ends, its limit of detection."""
        if part.cuts:
            cuts = [self._read((*address, "cuts", k), text, dimension, "a cut") for k, text in enumerate(part.cuts)]
            reached = number(0.0)
            for cut in cuts:
                if cut is not None:
                    reached = plus(reached, apply(code.LESS_OR_EQUAL, cut[1], value))
            value, interval, whole, dimension = reached, (0.0, float(len(cuts))), True, NONE
        if part.rounded_to is not None:
            step = self._read((*address, "rounded to"), part.rounded_to, dimension, "the step of the scale")
            if step is not None and step[0].interval[0] <= 0.0:
                self.scope.faults.append((*address, "rounded to"), f"'{step[0].text}' can be 0 or negative")
            elif step is not None:
                value, half = apply(code.ROUND, value, step[1]), step[0].interval[1] / 2.0
                lowest = interval[0] - half
                interval = max(0.0, lowest) if interval[0] >= 0.0 else lowest, interval[1] + half
                low, high = step[0].interval
                whole = low == high == int(low) if high < _INF else False
        ends: list[ColumnTerm | None] = []
        found: list[tuple[ParsedFormula, ColumnTerm]] = []
        for key, text in (("at least", part.least), ("at most", part.most)):
            end = None if text is None else self._read((*address, key), text, dimension, "an end of the scale")
            ends.append(None if end is None else end[1])
            if end is not None:
                held = end[0].interval
                interval = bounded_by(interval, *((held, None) if key == "at least" else (None, held)))
                whole = whole and end[0].interval[0] == end[0].interval[1] == int(end[0].interval[0])
            found += [] if end is None else [end]
        if len(found) == 2:
            self.scope.in_order((*address, "at most"), *found)
        value = bounded(value, *ends)
        if part.below is not None:
            limit = self._read((*address, "below", "limit"), part.below.limit, dimension, "a limit of detection")
            instead = self._read((*address, "below", "shown as"), part.below.shown_as, dimension, "what is recorded")
            if limit is not None and instead is not None:
                value = apply(code.CHOOSE, apply(code.LESS, value, limit[1]), instead[1], value)
                interval = hull(instead[0].interval, (max(interval[0], limit[0].interval[0] - 1e-9), interval[1]))
                whole = whole and instead[0].interval[0] == instead[0].interval[1] == int(instead[0].interval[0])
        return value, interval, whole

    def _missing(self, address: Address, key: str, part: ObservationPart, value: ColumnTerm) -> ColumnTerm:
        if part.missing == 0:
            return value
        # It may read what is seen of the variables above it.
        scope = replace(self.scope, dimensions={**self.scope.dimensions, **self._dimensions})
        formula = scope.read((*address, "missing"), part.missing, NONE, "a probability")
        if formula is None:
            return value
        probability = term_of(formula.node, self.meanings.with_(**self._seen))
        self.scope.share((*address, "missing"), formula, probability)
        lost = drawn(uniform_of_use(self.streams.stream(address, f"{key} missing")), probability)
        return apply(code.CHOOSE, lost, over(number(0.0), number(0.0)), value)
