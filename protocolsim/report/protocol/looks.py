"""The looks of a scenario in plain words: when they are held, what they read, and what ends the trial."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from protocolsim.interim.design import Boundary, Design, TrialRule
from protocolsim.interim.keys import keys_of
from protocolsim.protocol.conduct import Count, Look, Trigger
from protocolsim.report.protocol import text
from protocolsim.scenario.scenario import Scenario
from protocolsim.units import duration


def looks(scenario: Scenario) -> list[str]:
    """A sentence for each series of looks, statistic, boundary and rule; none where the scenario declares no looks."""
    design = scenario.interim
    if design is None:
        return []
    return [
        *_when(design, scenario),
        *_known(design),
        *_read(design, scenario),
        *(_bounds(b, design) for b in design.boundaries),
        *(_rule(r, design, scenario) for r in design.rules),
        *_meaning(design),
    ]


def _when(design: Design, scenario: Scenario) -> list[str]:
    """One sentence for looks in a row that wait for the same."""
    said = []
    for _, group in groupby(design.looks, key=lambda look: _alike(look.trigger)):
        series = list(group)
        first = series[0].trigger
        names = text.listed([f"'{look.name}'" for look in series])
        what = "Look" if len(series) == 1 else "Looks"
        said.append(f"{what} {names}: {_waits(series, scenario)}{_bounded(first)}.")
    return said


def _alike(trigger: Trigger) -> object:
    return (trigger.count, trigger.not_before, trigger.at_the_latest, trigger.after_previous)


def _waits(series: Sequence[Look], scenario: Scenario) -> str:
    count = series[0].trigger.count
    if count is None:
        return f"in week {text.listed([text.weeks(look.trigger.minute) for look in series])} of the trial"
    numbers = text.listed([f"{look.trigger.number:,}" for look in series])
    return f"when {numbers} patients {counted(count, scenario)}"


def counted(count: Count, scenario: Scenario, *, one: bool = False) -> str:
    """What those who count have done: 'were enrolled', 'have been followed for 26 weeks', 'had fever'; `one` alone."""
    labels, have, were = scenario.trial.labels, "has" if one else "have", "was" if one else "were"
    followed = f" at least {duration(count.followed)} ago" if count.followed else ""
    if count.of == "event":
        return f"had {labels.events[count.event]}{followed}"
    if count.of == "entered":
        states = text.listed([f"'{scenario.trial.protocol.states[s].label}'" for s in sorted(count.states)], "or")
        return f"{have} been in {states}{followed}"
    return f"{have} been followed for {duration(count.followed)}" if count.followed else f"{were} enrolled"


def _bounded(trigger: Trigger) -> str:
    bounds = (("not before week", trigger.not_before), ("in week", trigger.at_the_latest))
    said = [f"{words} {text.weeks(minute)}" for words, minute in bounds if minute is not None]
    if trigger.at_the_latest is not None:
        said[-1] += " at the latest"
    if trigger.after_previous is not None:
        said.append(f"at least {duration(trigger.after_previous)} after the look before")
    return "".join(f", {part}" for part in said)


def _known(design: Design) -> list[str]:
    said = []
    if design.data_lag:
        said.append(f"What is observed is known to a look {duration(design.data_lag)} later.")
    if design.decided_after:
        said.append(f"A decision is taken {duration(design.decided_after)} after the cut-off of its look.")
    return said


def _read(design: Design, scenario: Scenario) -> list[str]:
    said = []
    for statistic in design.statistics:
        keys = [(key, getattr(statistic, field.field)) for key, field in keys_of(type(statistic)).items()]
        words = ", ".join(f"{key} {_shown(value)}" for key, value in keys if value not in (None, (), ""))
        of = "" if not statistic.followed_for else f", of patients followed for {duration(statistic.followed_for)}"
        said.append(f"{statistic.name}: {words}{of}.")
    return [*said, *(f"{f.name}: {text.rule(f.words, scenario)}." for f in design.formulas)]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " and ".join(map(_shown, value))
    if isinstance(value, float):
        return text.number(value)
    return text.spoken(str(getattr(value, "name", value)))


def _bounds(boundary: Boundary, design: Design) -> str:
    """The bounds of a boundary, and how they were made."""
    bounds = [
        f"{value:.3f} at '{look.name}'"
        for look, value in zip(design.looks, boundary.values, strict=True)
        if value == value  # nan: none there
    ]
    below = f", below {boundary.below}" if boundary.below else ""
    binding = ", as if it were always obeyed" if boundary.binding else ""
    return f"Boundary {boundary.name} ({boundary.words}{below}{binding}): {text.listed(bounds) or 'none'}."


def _rule(rule: TrialRule, design: Design, scenario: Scenario) -> str:
    every = len(rule.at) == len(design.looks)
    at = "each look" if every else text.listed([f"'{design.looks[k].name}'" for k in sorted(rule.at)])
    does = f"stop for {rule.reason}" if rule.action == "stop" else f"conclude '{rule.reason}'"
    before = any(r.number < rule.number and r.at & rule.at for r in design.rules)
    always = ", otherwise" if before else ""
    when = always if rule.rule is None else f" if {text.rule(rule.rule.words, scenario)}"
    return f"At {at}: {does}{when}.".replace("\u00a0", " ")


def _meaning(design: Design) -> list[str]:
    claims = [r for r in design.conclusions if r in design.success]
    quoted = text.listed([f"'{r}'" for r in claims])
    return [f"What claims an effect: {quoted}."] if claims else []
