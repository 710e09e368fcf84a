"""The traits of a declared model: what each patient brings, drawn once at entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from protocolsim.model import instructions as code
from protocolsim.model.terms import ColumnTerm, apply, number, term_of, uniform
from protocolsim.protocol.intervals import NOT_NEGATIVE, TRUTH, Interval, bounded_by, bounds_of, hull
from protocolsim.scenario.file.model_schema import TraitPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.models.draws import (
    Streams,
    bounded,
    cut,
    cut_score,
    drawn,
    exponential,
    log_sd,
    minus,
    over,
    plus,
    times,
)
from protocolsim.scenario.models.scope import Condition, Meanings, ParsedFormula, Scope
from protocolsim.units import NONE, Dimension

_INF, _TINY = float("inf"), 1e-300
KINDS = ("normal", "lognormal", "uniform", "beta", "gamma", "exponential", "bernoulli", "poisson", "categories",
         "formula")  # fmt: skip
_CUT = ("normal", "lognormal", "uniform", "beta", "gamma", "exponential")
_SCORED = ("normal", "lognormal", *_CUT)


@dataclass(frozen=True)
class DrawnTrait:
    """One trait: the term that is stored, its dimension, and what it can be."""

    name: str
    part: TraitPart
    value: ColumnTerm
    dimension: Dimension
    interval: Interval
    whole: bool


class TraitsBuilder:
    """Builds the traits of one model in file order; each may read those above it."""

    def __init__(self, scope: Scope, streams: Streams, terms: dict[str, ColumnTerm]) -> None:
        self.scope, self.streams, self.terms = scope, streams, terms
        self.traits: list[DrawnTrait] = []
        self._scores: dict[str, ColumnTerm] = {}  # of traits with a distribution: the independent normal scores
        self._rows: dict[str, dict[str, ColumnTerm]] = {}  # how a correlated score is made of independent ones
        self._correlations: dict[tuple[str, str], ColumnTerm] = {}

    def build(self, parts: Mapping[str, TraitPart]) -> None:
        """Take up every trait; faults where one is none."""
        self.scope.below.update(dict.fromkeys(parts, "trait"))
        in_use = {name for p in parts.values() for name in p.correlated} | {n for n, p in parts.items() if p.correlated}
        for name, part in parts.items():
            address: Address = (*self.scope.address, "traits", name)
            if not self.scope.declare(address, name, "trait"):
                continue
            with self.scope.faults.watch() as here:
                trait = self._trait(address, name, part, correlated=name in in_use)
            if trait is not None and trait.value.changes:
                said = "a trait is drawn once, at entry, and this changes with time; a quantity may read it"
                self.scope.faults.append(address, said, at_key=True)
            if trait is None or not here.ok:
                self.scope.broken.add(name)
                self.scope.below.pop(name, None)
                continue
            self.scope.add(name, trait.dimension, trait.interval)
            self.terms[name] = trait.value
            self.traits.append(trait)

    def _trait(self, address: Address, name: str, part: TraitPart, *, correlated: bool) -> DrawnTrait | None:
        kinds = [k for k in KINDS if getattr(part, k) is not None]
        if len(kinds) != 1:
            said = f"found {' and '.join(kinds)}" if kinds else "found none of them"
            self.scope.faults.append(address, f"a trait is one of {', '.join(KINDS)}; {said}", at_key=True)
            return None
        kind = kinds[0]
        if part.correlated and kind not in _SCORED:
            self.scope.faults.append((*address, "correlated with"), f"'{kind}' has no correlation", at_key=True)
            return None
        if kind == "formula":
            if part.stream is not None:
                self.scope.faults.append((*address, "stream"), "'formula' draws nothing", at_key=True)
            return self._formula(address, name, part)
        u = uniform(self.streams.stream(address, f"trait {name}", part.stream))
        score = None
        if correlated and kind in _SCORED:
            score = self._score(address, name, part, u)
            if score is None:
                return None
            u = apply(code.NORMAL_BELOW, score)
        build: Callable[[Address, str, TraitPart, ColumnTerm, ColumnTerm | None], DrawnTrait | None] = getattr(
            self, f"_{kind}"
        )
        return build(address, name, part, u, score)

    # Reading ---------------------------------------------------------------------------------------------------------

    def _read(
        self, address: Address, text: str | float, dimension: Dimension | None, what: str
    ) -> ParsedFormula | None:
        return self.scope.read(address, text, dimension, what)

    def _term(self, formula: ParsedFormula) -> ColumnTerm:
        return term_of(formula.node, Meanings(self.terms, self.scope.formulas, self.scope))

    def _ends(
        self, address: Address, part: TraitPart, dimension: Dimension
    ) -> tuple[ParsedFormula | None, ParsedFormula | None] | None:
        """The bounds that the trait is cut to; None where one is at fault."""
        ends = []
        for key, text in (("at least", part.least), ("at most", part.most)):
            end = None if text is None else self._read((*address, key), text, dimension, "as the trait itself")
            if text is not None and end is None:
                return None
            ends.append(end)
        if ends[0] is not None and ends[1] is not None:
            low, high = ((end, self._term(end)) for end in ends if end is not None)
            self.scope.in_order((*address, "at most"), low, high)
        return ends[0], ends[1]

    def _made(
        self, name: str, part: TraitPart, value: ColumnTerm, of: ParsedFormula | Dimension, interval: Interval, *,
        ends: tuple[ParsedFormula | None, ParsedFormula | None] = (None, None), whole: bool = False,
    ) -> DrawnTrait:  # fmt: skip
        dimension = of.dimension or NONE if isinstance(of, ParsedFormula) else of
        interval = bounded_by(interval, *(None if end is None else end.interval for end in ends))
        return DrawnTrait(name, part, value, dimension, interval, whole)

    # Kinds -----------------------------------------------------------------------------------------------------------

    def _formula(self, address: Address, name: str, part: TraitPart) -> DrawnTrait | None:
        assert part.formula is not None
        formula = self._read((*address, "formula"), part.formula, None, "")
        if formula is None:
            return None
        ends = self._ends(address, part, formula.dimension or NONE)
        if ends is None:
            return None
        value = bounded(self._term(formula), *(None if e is None else self._term(e) for e in ends))
        return self._made(name, part, value, formula, formula.interval, ends=ends)

    def _normal(
        self, address: Address, name: str, part: TraitPart, u: ColumnTerm, score: ColumnTerm | None
    ) -> DrawnTrait | None:
        assert part.normal is not None
        sd = self._read((*address, "normal", "sd"), part.normal.sd, None, "a standard deviation")
        mean = sd and self._read((*address, "normal", "mean"), part.normal.mean, sd.dimension, "as its sd")
        if sd is None or mean is None or (ends := self._ends(address, part, sd.dimension or NONE)) is None:
            return None
        self.scope.above_zero((*address, "normal", "sd"), sd)
        middle, spread = self._term(mean), self._term(sd)
        tails = [None if e is None else over(minus(self._term(e), middle), spread) for e in ends]
        value = plus(middle, times(spread, cut_score(u, score, *tails)))
        return self._made(name, part, self._kept(value, ends, spread, middle), sd, (-_INF, _INF), ends=ends)

    def _lognormal(
        self, address: Address, name: str, part: TraitPart, u: ColumnTerm, score: ColumnTerm | None
    ) -> DrawnTrait | None:
        given = part.lognormal
        assert given is not None
        if (given.cv is None) == (given.log_sd is None):
            self.scope.faults.append(
                (*address, "lognormal"), "a lognormal says 'cv' or 'log sd', one of them", at_key=True
            )
            return None
        key, text = ("cv", given.cv) if given.cv is not None else ("log sd", given.log_sd)
        assert text is not None
        spread = self._read((*address, "lognormal", key), text, NONE, "a spread")
        median = self._read((*address, "lognormal", "median"), given.median, None, "a median")
        if spread is None or median is None or (ends := self._ends(address, part, median.dimension or NONE)) is None:
            return None
        self.scope.above_zero((*address, "lognormal", "median"), median)
        sd = self._term(spread) if key == "log sd" else log_sd(self._term(spread))
        middle = self._term(median)
        shares = [None if e is None else apply(code.MAX, over(self._term(e), middle), number(_TINY)) for e in ends]
        tails = [None if share is None else over(apply(code.LOG, share), sd) for share in shares]
        value = times(middle, exponential(times(sd, cut_score(u, score, *tails))))
        return self._made(name, part, self._kept(value, ends, sd, middle), median, (0.0, _INF), ends=ends)

    def _kept(
        self, value: ColumnTerm, ends: tuple[ParsedFormula | None, ParsedFormula | None], spread: ColumnTerm,
        without: ColumnTerm, *, always: bool = False,
    ) -> ColumnTerm:  # fmt: skip
        """A value that was drawn between its ends: never beyond them by rounding; `without` where nothing spreads."""
        if ends == (None, None) and not always:
            return value
        return bounded(apply(code.CHOOSE, spread, value, without), *self._terms_of(ends))

    def _uniform(
        self, address: Address, name: str, part: TraitPart, u: ColumnTerm, score: ColumnTerm | None  # noqa: ARG002
    ) -> DrawnTrait | None:  # fmt: skip
        assert part.uniform is not None
        low = self._read((*address, "uniform", "from"), part.uniform.low, None, "its lowest value")
        high = low and self._read((*address, "uniform", "to"), part.uniform.high, low.dimension, "as its lowest")
        if low is None or high is None or (ends := self._ends(address, part, low.dimension or NONE)) is None:
            return None
        self.scope.in_order((*address, "uniform", "to"), (low, self._term(low)), (high, self._term(high)))
        first, last = bounded(self._term(low), *self._terms_of(ends)), bounded(self._term(high), *self._terms_of(ends))
        value = bounded(plus(first, times(minus(last, first), u)), *self._terms_of(ends))
        return self._made(name, part, value, low, hull(low.interval, high.interval), ends=ends)

    def _terms_of(self, ends: tuple[ParsedFormula | None, ParsedFormula | None]) -> list[ColumnTerm | None]:
        return [None if e is None else self._term(e) for e in ends]

    def _beta(
        self, address: Address, name: str, part: TraitPart, u: ColumnTerm, score: ColumnTerm | None  # noqa: ARG002
    ) -> DrawnTrait | None:  # fmt: skip
        assert part.beta is not None
        a = self._read((*address, "beta", "a"), part.beta.a, NONE, "a shape")
        b = self._read((*address, "beta", "b"), part.beta.b, NONE, "a shape")
        if a is None or b is None or (ends := self._ends(address, part, NONE)) is None:
            return None
        self.scope.above_zero((*address, "beta", "a"), a)
        self.scope.above_zero((*address, "beta", "b"), b)
        shapes = self._term(a), self._term(b)
        low, high = self._terms_of(ends)
        below = None if low is None else apply(code.BETA_BELOW, low, *shapes)
        above = None if high is None else minus(number(1.0), apply(code.BETA_BELOW, high, *shapes))
        value = bounded(apply(code.BETA, cut(u, below, above), *shapes), low, high)
        return self._made(name, part, value, NONE, TRUTH, ends=ends)

    def _gamma(
        self, address: Address, name: str, part: TraitPart, u: ColumnTerm, score: ColumnTerm | None  # noqa: ARG002
    ) -> DrawnTrait | None:  # fmt: skip
        assert part.gamma is not None
        mean = self._read((*address, "gamma", "mean"), part.gamma.mean, None, "a mean")
        cv = self._read((*address, "gamma", "cv"), part.gamma.cv, NONE, "a coefficient of variation")
        if mean is None or cv is None or (ends := self._ends(address, part, mean.dimension or NONE)) is None:
            return None
        self.scope.above_zero((*address, "gamma", "mean"), mean)
        self.scope.above_zero((*address, "gamma", "cv"), cv)
        spread, middle = self._term(cv), self._term(mean)
        shape = over(number(1.0), times(spread, spread))
        scale = over(middle, shape)
        low, high = self._terms_of(ends)
        below = None if low is None else apply(code.GAMMA_BELOW, over(low, scale), shape)
        above = None if high is None else minus(number(1.0), apply(code.GAMMA_BELOW, over(high, scale), shape))
        value = times(apply(code.GAMMA, cut(u, below, above), shape), scale)
        value = self._kept(value, ends, spread, middle, always=True)
        return self._made(name, part, value, mean, NOT_NEGATIVE, ends=ends)

    def _exponential(
        self, address: Address, name: str, part: TraitPart, u: ColumnTerm, score: ColumnTerm | None  # noqa: ARG002
    ) -> DrawnTrait | None:  # fmt: skip
        assert part.exponential is not None
        mean = self._read((*address, "exponential", "mean"), part.exponential.mean, None, "a mean")
        if mean is None or (ends := self._ends(address, part, mean.dimension or NONE)) is None:
            return None
        self.scope.not_negative((*address, "exponential", "mean"), mean)
        scale = self._term(mean)
        low, high = self._terms_of(ends)
        # It has no memory: above its least it is as from 0 on.
        first = number(0.0) if low is None else apply(code.MAX, low, number(0.0))
        if high is not None:
            beyond = exponential(over(minus(first, high), scale))
            u = times(u, minus(number(1.0), beyond))
        value = times(apply(code.EXPONENTIAL, u), scale)
        value = self._kept(value if low is None else plus(first, value), ends, scale, number(0.0))
        return self._made(name, part, value, mean, NOT_NEGATIVE, ends=ends)

    def _bernoulli(
        self, address: Address, name: str, part: TraitPart, u: ColumnTerm, score: ColumnTerm | None  # noqa: ARG002
    ) -> DrawnTrait | None:  # fmt: skip
        assert part.bernoulli is not None
        p = self._read((*address, "bernoulli"), part.bernoulli, NONE, "a probability")
        if p is None or self._uncut(address, part, "bernoulli"):
            return None
        self.scope.share((*address, "bernoulli"), p, self._term(p))
        return self._made(name, part, drawn(u, self._term(p)), NONE, TRUTH, whole=True)

    def _poisson(
        self, address: Address, name: str, part: TraitPart, u: ColumnTerm, score: ColumnTerm | None  # noqa: ARG002
    ) -> DrawnTrait | None:  # fmt: skip
        assert part.poisson is not None
        mean = self._read((*address, "poisson"), part.poisson, NONE, "a mean")
        if mean is None or self._uncut(address, part, "poisson"):
            return None
        self.scope.not_negative((*address, "poisson"), mean)
        return self._made(name, part, apply(code.POISSON, u, self._term(mean)), NONE, NOT_NEGATIVE, whole=True)

    def _categories(
        self, address: Address, name: str, part: TraitPart, u: ColumnTerm, score: ColumnTerm | None  # noqa: ARG002
    ) -> DrawnTrait | None:  # fmt: skip
        assert part.categories is not None
        place: Address = (*address, "categories")
        values, shares = [], []
        for key, text in part.categories.items():
            value = self._read((*place, key), key, NONE, "the number of a category")
            share = self._read((*place, key), text, NONE, "a probability")
            if value is None or share is None:
                return None
            self.scope.share((*place, key), share, self._term(share))
            values.append(value)
            shares.append(self._term(share))
        if not values or self._uncut(address, part, "categories"):
            if not values:
                self.scope.faults.append(place, "no category stands here", at_key=True)
            return None
        total, sums = number(0.0), []
        for probability in shares:
            total = plus(total, probability)
            sums.append(total)
        if not total.is_constant:
            said = "these probabilities differ between patients; those of categories are the same for everybody"
            self.scope.faults.append(place, said, at_key=True)
            return None
        self.scope.conditions.append(
            Condition(place, total, 1.0 - 1e-9, 1.0 + 1e-9, "the probabilities do not sum to 1")
        )
        chosen = self._term(values[-1])
        for value, below in zip(reversed(values[:-1]), reversed(sums[:-1]), strict=True):
            chosen = apply(code.CHOOSE, drawn(u, below), self._term(value), chosen)
        interval = hull(*(bounds_of(v.node, {}) for v in values))
        whole = all(v.interval[0] == int(v.interval[0]) for v in values)
        return self._made(name, part, chosen, NONE, interval, whole=whole)

    # What must hold --------------------------------------------------------------------------------------------------

    def _uncut(self, address: Address, part: TraitPart, kind: str) -> bool:
        """Whether bounds stand at a trait that cannot be cut; a fault there."""
        for key, text in (("at least", part.least), ("at most", part.most)):
            if text is not None:
                self.scope.faults.append((*address, key), f"'{kind}' cannot be cut to bounds", at_key=True)
                return True
        return False

    # Correlation -----------------------------------------------------------------------------------------------------

    def _score(self, address: Address, name: str, part: TraitPart, u: ColumnTerm) -> ColumnTerm | None:
        """The normal score of a trait that is correlated with others: a row of Cholesky's decomposition."""
        own = apply(code.NORMAL, u)
        row: dict[str, ColumnTerm] = {}
        place: Address = (*address, "correlated with")
        for other, text in part.correlated.items():
            if other not in self._scores:
                known = ", ".join(self._scores) or "none"
                said = f"'{other}' is no trait above with a continuous distribution (there: {known})"
                self.scope.faults.append((*place, other), said, at_key=True)
                return None
            formula = self._read((*place, other), text, NONE, "a correlation")
            if formula is None:
                return None
            with_other = self._term(formula)
            if not with_other.is_constant:
                said = f"'{formula.text}' differs between patients; a correlation is the same for everybody"
                self.scope.faults.append((*place, other), said)
                return None
            self._correlations[name, other] = with_other
        rest = number(1.0)
        for other in self._scores:
            term = self._correlations.get((name, other))
            for third, weight in row.items():
                if third in self._rows[other] and third != other:
                    shared = times(weight, self._rows[other][third])
                    term = apply(code.NEGATE, shared) if term is None else minus(term, shared)
            if term is None:
                continue
            row[other] = over(term, self._rows[other][other])
            rest = minus(rest, times(row[other], row[other]))
        if row:
            words = "these correlations, with those above, are no correlation matrix (not positive definite)"
            self.scope.conditions.append(Condition(place, rest, 1e-12, _INF, words))
        row[name] = apply(code.SQRT, rest) if row else number(1.0)
        self._scores[name], self._rows[name] = own, row
        total: ColumnTerm | None = None
        for other, weight in row.items():
            share = times(weight, self._scores[other]) if row != {name: number(1.0)} else own
            total = share if total is None else plus(total, share)
        return total
