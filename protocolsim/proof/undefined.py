"""Findings about undefined values that a rule can read, and the transition taken in that case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocolsim.proof.base import Finding, Severity
from protocolsim.proof.counterexamples import example, with_other_settings
from protocolsim.proof.inquiry import Inquiry
from protocolsim.proof.questions import DecisionQuestion
from protocolsim.proof.symbolic.logic import SolverAnswer, Truth
from protocolsim.proof.symbolic.rule_terms import term_of
from protocolsim.proof.text import destination, quoted
from protocolsim.protocol.rules import Call, Name, Negation, Node, Operation, names_in, parse
from protocolsim.protocol.states import END, Transition


@dataclass(frozen=True)
class _Subject:
    """Something in a rule that may be undefined: its words, its syntax tree, the names it comes down to."""

    words: str
    node: Node
    names: tuple[str, ...]


class Undefined:
    """Looks at every name that the rules of one decision read, and at every quotient in them."""

    def __init__(self, inquiry: Inquiry, decision: DecisionQuestion) -> None:
        self.inquiry, self.decision = inquiry, decision

    def findings(self) -> Iterator[Finding]:
        """One finding for each thing that can be undefined, at the first rule that reads it."""
        reported: set[str] = set()
        for t in self.decision.group.transitions:
            if t.rule is None or t.number in self.inquiry.dead:
                continue
            for subject in self._subjects(t):
                if subject.words not in reported:
                    reported.add(subject.words)
                    yield from self._subject(t, subject)

    def _subjects(self, t: Transition) -> Iterator[_Subject]:
        for name in self.decision.read_by(t):
            yield _Subject(f"'{name}'", Name(name), (name,))
        assert t.rule is not None
        for node in _quotients(parse(t.rule.words)):
            sides = (node.left, node.right)
            named = all(isinstance(side, Name) for side in sides)
            words = f"'{names_in(node)[0]} / {names_in(node)[-1]}'" if named else f"a quotient in {quoted(t)}"
            read = tuple(n for n in names_in(node) if n in self.decision.read_by(t))
            yield _Subject(words, node, read)

    def _missing(self, decision: DecisionQuestion, subject: _Subject) -> tuple[Truth, Truth]:
        """What it comes down to is undefined; or only the thing itself is, so that it divides by zero."""
        logic = decision.logic
        below = [decision.chart.meaning(n).defined for n in decision.leaves(subject.names)]
        defined = term_of(logic, subject.node, decision.chart.meaning).defined
        return logic.no(logic.both(*below)), logic.both(*below, logic.no(defined))

    def _subject(self, t: Transition, subject: _Subject) -> Iterator[Finding]:
        decision, rules = self.decision, self.decision.rules
        nothing, zero = self._missing(decision, subject)
        earlier = [decision.logic.no(rules[e.number]) for e in decision.group.transitions if e.number < t.number]
        whole = isinstance(subject.node, Name)
        for by_zero, claim in ((False, nothing), (True, zero)):
            if not (whole or by_zero):
                continue  # of a quotient in the rule itself, its names have been looked at
            answer = decision.can(claim, *earlier, show=subject.names)
            if answer.verdict == "given up":
                self.inquiry.give_up(decision.state, t, f"whether {subject.words} is always defined", answer)
            elif answer.verdict == "yes":
                numbers, who = example(decision, answer, subject.names)
                said = f"{who}: {self._then(decision, t, subject, answer, by_zero=by_zero)}"
                rough = decision.chart.rough
                severity: Severity = "warning" if by_zero and not rough else "note"
                kind = "division by zero" if by_zero else "undefined"
                yield Finding(kind, severity, ("protocol", "transitions", t.item, "when"), said, numbers, rough)
            elif by_zero and claim is not False:
                yield from self._elsewhere(t, subject)

    def _elsewhere(self, t: Transition, subject: _Subject) -> Iterator[Finding]:
        """Whether it would divide by zero with other parameters."""
        if not self.inquiry.case.settings:
            return
        free = self.inquiry.freely(self.decision)
        elsewhere = with_other_settings(free, [self._missing(free, subject)[1]], subject.names)
        if elsewhere is not None:
            numbers, who = example(free, elsewhere.answer, subject.names)
            said = f"{elsewhere.words}, {who}: {self._then(free, t, subject, elsewhere.answer, by_zero=True)}"
            path = ("protocol", "transitions", t.item, "when")
            yield Finding(
                "division by zero", "note", path, said, numbers | elsewhere.changed, self.decision.chart.rough
            )

    def _then(
        self, decision: DecisionQuestion, t: Transition, subject: _Subject, answer: SolverAnswer, *, by_zero: bool
    ) -> str:
        goes = decision.goes(answer)
        if goes is not None:
            then = f"the patient goes to {destination(self.inquiry.protocol, goes)}"
        else:
            stays = "the patient stays in" if decision.group.trigger != END else "no way leads out of"
            then = f"{stays} '{decision.state.name}'"
        truth = "true" if decision.logic.is_so(answer.model, decision.rules[t.number]) else "false"
        said = f"{quoted(t)} is {truth} and {then}"
        if not by_zero and decision.leaves(subject.names) == list(subject.names):
            return said  # that it is undefined stands among the patient's numbers
        return f"{subject.words} is undefined{' (a division by zero)' if by_zero else ''}, so {said}"


def _quotients(node: Node) -> Iterator[Operation]:
    """The divisions of an expression whose divisor depends on something."""
    if isinstance(node, Negation):
        yield from _quotients(node.operand)
    elif isinstance(node, Call):
        for part in node.arguments:
            yield from _quotients(part)
    elif isinstance(node, Operation):
        yield from _quotients(node.left)
        yield from _quotients(node.right)
        if node.op == "/" and names_in(node.right):
            yield node
