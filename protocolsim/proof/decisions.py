"""Findings about decision rules: never or always true, hidden by earlier ones, overlapping, undefined, a gap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from protocolsim.proof.base import Case, Finding, Path, Severity
from protocolsim.proof.counterexamples import example, with_other_settings
from protocolsim.proof.coverage import without_a_way
from protocolsim.proof.inquiry import Inquiry
from protocolsim.proof.questions import DecisionQuestion
from protocolsim.proof.symbolic.budget import TooHigh
from protocolsim.proof.text import destination, moment, quoted
from protocolsim.proof.undefined import Undefined
from protocolsim.protocol.states import END, Group, State, Transition

_MOST_PAIRS = 40  # of transitions tried together that are looked at for overlaps


def _does(t: Transition) -> tuple[tuple[int, ...], list[tuple[int, str]]]:
    """Where a transition leads, and what it sets."""
    return t.destinations, [(s.variable, s.words) for s in t.sets]


@dataclass
class Judged:
    """What was found of one line of the file, in each state that it leaves."""

    transition: Transition
    states: int = 0
    never: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    always: list[str] = field(default_factory=list)


class Judge:
    """Examines every decision of a case. `findings` come in file order; what all examinations share is `inquiry`."""

    def __init__(self, case: Case) -> None:
        self.case, self.protocol = case, case.protocol
        self.inquiry = Inquiry(case)
        self.patients = self.inquiry.patients
        self.findings: list[Finding] = []
        self._judged: dict[int, Judged] = {}
        self._earlier: dict[int, tuple[Transition, ...]] = {}

    def judge(self) -> None:
        """Look at all."""
        for number in self.patients.history.order:
            state = self.protocol.states[number]
            for group in state.groups:
                if all(t in self.patients.history.ways for t in group.transitions):
                    self._group(state, group)
        self.findings += [f for j in self._judged.values() for f in self._line(j)]

    # One decision --------------------------------------------------------------------------------------------------

    def _group(self, state: State, group: Group) -> None:
        try:
            decision = DecisionQuestion(self.patients, state, group)
        except TooHigh as high:
            self.inquiry.given_up.append(f"all that the rules decide {moment(group)} of '{state.name}' ({high})")
            return
        here = decision.can()
        if here.verdict == "no":
            self.inquiry.dead |= {t.number for t in group.transitions}
            if group.trigger == END:
                self.findings.append(self._never_entered(state))
            return
        if here.verdict == "given up":
            self.inquiry.give_up(state, group.transitions[0], "whether any patient comes to it", here)
            return
        for k, transition in enumerate(group.transitions):
            judged = self._judgement(transition)
            judged.states += 1
            self._rule(decision, transition, judged, first=k == 0)
        self.findings += self._overlaps(decision)
        self.findings += Undefined(self.inquiry, decision).findings()
        if group.trigger == END and all(t.rule is not None for t in group.transitions):
            self.findings += self._gap(decision)

    def _judgement(self, t: Transition) -> Judged:
        return self._judged.setdefault(t.item, Judged(t))

    def _rule(self, decision: DecisionQuestion, t: Transition, judged: Judged, *, first: bool) -> None:
        rule, state = decision.rules[t.number], decision.state
        if t.rule is not None:
            can = decision.can(rule)
            if can.verdict == "no":
                judged.never.append(state.name)
                self.inquiry.dead.add(t.number)
                return
            if can.verdict == "given up":
                self.inquiry.give_up(state, t, "whether it can ever be true", can)
            else:
                cannot = decision.can(decision.logic.no(rule))
                if cannot.verdict == "no":
                    judged.always.append(state.name)
                elif cannot.verdict == "given up":
                    self.inquiry.give_up(state, t, "whether it is true for everybody", cannot)
        if first:
            return
        taken = decision.can(decision.taken(t))
        if taken.verdict == "no":
            judged.hidden.append(state.name)
            self.inquiry.dead.add(t.number)
            earlier = decision.group.transitions[: decision.group.transitions.index(t)]
            self._earlier.setdefault(t.item, earlier)
        elif taken.verdict == "given up":
            self.inquiry.give_up(state, t, "whether earlier transitions leave anything to it", taken)

    def _never_entered(self, state: State) -> Finding:
        """Everything there follows from it, and is not said again."""
        ways = [t for t in self.patients.history.ways if state.number in t.possible]
        path: Path = ("protocol", "states", state.name)
        if all(t.number in self.inquiry.dead for t in ways):
            said = f"no patient gets to '{state.name}', since no way there is ever taken"
            return Finding("never entered", "note", path, said)
        rules = "; ".join(dict.fromkeys(quoted(t) for t in ways))
        said = f"no patient can get to '{state.name}': the rules on the way there contradict each other ({rules})"
        return Finding("never entered", "fault", path, said)

    # One line of the file ------------------------------------------------------------------------------------------

    def _line(self, judged: Judged) -> Iterator[Finding]:
        """What is true of a line in all the states that it leaves is said of it; the rest is a note."""
        t = judged.transition
        if not judged.states:
            return
        path: Path = ("protocol", "transitions", t.item)
        at_rule: Path = (*path, "when") if t.rule is not None else path
        everywhere = judged.states
        if judged.never and len(judged.never) + len(judged.hidden) == everywhere and not judged.hidden:
            yield self._never(judged, at_rule)
            return
        if judged.hidden and len(judged.hidden) + len(judged.never) == everywhere:
            yield self._hidden(judged, path)
        else:
            for what, where in (("never true", judged.never), ("never taken", judged.hidden)):
                if where:
                    names = ", ".join(f"'{n}'" for n in where)
                    yield Finding("partly dead", "note", at_rule, f"{quoted(t)} is {what} in {names}")
        if judged.always and len(judged.always) == everywhere:
            yield Finding(
                "always true",
                "warning",
                at_rule,
                f"{quoted(t)} is true for every patient who comes to it: it decides nothing",
            )

    def _never(self, judged: Judged, path: Path) -> Finding:
        t = judged.transition
        said = f"{quoted(t)} can never be true"
        severity: Severity = "fault"
        if self._elsewhere(t):
            said += " with the parameters as they are, though it could within their ranges"
            severity = "warning"
        return Finding("never true", severity, path, said)

    def _elsewhere(self, t: Transition) -> bool:
        """Whether the rule could be true with other values of the parameters."""
        if not self.case.settings:
            return False
        for other in (o for o in self.protocol.transitions if o.item == t.item):
            state = self.protocol.states[other.source]
            decision = self.inquiry.freely(DecisionQuestion(self.patients, state, self.protocol.group_of(other)))
            if decision.can(decision.rules[other.number]).verdict == "yes":
                return True
        return False

    def _hidden(self, judged: Judged, path: Path) -> Finding:
        t = judged.transition
        before = "; ".join(quoted(e) for e in self._earlier[t.item])
        if t.rule is None:
            others = [o for o in self.protocol.transitions if o.item != t.item and o.number not in self.inquiry.dead]
            only = set(t.destinations) - {d for o in others for d in o.destinations}
            said = f"{quoted(t)} is never taken: the rules before it hold for every patient ({before})"
            if only:
                said += f"; nobody gets to {destination(self.protocol, t)}"
            return Finding("hidden", "warning" if only else "note", path, said)
        said = f"{quoted(t)} is never taken: wherever it is true, an earlier one is too ({before})"
        return Finding("hidden", "fault", path, said)

    # Patients ------------------------------------------------------------------------------------------------------

    def _overlaps(self, decision: DecisionQuestion) -> Iterator[Finding]:
        ruled = [t for t in decision.group.transitions if t.rule is not None and t.number not in self.inquiry.dead]
        pairs = [(a, b) for k, b in enumerate(ruled) for a in ruled[:k] if _does(a) != _does(b)]
        for a, b in pairs[:_MOST_PAIRS]:
            answer = decision.can(decision.taken(a), decision.rules[b.number], show=decision.read_by(a, b))
            if answer.verdict == "given up":
                self.inquiry.give_up(decision.state, b, f"whether a patient meets {quoted(a)} as well", answer)
            if answer.verdict != "yes":
                continue
            numbers, who = example(decision, answer, decision.read_by(a, b))
            yield Finding(
                "overlap",
                "note",
                ("protocol", "transitions", b.item, "when"),
                f"{who} meets both {quoted(a)} and {quoted(b)}; the one that stands first in the file is taken, "
                f"so the patient goes to {destination(self.protocol, a)}",
                numbers,
                decision.chart.rough,
            )

    def _gap(self, decision: DecisionQuestion) -> Iterator[Finding]:
        answer = without_a_way(decision)
        last = decision.group.transitions[-1]
        path: Path = ("protocol", "transitions", last.item)
        name = decision.state.name
        if answer.verdict == "no":
            yield from self._gap_elsewhere(decision, path)
        elif answer.verdict == "given up":
            said = (
                f"that every patient finds a way out of '{name}' could not be proven {answer.budget}: end with an "
                "'otherwise'"
            )
            yield Finding("not exhaustive", "fault", path, said)
        else:
            numbers, who = example(decision, answer, decision.read_by(*decision.group.transitions))
            said = f"{who} finds no way out of '{name}' when its time is over: end with an 'otherwise'"
            yield Finding("not exhaustive", "fault", path, said, numbers, decision.chart.rough)

    def _gap_elsewhere(self, decision: DecisionQuestion, path: Path) -> Iterator[Finding]:
        if not self.case.settings:
            return
        free = self.inquiry.freely(decision)
        names = decision.read_by(*decision.group.transitions)
        elsewhere = with_other_settings(free, [free.logic.no(r) for r in free.rules.values()], names)
        if elsewhere is not None:
            numbers, who = example(free, elsewhere.answer, names)
            said = f"{elsewhere.words}, {who} would find no way out of '{decision.state.name}'"
            yield Finding("not exhaustive", "warning", path, said, numbers | elsewhere.changed, decision.chart.rough)
