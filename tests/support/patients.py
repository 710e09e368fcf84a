"""Toys whose hazards are each patient's own: for laws of events that a disease brings.

`Ailing` keeps whole numbers only, so that however its time is cut, it comes to the same; `Waning` keeps the rounding of
each cut, and so tells engines apart that cut differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from protocolsim.arithmetic import kernel, log
from protocolsim.arrays import Floats, Integers
from protocolsim.component import (
    ENROLMENT,
    Assessment,
    Hazard,
    PiecewiseConstant,
    RateKernel,
    Trait,
    Variable,
    Weibull,
    level_of,
    signal_sum,
)
from protocolsim.disease.base import Disease
from protocolsim.drug.base import LEVEL, Drug
from protocolsim.engine.batch import simulation as batch
from protocolsim.randomness import uniform
from protocolsim.records import Records, concatenate
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario
from tests.support import protocols, toys
from tests.support.toys import DAY

AILING_STREAM = 93_000
DEATH_STREAM, RELAPSE_STREAM, FLARE_STREAM = AILING_STREAM, AILING_STREAM + 1, AILING_STREAM + 2
_AGE, _EXPOSED, _FRAILTY, _CUTS = range(4)


@kernel
def start_ailing(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """A frailty that is exponential with mean 1; nothing lived through yet."""
    for i in rows:
        body[i, links[0] + _FRAILTY] = -log(uniform(seed, who[i, 0], who[i, 1], AILING_STREAM + 9, 0))


@kernel
def ail(body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers) -> None:
    """Count minutes, minutes on the tablet, and how often time was cut."""
    for i in rows:
        body[i, links[0] + _AGE] += until[i] - since[i]
        body[i, links[0] + _EXPOSED] += signal_sum(body, i, links, 1) * (until[i] - since[i])
        body[i, links[0] + _CUTS] += 1.0


@kernel
def by_frailty(body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats) -> None:
    """The subject's own frailty, the same at all times."""
    for k in range(rows.shape[0]):
        out[k] = body[rows[k], links[0] + _FRAILTY]


@kernel
def by_day(body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats) -> None:
    """1 % a day for each day lived, as the disease counts it; the engine's own minute is the same where they agree."""
    for k in range(rows.shape[0]):
        i = rows[k]
        age = body[i, links[0] + _AGE]
        out[k] = 0.01 / DAY * (age / DAY) if age == now[i] else np.inf


@kernel
def by_tablet(body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats) -> None:
    """20 % a day on the tablet, 2 % off it."""
    for k in range(rows.shape[0]):
        out[k] = (0.2 if signal_sum(body, rows[k], links, 1) > 0.0 else 0.02) / DAY


@kernel
def by_exposure(body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats) -> None:
    """2 % a day for each day on the tablet so far."""
    for k in range(rows.shape[0]):
        out[k] = 0.02 / DAY * (body[rows[k], links[0] + _EXPOSED] / DAY)


@kernel
def by_enrolment(body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats) -> None:
    """1 % a day for each day since enrolment; undefined before it."""
    for k in range(rows.shape[0]):
        i = rows[k]
        out[k] = 0.01 / DAY * (now[i] - signal_sum(body, i, links, 2 + links[1])) / DAY


@kernel
def look(
    body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers,
    index: Integers, minute: Integers, value: Floats, truth: Floats,
) -> None:  # fmt: skip
    """Show how often time was cut."""
    for k in range(rows.shape[0]):
        value[k, 0] = truth[k, 0] = body[rows[k], links[0] + _CUTS]


def _no_constants(values: Mapping[str, float]) -> Floats:
    return np.zeros(1)


Ailing = Disease(
    name="ailing",
    meaning="may be fatal",
    stream=AILING_STREAM,
    parameters=(),
    fields=("age", "exposed", "frailty", "cuts"),
    traits=(Trait("frailty", _FRAILTY, "", "how frail"),),
    reads=(level_of("tablet"), ENROLMENT),
    assessments=(Assessment("look", "how often time was cut", (Variable("cuts", "", "pieces of time"),), look),),
    start=start_ailing,
    advance=ail,
    constants=_no_constants,
)

# For the order of events, minute by minute ---------------------------------------------------------------------------


@kernel
def watch(body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers) -> None:
    """As the toy disease; the effect counts how often time was cut while the drugs were there already."""
    own = links[0]
    for i in rows:
        body[i, own] += until[i] - since[i]
        body[i, own + 2] = signal_sum(body, i, links, 2 + links[1])
        body[i, own + 1] += 1.0 if body[i, own + 2] == until[i] else 100.0


@kernel
def until_day_4(body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats) -> None:
    """What the parameter says, and nothing from day 4 on."""
    for k in range(rows.shape[0]):
        out[k] = constants[0] if now[rows[k]] < 4 * DAY else 0.0


@kernel
def by_what_was_given(
    body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats
) -> None:
    """What the parameter says for each mg given so far."""
    for k in range(rows.shape[0]):
        out[k] = constants[0] * body[rows[k], links[0] + 1]


@kernel
def by_level_alone(
    body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats
) -> None:
    """What the parameter says, times the dose in force."""
    for k in range(rows.shape[0]):
        out[k] = constants[0] * body[rows[k], links[0] + LEVEL]


def infusion_with(*hazards: Hazard, step: int | None = DAY) -> Drug:
    """The toy infusion with other hazards."""
    return replace(toys.Infusion, hazards=hazards, step=step)


# A state for each thing that can happen while on study; what is asked of it is put in.
COURSE = """
title: A course
cohort: {size: SIZE, disease: "tests.support.patients:Odd"}
drugs:
  tablet: {kind: "tests.support.protocols:Tablet"}
  pill: {kind: "tests.support.toys:Pill", rash: 0 / 1 day}
protocol:
  states:
    before: {VISITS lasts: 10 days}
    first: {enrolled: true, VISITS lasts: 10 days}
    second: {treatment: {tablet: standard}, VISITS lasts: 10 days}
    third: {VISITS lasts: 70 days}
FATE    done: {final: done}
  transitions:
    - {from: before, to: first}
    - {from: first, to: second}
    - {from: second, to: third}
    - {from: third, to: done}
"""
DYING = "    - {from: [before, first, second, third], to: dead, upon: death}\n"


def course(
    monkeypatch: Any, disease: Disease, *, size: int = 1, visits: str = "", cohort: str = "", more: str = DYING
) -> Scenario:
    """A scenario in whose cohort everybody has this disease; `visits` is the schedule of looks, `more` transitions."""
    monkeypatch.setattr("tests.support.patients.Odd", disease, raising=False)
    text = COURSE.replace("SIZE", f"{size}{cohort}").replace("VISITS", visits and f"assessments: {{look: {visits}}},")
    text = text.replace("FATE", "    dead: {final: dead}\n" if "dead" in more else "")
    return build(parse(text + more, "course.yaml"), allow_plugins=True)


def ailing(*hazards: Hazard, **changed: Any) -> Disease:
    """The toy disease with these hazards."""
    return replace(Ailing, hazards=hazards, **changed)


def death(multiplier: RateKernel | None = None, rate: float | None = None, **other: Any) -> Hazard:
    """A hazard of death, at so much of a day or as a kernel says."""
    return Hazard("death", DEATH_STREAM, None if rate is None else lambda constants, level: rate, multiplier, **other)


def ends(scenario: Scenario, seed: int = 1, replicates: int = 1) -> tuple[Floats, Any]:
    """Days from minute 0 to each subject's end, and whether it was death, on the batch engine."""
    records = records_of(scenario, seed, replicates)
    subjects = records["subjects"]
    dead = subjects["final_state"] == records.labels.states.index("dead")
    return subjects["end_minute"] / DAY, dead


def records_of(scenario: Scenario, seed: int = 1, replicates: int = 1) -> Records:
    """The records on the batch engine."""
    return concatenate(list(batch.pieces(scenario.trial, seed, range(replicates))))


# Drawn hazards -------------------------------------------------------------------------------------------------------


@kernel
def start_waning(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """As Drifting, and a reserve of 1."""
    protocols.start_drift(body, rows, links, constants, seed, who)
    for i in rows:
        body[i, links[0] + 3] = 1.0


@kernel
def wane(body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers) -> None:
    """As Drifting; the reserve falls by a third of a day's part, and more the higher the level is."""
    protocols.drift(body, rows, links, constants, since, until)
    for i in rows:
        reserve = body[i, links[0] + 3]
        body[i, links[0] + 3] = reserve - reserve * body[i, links[0]] * (until[i] - since[i]) / 30000.0


@kernel
def by_level(body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats) -> None:
    """Of the level, the drug in force and the reserve: sometimes below 0."""
    at = 2 + links[1]
    for k in range(rows.shape[0]):
        i = rows[k]
        depot = signal_sum(body, i, links, at)
        out[k] = (body[i, links[0]] - 0.3) * (1.0 + 2.0 * depot) * body[i, links[0] + 3]


@kernel
def by_time_on_study(
    body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats
) -> None:
    """Of the time since enrolment; undefined before it."""
    at = 2 + links[1]
    at += 1 + links[at]
    for k in range(rows.shape[0]):
        i = rows[k]
        out[k] = (now[i] - signal_sum(body, i, links, at)) / 9000.0


@kernel
def by_reserve(body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats) -> None:
    """Whole numbers."""
    for k in range(rows.shape[0]):
        out[k] = np.floor(4.0 * body[rows[k], links[0] + 3])


MULTIPLIERS: tuple[RateKernel, ...] = (by_level, by_time_on_study, by_reserve)
BASELINES = (
    Weibull(9.0 * DAY, 0.7),
    Weibull(9.0 * DAY, 2.5),
    PiecewiseConstant((), (0.1 / DAY,)),
    PiecewiseConstant((3.0 * DAY, 3.5 * DAY, 9.0 * DAY), (0.0, 0.5 / DAY, 0.0, 0.1 / DAY)),
    PiecewiseConstant((2000.0, 9.0 * DAY), (0.2 / DAY, 0.02 / DAY, 0.0)),
)
Waning = replace(
    protocols.Drifting,
    name="waning",
    fields=(*protocols.Drifting.fields, "reserve"),
    reads=("toy_level", level_of("depot"), ENROLMENT),
    start=start_waning,
    advance=wane,
)


@kernel
def by_store(body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats) -> None:
    """Of what is in store, and the dose."""
    for k in range(rows.shape[0]):
        i = rows[k]
        out[k] = constants[0] * body[i, links[0] + LEVEL] * (0.1 + body[i, links[0] + 1] / 100.0)


# Brings fever as its store says at each grid minute, and a rash once, from enrolment on.
Keeping = replace(
    protocols.Depot,
    step=1000,
    hazards=(
        Hazard("fever", protocols.DEPOT_STREAM, multiplier=by_store, changing=True),
        Hazard(
            "rash", protocols.DEPOT_STREAM + 1, lambda constants, level: level,
            baseline=lambda constants: PiecewiseConstant((4.0 * DAY,), (constants[1], 0.0)),
            since="enrolment", once=True,
        ),
    ),
)  # fmt: skip
