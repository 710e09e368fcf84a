"""The parts of a design in words: when a look is held, what a rule says, and the same with its numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from protocolsim.interim.design import INFORMATION, LOOK, Design, TrialRule
from protocolsim.protocol.conduct import Trigger
from protocolsim.report.protocol import text as protocol_text
from protocolsim.report.protocol.looks import counted
from protocolsim.report.style import numbers
from protocolsim.scenario.scenario import Scenario
from protocolsim.units import MINUTES_PER_WEEK, duration

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIGITS = 4


def week(minute: int) -> str:
    """A minute of the calendar as its week, to a tenth."""
    return f"week {protocol_text.number(round(minute / MINUTES_PER_WEEK, 1))}"


def spoken(name: str) -> str:
    """A look's name in a sentence."""
    return protocol_text.spoken(name)


def digits(value: float) -> str:
    """A number to four digits; "undefined" where there is none."""
    return "undefined" if value != value else f"{value:.{_DIGITS}g}"


def trigger(of: Trigger, scenario: Scenario) -> str:
    """When a look is held: '120 patients have been followed for 26 weeks, not before week 40'."""
    patients = numbers.count(of.number, "patient")
    said = week(of.minute) if of.count is None else f"{patients} {counted(of.count, scenario, one=of.number == 1)}"
    bounds = [said if of.count is not None else f"{said} had come"]
    if of.not_before is not None:
        bounds.append(f"not before {week(of.not_before)}")
    if of.after_previous is not None:
        bounds.append(f"not sooner than {duration(of.after_previous)} after the cut-off before")
    if of.at_the_latest is not None:
        bounds.append(f"at the latest in {week(of.at_the_latest)}")
    return ", ".join(bounds)


def action(rule: TrialRule) -> str:
    """'stop for efficacy'."""
    return f"stop for {rule.reason}" if rule.action == "stop" else f"conclude '{rule.reason}'"


def done(rule: TrialRule) -> str:
    """'the trial is stopped for efficacy'."""
    return (
        f"the trial is stopped for {rule.reason}" if rule.action == "stop" else f"the trial concludes '{rule.reason}'"
    )


def condition(rule: TrialRule) -> str:
    """'z >= efficacy'; 'otherwise'."""
    return "otherwise" if rule.rule is None else rule.rule.words


def filled(design: Design, scenario: Scenario, rule: TrialRule, look: int, values: Mapping[str, float]) -> str:
    """The rule's condition with the number of this look in the place of each name: '2.914 >= 2.963'."""
    words = condition(rule)
    if rule.rule is None:
        return words
    known = {**values, **{b.name: b.values[look] for b in design.boundaries}, LOOK: float(look + 1)}
    percent = "%" in words or any(
        "%" in scenario.named[n].text for n in _WORD.findall(words) if n in scenario.named
    )  # a share is compared as the file says it

    def number(found: re.Match[str]) -> str:
        name = found[0]
        if name in known:
            return f"{digits(100 * known[name])} %" if percent and is_share(design, name) else digits(known[name])
        return scenario.named[name].text if name in scenario.named else name

    return _WORD.sub(number, words)


def is_share(design: Design, name: str) -> bool:
    """Whether a name stands for a share, which is 0 to 1 inside and said in per cent."""
    if name == INFORMATION:
        return True
    return any(s.name == name and (s.limits == (0.0, 1.0) or unit_of(design, name) == "%") for s in design.statistics)


def unit_of(design: Design, name: str) -> str:
    """The unit of a statistic that is the value of an endpoint; "" for others."""
    of = next((getattr(s, "of", None) for s in design.statistics if s.name == name and s.key == "value of"), None)
    return str(getattr(of, "unit", ""))


def valued(design: Design, name: str, value: float) -> str:
    """A value that a look reads, as a reader meets it."""
    if is_share(design, name):
        return "undefined" if value != value else f"{digits(100 * value)} %"
    return f"{digits(value)} {unit_of(design, name)}".rstrip()
