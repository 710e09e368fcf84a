"""What can be proven of the rules of looks: which can never hold, which are hidden, and whether the last look decides.

A statistic may take any value of its domain, and may be undefined unless it is a count; nothing is taken for granted
of how statistics depend on each other, but where one is an expression over others. What is proven never to hold
therefore never does, and what is said to be possible may be improbable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from protocolsim.proof.base import Domain, Finding, Path
from protocolsim.proof.symbolic.budget import Budget, TooHigh
from protocolsim.proof.symbolic.logic import UNDEFINED, Logic, SolverAnswer, Term, Truth, exact
from protocolsim.proof.symbolic.rule_terms import term_of, truth_of
from protocolsim.protocol.rules import names_in, parse


@dataclass(frozen=True)
class LookRule:
    """A rule: its looks, its expression (None: it holds wherever none before it does), and what it is for.

    `claims`: it claims an effect. `gives_up`: it stops for want of one.
    """

    at: frozenset[int]
    words: str | None
    reason: str
    claims: bool = False
    gives_up: bool = False


@dataclass(frozen=True)
class LooksCase:
    """The rules of looks, and what their numbers can be.

    looks       names
    domains     by look, what each number that is read can be
    defined     the numbers that are never undefined
    formulas    numbers that are expressions over others
    known       by look, what is the same in every trial: parameters, bounds (nan: none), the number of the look
    expected    by look, closer domains of counts, which hold where no more people count than the look waits for
    """

    looks: tuple[str, ...]
    domains: tuple[Mapping[str, Domain], ...]
    defined: frozenset[str]
    formulas: Mapping[str, str]
    known: tuple[Mapping[str, float], ...]
    expected: tuple[Mapping[str, Domain], ...]
    rules: tuple[LookRule, ...]


def judge_looks(case: LooksCase, budget: Budget | None = None) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Findings about the rules of looks, and questions that were given up."""
    judge = _LooksJudge(case, Budget() if budget is None else budget)
    findings = [f for k in range(len(case.rules)) for f in judge.rule(k)]
    return (*findings, *judge.contrary(), *judge.last()), tuple(judge.given_up)


class _At:
    """One look: its facts, and its rules as truths."""

    def __init__(self, case: LooksCase, look: int, logic: Logic) -> None:
        self.case, self.look, self.logic = case, look, logic
        self.facts: list[Truth] = []
        self.terms: dict[str, Term] = {}
        self.all_defined: list[Truth] = []
        self.closer: list[Truth] = []
        for name, domain in case.domains[look].items():
            symbol = logic.number(name, domain, self.facts)
            there = True if name in case.defined else logic.truth(f"{name} is defined")
            self.terms[name] = Term(symbol, Fraction(1), there)
            self.all_defined.append(there)
            near = case.expected[look].get(name)
            if near is not None:
                self.closer.append(logic.compare("<=", symbol, exact(near.most)))
        self.rules = {k: self._rule(rule) for k, rule in enumerate(case.rules) if look in rule.at}

    def _rule(self, rule: LookRule) -> Truth | None:
        """A rule as a truth; None where no proof reaches it."""
        if rule.words is None:
            return True
        try:
            return truth_of(self.logic, parse(rule.words), self._meaning)
        except TooHigh:
            return None

    def _meaning(self, name: str) -> Term:
        known = self.case.known[self.look].get(name)
        if known is not None:
            return UNDEFINED if known != known else Term(exact(known), Fraction(1), True, (0, 0))
        if name in self.case.formulas:
            return term_of(self.logic, parse(self.case.formulas[name]), self._meaning)
        return self.terms[name]

    def before(self, rule: int) -> list[Truth] | None:
        """That no rule before this one holds; None where one of them is out of reach of proofs."""
        earlier = [truth for k, truth in self.rules.items() if k < rule]
        return None if any(t is None for t in earlier) else [self.logic.no(t) for t in earlier]

    def ask(self, *claims: Truth) -> SolverAnswer:
        """Whether this can be."""
        return self.logic.solver(self.facts).ask(*claims)

    def shown(self, answer: SolverAnswer, names: Sequence[str]) -> dict[str, float | None]:
        """The numbers of an example by name; None for what is undefined."""
        found: dict[str, float | None] = {}
        for name in dict.fromkeys(names):
            term = self.terms.get(name)
            if term is not None:
                there = self.logic.is_so(answer.model, term.defined)
                found[name] = float(self.logic.shown(answer.model, term.numerator)) if there else None
        return found


class _LooksJudge:
    def __init__(self, case: LooksCase, budget: Budget) -> None:
        self.case = case
        self.logic = Logic(budget)
        self.given_up: list[str] = []
        self.at = [_At(case, k, self.logic) for k in range(len(case.looks))]

    def rule(self, number: int) -> list[Finding]:
        """Whether a rule can ever end a trial."""
        rule = self.case.rules[number]
        path: Path = ("interim", "rules", number)
        if rule.words is None or not rule.at:
            return []
        at_when: Path = (*path, "when")
        looks = sorted(rule.at)
        if self._never(looks, number, "it can hold", lambda at: []):
            where = "" if len(rule.at) == len(self.case.looks) else f" at {self._named(looks)}"
            return [Finding("never true", "fault", at_when, f"it can never hold{where}, whatever is seen")]
        if self._never(looks, number, "it is ever tried", lambda at: at.before(number)):
            said = "it is never taken: wherever it holds, a rule before it does"
            return [Finding("hidden", "fault", at_when, said)]
        near = [k for k in looks if self.at[k].closer]
        if near == looks and self._never(looks, number, "it can hold", lambda at: at.closer):
            said = "it can hold only where more people count than its looks wait for"
            return [Finding("never true", "warning", at_when, said)]
        return []

    def _never(self, looks: Sequence[int], number: int, what: str, more: object) -> bool:
        """Whether it is proven that a rule holds at none of these looks together with something else."""
        for look in looks:
            at = self.at[look]
            truth, others = at.rules[number], more(at)  # type: ignore[operator]
            if truth is None or others is None:
                self._give_up(number, look, what, "out of reach of proofs")
                return False
            answer = at.ask(truth, *others)
            if answer.verdict == "given up":
                self._give_up(number, look, what, answer.budget)
            if answer.verdict != "no":
                return False
        return True

    def _give_up(self, number: int, look: int, what: str, why: str) -> None:
        name = self.case.looks[look]
        self.given_up.append(f"whether {what}: {self.case.rules[number].words} at '{name}' (no answer {why})")

    def contrary(self) -> list[Finding]:
        """Where one statistic can claim an effect and give up for want of it at the same look: bounds that cross."""
        found: list[Finding] = []
        pairs = [
            (one, other)
            for one, a in enumerate(self.case.rules) if a.claims
            for other, b in enumerate(self.case.rules) if b.gives_up
        ]  # fmt: skip
        for one, other in pairs:
            reads = self._reads(one)
            if len(reads) != 1 or reads != self._reads(other):
                continue
            for look in sorted(self.case.rules[one].at & self.case.rules[other].at):
                at = self.at[look]
                both = [at.rules[one], at.rules[other]]
                if None in both:
                    continue
                answer = at.ask(*both)
                if answer.verdict == "yes":
                    numbers = at.shown(answer, sorted(reads))
                    first = self.case.rules[min(one, other)].reason
                    said = (
                        f"at '{self.case.looks[look]}' it can hold together with '{self.case.rules[other].reason}' "
                        f"({_told(numbers)}): the bounds cross, and '{first}' is what counts, as it stands first"
                    )
                    found.append(Finding("bounds cross", "fault", ("interim", "rules", one), said, numbers))
                    break
        return found

    def _reads(self, number: int) -> frozenset[str]:
        """What differs between trials of what a rule reads."""
        words = self.case.rules[number].words
        names = () if words is None else names_in(parse(words))
        return frozenset(n for n in names if n not in self.case.known[0])

    def last(self) -> list[Finding]:
        """Whether the last look always ends in a conclusion."""
        if not self.case.rules:
            return []
        look = len(self.case.looks) - 1
        at, name = self.at[look], self.case.looks[look]
        path: Path = ("interim", "rules")
        none = at.before(len(self.case.rules))
        if none is None:
            self.given_up.append(f"whether '{name}' always ends in a conclusion (a rule is out of reach of proofs)")
            return []
        add = "add {at: last, conclude: ..., otherwise: true}"
        reads = [n for k in at.rules for n in self._with_parts(k)]
        for defined in (True, False):
            answer = at.ask(*none, *(at.all_defined if defined else []))
            if answer.verdict == "given up":
                self.given_up.append(f"whether '{name}' always ends in a conclusion (no answer {answer.budget})")
                return []
            if answer.verdict == "yes":
                numbers = at.shown(answer, reads)
                where = f" ({_told(numbers)})" if numbers else ""
                said = (
                    f"at '{name}', the last look, no rule may hold{where}: the trial ends without a conclusion; {add}"
                )
                return [Finding("no conclusion", "warning" if defined else "note", path, said, numbers)]
        return []

    def _with_parts(self, number: int) -> list[str]:
        """The statistics that a rule reads, by themselves or through expressions."""
        open_, found = list(self._reads(number)), []
        while open_:
            name = open_.pop()
            if name in self.case.formulas:
                open_ += names_in(parse(self.case.formulas[name]))
            else:
                found.append(name)
        return sorted(found)

    def _named(self, looks: Sequence[int]) -> str:
        return " or ".join(f"'{self.case.looks[k]}'" for k in looks)


def _told(numbers: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {'undefined' if v is None else f'= {v:.4g}'}" for name, v in numbers.items())
