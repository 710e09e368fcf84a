"""Protocols of every shape that the scenario language can say, drawn by hypothesis, over plain toys.

A draft is what a scenario file would hold, as plain data. Its states stand in a row, s0, s1, ...: whoever finds no
reason to go elsewhere goes on to the next. Ways back are taken only so often, so that every course ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from protocolsim.arithmetic import exp, kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.component import Assessment, Hazard, Trait, Variable, signal_sum
from protocolsim.disease.base import Disease
from protocolsim.drug.base import LEVEL, Drug
from protocolsim.errors import ScenarioError
from protocolsim.randomness import uniform
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario
from tests.support.drawn_variables import keep_numbers
from tests.support.toys import assay, constants_of_rates, give, hazard_rate, start_nothing

DRIFT_STREAM, DEPOT_STREAM = 92_000, 92_100
_STATE, _OWN, _WEIGHT = range(3)
_STORE = 1  # where the kernels of toys.py keep what was given


# Toys ------------------------------------------------------------------------------------------------------------


@kernel
def start_drift(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Everybody begins somewhere else and weighs something else."""
    for i in rows:
        for field in range(3):
            body[i, links[0] + field] = uniform(seed, who[i, 0], who[i, 1], DRIFT_STREAM + 9, field)
        body[i, links[0] + _WEIGHT] = 40.0 + 50.0 * body[i, links[0] + _WEIGHT]


@kernel
def drift(body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers) -> None:
    """Relax towards the subject's own level; rounding tells how often time was cut."""
    for i in rows:
        target = body[i, links[0] + _OWN] / (1.0 + signal_sum(body, i, links, 1))
        kept = exp(-(until[i] - since[i]) / 7777.0)
        body[i, links[0] + _STATE] = target + (body[i, links[0] + _STATE] - target) * kept


@kernel
def look(
    body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers,
    index: Integers, minute: Integers, value: Floats, truth: Floats,
) -> None:  # fmt: skip
    """The level with noise, a small count that is often zero, and a coin."""
    for k in range(rows.shape[0]):
        i = rows[k]
        hidden = body[i, links[0] + _STATE]
        for v in range(3):
            value[k, v] = uniform(seed, who[i, 0], who[i, 1], DRIFT_STREAM + v, index[i])
            truth[k, v] = hidden
        value[k, 0] += hidden
        value[k, 1] = np.floor(3.0 * value[k, 1])


@kernel
def count_cells(
    body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers,
    index: Integers, minute: Integers, value: Floats, truth: Floats,
) -> None:  # fmt: skip
    """One number with noise."""
    for k in range(rows.shape[0]):
        i = rows[k]
        truth[k, 0] = body[i, links[0] + _OWN]
        value[k, 0] = truth[k, 0] * uniform(seed, who[i, 0], who[i, 1], DRIFT_STREAM + 5, index[i])


def _drifting_constants(values: Mapping[str, float]) -> Floats:
    return np.zeros(1)


# Random observations of a hidden state that wanders with time and treatment.
Drifting = Disease(
    name="drifting",
    meaning="a hidden level",
    stream=DRIFT_STREAM,
    parameters=(),
    fields=("state", "own", "weight"),
    traits=(
        Trait("weight", _WEIGHT, "kg", "body weight", hidden=False),
        Trait("own", _OWN, "", "where the level goes untreated"),
    ),
    reads=("toy_level",),
    assessments=(
        Assessment(
            "scan",
            "the level, a count and a coin",
            (Variable("height", "", "the level"), Variable("spots", "", "a count"), Variable("coin", "", "a coin")),
            look,
        ),
        Assessment("blood", "one number", (Variable("cells", "", "a number"),), count_cells),
    ),
    start=start_drift,
    advance=drift,
    constants=_drifting_constants,
)


@kernel
def empty_depot(
    body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers
) -> None:
    """What is in store decays."""
    for i in rows:
        body[i, links[0] + _STORE] *= exp(-(until[i] - since[i]) / 5000.0)


# Given in doses, with two hazards of its own: one grows with the dose.
Depot = Drug(
    name="depot",
    meaning="stays for days",
    stream=DEPOT_STREAM,
    parameters=(hazard_rate("fever"), hazard_rate("rash")),
    fields=("level", "store"),
    needs=("weight",),
    writes={"toy_level": _STORE},
    assessments=(Assessment("assay", "what is in store", (Variable("store", "mg", "in store"),), assay),),
    hazards=(
        Hazard("fever", DEPOT_STREAM, lambda constants, level: constants[0] * level),
        Hazard("rash", DEPOT_STREAM + 1, lambda constants, level: constants[1]),
    ),
    start=start_nothing,
    advance=empty_depot,
    give=give,
    constants=constants_of_rates,
)


def _tablet_constants(values: Mapping[str, float]) -> Floats:
    return np.zeros(1)


# On or off, without a hazard and without a life of its own.
Tablet = Drug(
    name="tablet",
    meaning="on or off",
    stream=DEPOT_STREAM + 100,
    parameters=(),
    fields=("level",),
    writes={"toy_level": LEVEL},
    start=start_nothing,
    constants=_tablet_constants,
)


# Drafts ----------------------------------------------------------------------------------------------------------

Draw = Callable[..., Any]
Draft = dict[str, Any]

ASSESSMENTS = ("scan", "blood", "assay")
EVENTS = ("fever", "rash", "dropout")
# What thresholds make sense for a variable.
_VARIABLES = {
    "height": (0.4, 0.8, 1.2),
    "spots": (0, 1, 2),
    "coin": (0.2, 0.5, 0.8),
    "cells": (0.1, 0.3),
    "store": (0, 30, 100),
}
_SHOWS = {"scan": ("height", "spots", "coin"), "blood": ("cells",), "assay": ("store",)}
_HOW = ("sum of", "mean of", "last of", "first of", "smallest of", "largest of", "count of")
_ROUNDS = 3  # a way back is taken while the state has been entered fewer times


def load(draft: Draft) -> Scenario:
    """The scenario of a draft: JSON is YAML. Raises ScenarioError where the builder refuses it."""
    return build(parse(json.dumps(draft), "drawn.yaml"), allow_plugins=True)


def _often(draw: Draw, of: int = 2) -> bool:
    """True once in `of` times."""
    return bool(draw(st.integers(1, of)) == of)


def _schedule(draw: Draw, days: int) -> Draft:
    """When something is planned in a state of so many days, its very end included."""
    kinds = ["days"] + ["every"] * (days >= 2) + ["weeks"] * (days >= 7)
    kind = draw(st.sampled_from(kinds))
    if kind == "days":
        halves = draw(st.lists(st.integers(0, 2 * days), min_size=1, max_size=4, unique=True))
        return {"days": [days if _often(draw, 4) and h == max(halves) else h / 2 for h in halves]}
    if kind == "weeks":
        return {"weeks": draw(st.lists(st.integers(0, days // 7), min_size=1, max_size=3, unique=True))}
    hours = draw(st.sampled_from([18, 24, 48, 84, 168]).filter(lambda h: h <= 24 * days))
    found: Draft = {"every": f"{hours} hours"}
    start = draw(st.integers(0, days - 1)) if _often(draw) else 0
    if start:
        found["start"] = f"{start} days"
    if _often(draw):
        # As many as fit, the one at the very end included, or fewer.
        found["times"] = draw(st.integers(1, 24 * (days - start) // hours + 1))
    elif _often(draw):
        found["through"] = "end"
    return found


def _visits(state: Draft, assessment: str) -> list[float]:
    """The days of a state's planned visits with this assessment, but for those at its very end."""
    schedule, days = state.get("assessments", {}).get(assessment), int(str(state.get("lasts", "0")).split()[0])
    if schedule is None:
        return []
    if "every" not in schedule:
        return [d for d in schedule.get("days", [7 * w for w in schedule.get("weeks", [])]) if d < days]
    start, hours = int(schedule.get("start", "0").split()[0]), int(schedule["every"].split()[0])
    return [start + k * hours / 24 for k in range(schedule.get("times", 99)) if start + k * hours / 24 < days]


def _at_visit(draw: Draw, states: Mapping[str, Draft], variable: str) -> Draft:
    """One planned visit that shows a variable; nothing where none does."""
    shows = next(a for a, shown in _SHOWS.items() if variable in shown)
    visits = [(name, day) for name, state in states.items() for day in _visits(state, shows)]
    if not visits:
        return {}
    # Most are of the first state, so that every rule has something to read.
    first = [visit for visit in visits if visit[0] == "s0"]
    name, day = draw(st.sampled_from(first if first and not _often(draw, 4) else visits))
    if _often(draw, 3):
        return {"at": f"day {day} since enrolment"}
    return {"at": f"day {day}"} | ({"during": name} if _often(draw) else {})


def _summaries(draw: Draw, states: Mapping[str, Draft]) -> tuple[Draft, dict[str, Sequence[str]]]:
    """Summaries by name, and thresholds for each that a rule may use."""
    found: Draft = {f"times_{s}": {"entries of": s} for s in states}
    bounds: dict[str, Sequence[str]] = {f"times_{s}": ("1", "2") for s in states}
    for k in range(draw(st.integers(2, 6))):
        variable = draw(st.sampled_from(list(_VARIABLES)))
        how = draw(st.sampled_from(_HOW))
        made: Draft = {how: variable}
        at = _at_visit(draw, states, variable) if _often(draw, 4) else {}
        made |= at
        if not at and _often(draw, 3):
            also = draw(st.lists(st.sampled_from(list(states)), max_size=2, unique=True))
            made["during"] = sorted({"s0", *also}) if also else "s0"
        if _often(draw, 3):
            made["within"] = f"{draw(st.sampled_from([0, 1, 3, 9]))} days"
        for key in ("first", "last"):
            if not at and _often(draw, 4):
                made[key] = draw(st.integers(1, 3))
        found[f"m{k}"] = made
        bounds[f"m{k}"] = ("1", "2", "4") if how == "count of" else tuple(map(str, _VARIABLES[variable]))
    # Milligrams and plain numbers do not add up.
    numbers = [name for name in found if name.startswith("m") and not _in_mg(found[name])]
    for k in range(draw(st.integers(0, 3)) if numbers else 0):
        a, b = draw(st.sampled_from(numbers)), draw(st.sampled_from(numbers))
        words = ("{a} / {b}", "1 - {a} / {b}", "-{a} + {b}", "{a} * {b} - 0.3", "({a} - {b}) / ({a} + {b})", "-{a} / 3")
        found[f"f{k}"] = draw(st.sampled_from(words)).format(a=a, b=b)
        bounds[f"f{k}"] = ("0", "0.3", "1")
        numbers.append(f"f{k}")
    for k in range(draw(st.integers(0, 2))):
        found[f"since{k}"] = {"time since": draw(st.sampled_from(["enrolment", *states]))}
        bounds[f"since{k}"] = ("0 days", "3 days", "8 days")
    bounds["weight"] = ("50 kg", "75 kg")
    return found, bounds


def _comparison(draw: Draw, made: Draft, bounds: Mapping[str, Sequence[str]]) -> str:
    name = draw(st.sampled_from(list(bounds)))
    op = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
    bound = draw(st.sampled_from(list(bounds[name])))
    return f"{name} {op} {bound}{' mg' if _in_mg(made.get(name)) else ''}"


def _in_mg(summary: Any) -> bool:
    return isinstance(summary, dict) and "store" in summary.values() and "count of" not in summary


def _rule(draw: Draw, made: Draft, bounds: Mapping[str, Sequence[str]]) -> str:
    first = _comparison(draw, made, bounds)
    shape = draw(st.sampled_from(["{a}", "{a}", "not ({a})", "{a} and {b}", "{a} or {b}", "not {a} or {b}"]))
    return str(shape.format(a=first, b=_comparison(draw, made, bounds)))


def _state(draw: Draw, number: int, count: int, enrolling: set[int]) -> Draft:
    """One state; the first sees everything once, so that every rule has something to read."""
    after_enrolment = number > min(enrolling)
    days = draw(st.sampled_from([0, 1, 3, 7, 7, 10, 14]))
    until = after_enrolment and number not in enrolling and _often(draw, 5)
    days = max(days, 1) if until else days
    found: Draft = {"until" if until else "lasts": f"{days} days"}
    if number in enrolling:
        found["enrolled"] = True
    wanted = [a for a in ASSESSMENTS if number == 0 or _often(draw)]
    if wanted:
        found["assessments"] = {a: _schedule(draw, days) for a in draw(st.permutations(wanted))}
    treatment: Draft = {drug: "standard" for drug in ("tablet", "pill") if _often(draw, 3)}
    if _often(draw):
        dose = draw(st.sampled_from([0, 1, 2.5]))
        treatment["depot"] = {"dose": f"{dose} mg/kg", **_schedule(draw, days)}
    if treatment:
        found["treatment"] = treatment
    return found


class _Ways:
    """The transitions of a draft, drawn state by state."""

    def __init__(
        self, draw: Draw, states: Mapping[str, Draft], made: Draft, bounds: Mapping[str, Sequence[str]]
    ) -> None:
        self.draw, self.states, self.made, self.bounds = draw, states, made, bounds
        self.count = len(states)
        self.randomisers: dict[int, str] = {}  # who randomises where; nobody goes back past them
        self.found: list[Draft] = []

    def rule(self) -> str:
        return _rule(self.draw, self.made, self.bounds)

    def target(self, source: int, *, forward: bool = False) -> tuple[str, str]:
        """A state to go to, and what must hold so that the way there is not taken for ever."""
        back = max((u + 1 for u in self.randomisers if u < source), default=0)
        lowest = source + 1 if forward else back
        to = self.draw(st.sampled_from([*range(lowest, self.count), "done", "out"]))
        if isinstance(to, str):
            return to, ""
        return f"s{to}", f"times_s{to} < {_ROUNDS}" if to <= source else ""

    def lead(self, source: int, **trigger: str) -> None:
        """A way out for a reason."""
        instant = self.states[f"s{source}"].get("lasts") == "0 days" or "until" in self.states[f"s{source}"]
        to, guard = self.target(source, forward=instant and not trigger)
        when = self.rule()
        self.found.append(
            {"from": f"s{source}", "to": to, **trigger, "when": f"{guard} and ({when})" if guard else when}
        )

    def choice(self, source: int, onwards: str) -> Draft:
        """A way out by chance, which may read the chart."""
        numbers = [n for n in self.made if n.startswith(("m", "f")) and not _in_mg(self.made[n])]
        later = [f"s{k}" for k in range(source + 2, self.count) if "until" not in self.states[f"s{k}"]] + ["out"]
        to = self.draw(st.lists(st.sampled_from(later), min_size=1, max_size=2, unique=True))
        chances = ["0.4", "0", "1", "25 %", *(f"{n} / 3" for n in numbers), *(f"1 - {n}" for n in numbers)]
        choose = {state: self.draw(st.sampled_from(chances)) for state in to}
        if sum(c == "1" for c in choose.values()) + sum(c in ("0.4", "25 %") for c in choose.values()) > 1:
            choose = dict.fromkeys(to, "25 %")
        items = self.draw(st.permutations([*choose.items(), (onwards, "otherwise")]))
        name = {"name": f"choice {source}"} if _often(self.draw) else {}
        return {**name, "from": f"s{source}", "choose": dict(items)}

    def out_of(self, source: int) -> None:
        """All ways out of one state."""
        draw, state = self.draw, self.states[f"s{source}"]
        name = self.randomisers.get(source)
        trigger = draw(st.sampled_from(["end", "end", "after", "upon"])) if name else ""
        for assessment in state.get("assessments", {}):
            days = _visits(state, assessment)
            if days and _often(draw, 3):
                self.lead(source, after=assessment, at=f"day {draw(st.sampled_from(days))}")
            if _often(draw, 3):
                self.lead(source, after=assessment)
            if trigger == "after":
                self.found.append({"from": f"s{source}", "randomise": name, "after": assessment, "when": self.rule()})
                trigger = "done"
        for event in EVENTS:
            if _often(draw, 4):
                self.lead(source, upon=event)
            if trigger == "upon":
                self.found.append({"from": f"s{source}", "randomise": name, "upon": event, "when": self.rule()})
                trigger = "done"
        for _ in range(draw(st.integers(0, 2))):
            self.lead(source)
        if trigger == "end" and _often(draw):
            self.found.append({"from": f"s{source}", "randomise": name})
            return
        if name and trigger != "done":
            self.found.append({"from": f"s{source}", "randomise": name, "when": self.rule()})
        onwards = f"s{source + 1}" if source + 1 < self.count else "done"
        if _often(draw, 4):
            self.found.append(self.choice(source, onwards))
            return
        self.found.append({"from": f"s{source}", "to": onwards, "otherwise": True})


def _randomisations(draw: Draw, ways: _Ways) -> Draft:
    """Up to two, each used by one or two states and leading past them."""
    found: Draft = {}
    first = 0
    for name in ("arms", "again"):
        last = ways.count - 2
        if first > last or not _often(draw):
            break
        users = sorted(draw(st.sets(st.integers(first, last), min_size=1, max_size=2)))
        for user in users:
            ways.randomisers[user] = name
        others = [f"s{k}" for k in range(users[-1] + 2, ways.count)] + ["done"]
        arms = [f"s{users[-1] + 1}", *draw(st.lists(st.sampled_from(others), min_size=1, max_size=2, unique=True))]
        between = {arm: draw(st.integers(1, 2)) for arm in draw(st.permutations(arms))}
        made: Draft = {"between": between}
        if _often(draw):
            made["block"] = sum(between.values()) * draw(st.integers(1, 3))
        strata = (["site"] if _often(draw) else []) + [ways.rule() for _ in range(draw(st.integers(0, 2)))]
        if strata:
            made["strata"] = strata
        found[name] = made
        first = users[-1] + 1
    return found


def _cohort(draw: Draw) -> Draft:
    found: Draft = {
        "disease": "tests.support.protocols:Drifting",
        "size": draw(st.integers(1, 6)),
        "max_candidates": 70,
    }
    if _often(draw):
        sites = {}
        for name in ("north", "south", "west")[: draw(st.integers(1, 3))]:
            sites[name] = {"arrivals": f"{draw(st.integers(1, 3))} / 2 days"}
            if _often(draw):
                sites[name]["opens"] = f"{draw(st.sampled_from([0, 5, 20]))} days"
        found["sites"] = sites
    if _often(draw):
        found["dropout"] = draw(st.sampled_from(["1 % / 1 day", "10 % / 1 day"]))
    if _often(draw):
        found["no_show"] = draw(st.sampled_from(["10 %", "50 %"]))
    return found


@st.composite
def drafts(draw: Draw) -> Draft:
    """A scenario file as plain data; the builder may still refuse it."""
    count = draw(st.integers(1, 5))
    names = [f"s{k}" for k in range(count)]
    # Most drafts enrol after the first state, where a rule can refuse most candidates.
    enrolling = draw(
        st.sets(st.integers(min(1, count - 1) if not _often(draw, 4) else 0, count - 1), min_size=1, max_size=2)
    )
    states = {name: _state(draw, k, count, enrolling) for k, name in enumerate(names)}
    made, bounds = _summaries(draw, states)
    ways = _Ways(draw, states, made, bounds)
    randomisations = _randomisations(draw, ways)
    for source in range(count):
        ways.out_of(source)
    cohort = _cohort(draw)
    if "dropout" in cohort:
        ways.found.append({"from": "on study", "to": "out", "upon": "dropout"})
    if _often(draw):
        ways.found.append({"from": "on study", "to": "out", "upon": "fever"})
    used = (
        {t.get("to") for t in ways.found}
        | {s for t in ways.found for s in t.get("choose", {})}
        | {arm for r in randomisations.values() for arm in r["between"]}
    )
    finals = {name: {"final": name} for name in ("done", "out") if name in used}
    hazard = st.sampled_from(["0 / 1 day", "3 % / 1 day", "30 % / 1 day"])
    draft: Draft = {
        "title": "A drawn trial",
        "cohort": cohort,
        "drugs": {
            "pill": {"kind": "tests.support.toys:Pill", "rash": draw(hazard)},
            "depot": {"kind": "tests.support.protocols:Depot", "fever": draw(hazard), "rash": draw(hazard)},
            "tablet": {"kind": "tests.support.protocols:Tablet"},
        },
        "protocol": {
            "summaries": made,
            "states": {**states, **finals},
            "randomisations": randomisations,
            "transitions": ways.found,
        },
        "endpoints": {
            "ended": {"kind": "share", "ended_in": "done", "among": "screened"},
            "ill": {"kind": "share", "with_event": ["fever", "rash"], "among": "enrolled"},
            "way": {"kind": "time_to", "start": "s0", "to": "done", "among": "screened"},
            "given": {"kind": "dose_total", "drug": "depot", "among": "enrolled"},
        },
    }
    if _often(draw):
        keep_numbers(draw, draft)
    return draft


def runnable(draft: Draft) -> Scenario:
    """The scenario of a draft; one that the builder refuses is drawn anew."""
    try:
        return load(draft)
    except ScenarioError:
        reject()


# A trial with a bit of everything, for laws that one good example shows -----------------------------------------------

RICH = """
title: A bit of everything
cohort:
  disease: "tests.support.protocols:Drifting"
  size: 12
  sites: {north: {arrivals: 2 / 1 day}, south: {arrivals: 1 / 1 day, opens: 5 days}}
  dropout: 1 % / 1 day
  no_show: 15 %
drugs:
  pill: {kind: "tests.support.toys:Pill", rash: 3 % / 1 day}
  depot: {kind: "tests.support.protocols:Depot", fever: 1 % / 1 day, rash: 2 % / 1 day}
  tablet: {kind: "tests.support.protocols:Tablet"}
protocol:
  summaries:
    coin: {last of: coin}
    before: {mean of: height, during: [quick, slow]}
    lately: {mean of: height, last: 2}
    fall: 1 - lately / before
    rounds: {entries of: treated}
  states:
    visit: {assessments: {scan: {days: [0]}}, lasts: 1 day}
    quick: {assessments: {scan: {days: [0, 1]}}, lasts: 2 days}
    slow: {treatment: {tablet: standard}, assessments: {scan: {every: 1 day}}, lasts: 4 days}
    treated:
      enrolled: true
      treatment: {depot: {dose: 1 mg/kg, every: 3 days}, tablet: standard}
      assessments: {scan: {every: 36 hours}, assay: {days: [0, 6, 9]}}
      lasts: 9 days
    control: {enrolled: true, treatment: {pill: standard}, assessments: {scan: {every: 36 hours}}, lasts: 9 days}
    strong: {treatment: {depot: {dose: 2 mg/kg, days: [0, 4]}}, assessments: {scan: {days: [0, 4]}}, until: 21 days}
    weak: {treatment: {pill: standard}, assessments: {blood: {every: 2 days}}, until: 21 days}
    refused: {final: refused}
    stopped: {final: stopped}
    done: {final: done}
  randomisations:
    run_in: {between: {quick: 1, slow: 2}}
    arms: {between: {strong: 2, weak: 1}, block: 6, strata: [site, lately > 0.8]}
  transitions:
    - {from: visit, to: refused, when: coin < 0.3}
    - {from: visit, randomise: run_in}
    - {from: [quick, slow], to: refused, when: before < 0.7}
    - {from: [quick, slow], to: treated, when: coin > 0.5}
    - {from: [quick, slow], to: control}
    - {from: treated, to: stopped, upon: fever}
    - {from: treated, to: treated, after: scan, when: fall > 0.2 and rounds < 4}
    - {from: [treated, control], randomise: arms, when: coin > 0.2}
    - {from: [treated, control], to: done}
    - {from: strong, to: weak, after: scan, when: fall < 0 and coin > 0.6}
    - {from: [strong, weak], to: done}
    - {from: on study, to: stopped, upon: dropout}
"""


def rich(**cohort: str) -> Scenario:
    """The rich trial; keys of its cohort may be said anew: size="100"."""
    document = parse(RICH, "rich.yaml")
    draft = json.loads(json.dumps(document.data))
    draft["cohort"] |= cohort
    return load(draft)
