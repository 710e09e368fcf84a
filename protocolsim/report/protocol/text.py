"""A protocol in plain words: times, treatments, rules, and what makes somebody move."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from protocolsim.names import readable
from protocolsim.protocol.states import END, Dose, State, Transition
from protocolsim.protocol.variables import Computed
from protocolsim.scenario.build.values.names import NAME
from protocolsim.scenario.scenario import Scenario
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

_SIGNS = {">=": "≥", "<=": "≤", "!=": "≠", "==": "=", "*": "\u00d7"}
_HELD = "\u00a0"
_MOST_LISTED = 8  # times of which each is named


def number(value: float) -> str:
    """A number without idle zeros, to six digits."""
    return f"{value:.6g}"


def weeks(minutes: float) -> str:
    """A moment in weeks, to two decimals."""
    return number(round(minutes / MINUTES_PER_WEEK, 2) + 0.0)


def listed(words: Sequence[str], last: str = "and") -> str:
    """'a', 'a and b', 'a, b and c'."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def spoken(name: str) -> str:
    """A name of the file as it is said; what may have a label is asked of `Scenario.spoken` instead."""
    return readable(name)


def times(scenario: Scenario, offsets: Sequence[int], *, counted: bool = True) -> str:
    """When something is planned, counted from the start of the state: 'weeks 0, 2, 6', 'every 4 weeks, 10 times'.

    Not `counted`: how often is left out, as where it depends on when the state is entered.
    """
    whole = all(o % MINUTES_PER_WEEK == 0 for o in offsets)
    unit, length = ("week", MINUTES_PER_WEEK) if whole else ("day", MINUTES_PER_DAY)
    said = [number(round(o / length, 3)) for o in offsets]
    steps = {b - a for a, b in pairwise(offsets)}
    if len(offsets) > 2 and len(steps) == 1:
        start = "" if offsets[0] == 0 else f" from {unit} {said[0]}"
        return f"every {scenario.spoken.time(steps.pop())}{start}" + (f", {len(offsets)} times" if counted else "")
    if len(offsets) > _MOST_LISTED:
        tail = next(k for k in range(len(offsets) - 1) if len({b - a for a, b in pairwise(offsets[k:])}) == 1)
        if len(offsets) - tail > 2:
            every = scenario.spoken.time(offsets[-1] - offsets[-2])
            return f"{unit}s {', '.join(said[: tail + 1])}, then every {every} to {unit} {said[-1]}"
    return f"{unit}{'' if len(said) == 1 else 's'} {', '.join(said)}"


def treatments(scenario: Scenario, state: State) -> list[str]:
    """What is given in a state: 'interferon beta, standard', 'daclizumab 1 mg/kg, every 4 weeks, 10 times'."""
    result = []
    for drug, level in enumerate(state.levels):
        name = scenario.spoken.drug(scenario.trial.labels.drugs[drug])
        visits = scenario.planned.get(state.number, ())
        doses = [
            (visit.offset, dose_words(dose, scenario)) for visit in visits for dose in visit.doses if dose.drug == drug
        ]
        for amount in dict.fromkeys(amount for _, amount in doses):
            given = [offset for offset, a in doses if a == amount]
            result.append(f"{name} {amount}, {times(scenario, given, counted=isinstance(state.lasts, int))}")
        if not isinstance(level, Computed) and level > 0.0 and scenario.trial.drugs[drug].give is None:
            result.append(f"{name}, standard")
    return result


def dose_words(dose: Dose, scenario: Scenario) -> str:
    """One dose: '1 mg/kg', '10 IU', 'insulin (IU)' where it is computed."""
    if isinstance(dose.amount, Computed):
        return f"{scenario.spoken.words(dose.amount.words)} ({dose.unit})"
    return f"{number(dose.amount)} {dose.unit}"


def ends(scenario: Scenario, state: State) -> str:
    """How long a state lasts; '' for one without an end of its own."""
    if state.until is not None:
        return f"until {_from_enrolment(scenario, state.until)} from enrolment"
    return "" if state.lasts is None else _lasting(scenario, state.lasts)


def _lasting(scenario: Scenario, lasts: int | Computed) -> str:
    """'12 weeks', or 'interval (4 weeks to 16 weeks)' where it is computed."""
    if not isinstance(lasts, Computed):
        return scenario.spoken.time(lasts)
    said = scenario.spoken
    return f"{said.words(lasts.words)} ({said.time(lasts.low)} to {said.time(lasts.high)})"


def _from_enrolment(scenario: Scenario, until: int | Computed) -> str:
    return _lasting(scenario, until) if isinstance(until, Computed) else f"week {weeks(until)}"


def settings(scenario: Scenario, transition: Transition) -> str:
    """What a transition sets: 'insulin becomes insulin + 8 IU'."""
    variables, said = scenario.trial.protocol.variables, scenario.spoken
    return listed(
        [f"{said.number(variables[s.variable].name)} becomes {rule(s.words, scenario)}" for s in transition.sets]
    )


def signs(expression: str) -> str:
    """An expression with signs in place of letters; before its names are labels, whose letters are not signs."""
    for letters, sign in _SIGNS.items():
        expression = expression.replace(letters, sign)
    return expression


def rule(words: str, scenario: Scenario) -> str:
    """A decision rule as it is read: signs instead of letters, and every parameter with its value beside it."""

    def valued(result: re.Match[str]) -> str:
        known = scenario.named.get(result[0])
        said = scenario.spoken.words(result[0])
        return said if known is None else f"{said}{_HELD}({known.text})"

    text = NAME.sub(valued, signs(words))
    # A sign stays with what follows it when lines are broken, a unit with its number.
    text = re.sub(r"([≥≤≠=\u00d7<>+\-/]|\bnot) ", rf"\1{_HELD}", text)
    return re.sub(r"([0-9]) (?=%|[a-zA-Z]+\))", rf"\1{_HELD}", text)


def moved_by(scenario: Scenario, transition: Transition) -> str:
    """What makes somebody take a transition: 'after 12 weeks, if cel > 2', 'upon fever', 'otherwise'."""
    states = scenario.trial.protocol.states
    source = states[transition.source]
    others = [t for t in scenario.trial.protocol.group_of(transition).transitions if t.number != transition.number]
    if transition.otherwise or (others and transition.rule is None and others[-1].number < transition.number):
        condition = "otherwise"
    elif transition.rule is not None:
        condition = f"if {rule(transition.rule.words, scenario)}"
    else:
        condition = ""
    trigger = "" if condition == "otherwise" else _moment(scenario, transition.trigger, source)
    drawn = "" if transition.randomise is None else f"randomised ({spoken(transition.randomise.name)})"
    if transition.choose is not None:
        drawn = "by chance"
    way = ", ".join(part for part in (trigger, condition, drawn) if part)
    return "; ".join(part for part in (way, settings(scenario, transition)) if part)


def _moment(scenario: Scenario, trigger: str, source: State) -> str:
    if trigger != END:
        return scenario.spoken.trigger(trigger)
    if source.until is not None:
        return f"at {_from_enrolment(scenario, source.until)}"
    return "" if not source.lasts else f"after {_lasting(scenario, source.lasts)}"
