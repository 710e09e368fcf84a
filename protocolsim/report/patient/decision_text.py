"""A decision in words with its numbers: what each rule compared, and whether it held."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import Call, Name, Negation, Node, Number, Operation, dimension_of, names_in, parse
from protocolsim.protocol.states import Transition
from protocolsim.protocol.summaries import HOW, Entries, Formula, Observed, TimeSince
from protocolsim.report.protocol import text as protocol_text
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.replay import Tried
from protocolsim.units import NONE, TIME, Dimension, in_reading_unit

_OPS = {">": "more than", ">=": "at least", "<": "less than", "<=": "at most", "==": "equal to", "!=": "other than"}
_STRENGTH = {"+": 5, "-": 5, "*": 6, "/": 6}
_DIGITS = 4
_HUGE = 1e9


def digits(value: float, most: int = _DIGITS) -> str:
    """A number to that many digits, without exponents for what is neither huge nor tiny.

    What a rule compares has the digits that tell it from its bound; fewer say what else was seen and given.
    """
    if value != value:
        return "undefined"
    rounded = float(f"{value:.{most - 1}e}")
    if 10.0**most <= abs(rounded) < _HUGE:
        return f"{rounded:,.0f}"  # 1,235,000, and not 1.235e+06
    return f"{value:.{most}g}"


def valued(
    value: float,
    dimension: Dimension,
    units: Mapping[Dimension, str],
    *,
    time: Callable[[float], str],
    percent: bool = False,
) -> str:
    """A number in the unit it is read in; `time` says one."""
    if value != value:
        return "undefined"
    if dimension == TIME:
        return time(value)
    if dimension == NONE:
        return f"{digits(100 * value)} %" if percent else digits(value)
    value, unit = in_reading_unit(value, dimension, units)
    return f"{digits(value)} {unit}"


class Decision:
    """What was tried at one decision, in the words of the scenario. `since` is the minute that weeks are counted from.

    `known` remembers what was said of each summary before, so that a story says once what a number was made of.
    """

    def __init__(self, scenario: Scenario, tried: Tried, since: int, known: dict[str, object] | None = None) -> None:
        self.scenario, self.tried, self.since = scenario, tried, since
        self.known = {} if known is None else known
        self.summaries = scenario.trial.protocol.reader.summaries
        self.units = scenario.trial.protocol.reader.units
        self.slots = {s.name: k for k, s in enumerate(self.summaries)}
        self.dimensions = {n: k.dimension for n, k in scenario.named.items()} | {
            s.name: s.dimension for s in self.summaries
        }

    def sentences(self) -> list[str]:
        """A sentence for each rule that was tried, the one that held last."""
        result = []
        for transition in self.tried.group.transitions:
            if transition.rule is not None:
                result.append(self._rule(transition))
            if self.tried.taken is not None and transition.number == self.tried.taken.number:
                break
        return result

    def _rule(self, transition: Transition) -> str:
        """The comparisons that settled this rule, after the numbers that they are made of."""
        assert transition.rule is not None
        facts = self._settled_by(parse(transition.rule.words))
        bare = {side.name for fact in facts for side in (fact.left, fact.right) if isinstance(side, Name)}
        behind = [n for n in self._leaves(facts) if n not in bare and not self._said(n)]
        said = ", ".join(self._summary(name) for name in behind)
        sentence = " and ".join(self._fact(fact, transition.rule.words) for fact in facts)
        return f"{said}; {sentence}" if said else sentence

    def _settled_by(self, node: Node) -> list[Operation]:
        """The fewest comparisons, from the left, that make a rule true, or make it false."""
        if isinstance(node, Negation):
            return self._settled_by(node.operand)
        assert isinstance(node, Operation)
        if node.op not in ("and", "or"):
            return [node]
        settles = node.op == "or"
        for side in (node.left, node.right):
            if bool(self._value(side)) == settles:
                return self._settled_by(side)
        return self._settled_by(node.left) + self._settled_by(node.right)

    def _leaves(self, facts: Sequence[Operation]) -> list[str]:
        """The summaries made of observations that these comparisons use, themselves or through others."""
        open_ = [n for fact in facts for n in names_in(fact) if n in self.slots]
        leaves: list[str] = []
        while open_:
            name = open_.pop(0)
            made = self.summaries[self.slots[name]].made_by
            if isinstance(made, Formula):
                open_ += [self.summaries[k].name for k in made.reads]
            elif isinstance(made, Observed) and name not in leaves:
                leaves.append(name)
        return sorted(leaves, key=lambda n: self.slots[n])

    def _fact(self, fact: Operation, words: str) -> str:
        share = self._percent(fact, words)
        is_ = "is" if bool(self._value(fact)) else "is not"
        return f"{self._side(fact.left, share)} {is_} {_OPS[fact.op]} {self._side(fact.right, share)}"

    def _percent(self, node: Operation, words: str) -> bool:
        """Whether the file compares in per cent here."""
        for side in (node.left, node.right):
            if isinstance(side, Name) and side.name in self.scenario.named:
                return self.scenario.named[side.name].text.rstrip().endswith("%")
            if isinstance(side, Number) and re.search(rf"(?<![0-9.]){re.escape(f'{100 * side.value:g}')}\s*%", words):
                return True
        return False

    def _side(self, node: Node, percent: bool) -> str:
        if isinstance(node, Name) and node.name in self.slots:
            return self._summary(node.name, percent=percent)
        if isinstance(node, Name):
            return f"{self.scenario.spoken.number(node.name)} ({self.scenario.named[node.name].text})"
        dimension = dimension_of(node, self.dimensions) or NONE
        value = valued(float(self._value(node)), dimension, self.units, time=self.scenario.spoken.time, percent=percent)
        return value if isinstance(node, Number) else f"{self._written(node)} ({value})"

    def _value(self, node: Node) -> float:
        constants = {n: k.value for n, k in self.scenario.named.items()}
        values: Mapping[int, float] = self.tried.read
        row = [values.get(k, float("nan")) for k in range(len(self.summaries))]
        return float(compiled(node, constants, self.slots)(row))

    # Summaries -------------------------------------------------------------------------------------------------------

    def _said(self, name: str) -> bool:
        """Whether this very number was stated before."""
        k = self.slots[name]
        return self.known.get(name) == (digits(self.tried.read[k]), self.tried.used[k])

    def _summary(self, name: str, *, percent: bool = False) -> str:
        """A summary and its number; what it was made of too, unless that was said before."""
        k = self.slots[name]
        value = valued(
            self.tried.read[k], self.summaries[k].dimension, self.units, time=self.scenario.spoken.time, percent=percent
        )
        behind = "" if self._said(name) else self._behind(k)
        self.known[name] = (digits(self.tried.read[k]), self.tried.used[k])
        return f"{self.scenario.spoken.number(name)} {value}{behind}"

    def _behind(self, number: int) -> str:
        made = self.summaries[number].made_by
        if isinstance(made, Observed):
            variable = self.scenario.spoken.variable(self.scenario.trial.labels.variables[made.variable])
            used = [protocol_text.weeks(m - self.since) for m in self.tried.used[number]]
            if not used:
                return f" (no {variable} within reach)"
            how = "" if len(used) == 1 else f"{HOW[made.how]} of "
            when = f"week {used[0]}" if len(used) == 1 else f"weeks {protocol_text.listed(used)}"
            return f" ({how}{variable}, {when})"
        if isinstance(made, TimeSince):
            return " (time so far)"
        return " (times so far)" if isinstance(made, Entries) else ""

    def _written(self, node: Node, above: int = 0) -> str:
        """An expression as it is written, with signs, and its names in words."""
        if isinstance(node, Name):
            return self.scenario.spoken.number(node.name)
        if isinstance(node, Number):
            return f"{node.value:g}"
        if isinstance(node, Negation):
            return f"-{self._written(node.operand, 7)}"
        if isinstance(node, Call):
            return f"{node.function}({', '.join(self._written(part) for part in node.arguments)})"
        strength = _STRENGTH.get(node.op, 4)
        sign = "\u00d7" if node.op == "*" else node.op
        text = f"{self._written(node.left, strength)} {sign} {self._written(node.right, strength + 1)}"
        return f"({text})" if strength < above else text
