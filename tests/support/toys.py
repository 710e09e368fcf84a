"""A disease and drugs so plain that every record of a trial can be worked out by hand.

The scan shows how many minutes the disease has lived through (`clock`), the area under the drugs' levels so far
(`effect`), the minute the drugs had reached when the disease read them (`mark`), and a keyed uniform (`chance`).
The assay shows what has been infused so far (`total`, mg). Events fall at rates that the scenario sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.cohort.capacity import Resource
from protocolsim.component import Assessment, Hazard, Parameter, Trait, Variable, signal_sum
from protocolsim.disease.base import Disease
from protocolsim.drug.base import LEVEL, Drug
from protocolsim.engine.des import simulation
from protocolsim.randomness import exponential_quantile, uniform
from protocolsim.records import Records
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario

DAY = 1440
DISEASE_STREAM, INFUSION_STREAM, PILL_STREAM, IDLE_STREAM = 91_000, 91_100, 91_200, 91_300
FEVER_STREAM, RASH_STREAM = INFUSION_STREAM, INFUSION_STREAM + 1
CHANCE_STREAM, BLOOD_STREAM = DISEASE_STREAM, DISEASE_STREAM + 1
WEIGHT = 50.0

_CLOCK, _EFFECT, _MARK, _WEIGHT, _OWN = range(5)
_TOTAL, _REACHED = 1, 2


@kernel
def start_disease(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Everybody weighs the same; one hidden number is each subject's own."""
    own = links[0]
    for i in rows:
        body[i, own + _WEIGHT] = WEIGHT
        body[i, own + _OWN] = uniform(seed, who[i, 0], who[i, 1], DISEASE_STREAM + 9, 0)


@kernel
def live(body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers) -> None:
    """Count the minutes, and the area under the levels."""
    own = links[0]
    marks_at = 2 + links[1]
    for i in rows:
        minutes = until[i] - since[i]
        body[i, own + _CLOCK] += minutes
        body[i, own + _EFFECT] += signal_sum(body, i, links, 1) * minutes
        body[i, own + _MARK] = signal_sum(body, i, links, marks_at)


@kernel
def scan(
    body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers,
    index: Integers, minute: Integers, value: Floats, truth: Floats,
) -> None:  # fmt: skip
    """Show the disease's columns and a keyed number."""
    own = links[0]
    for n in range(rows.shape[0]):
        i = rows[n]
        for k in range(3):
            value[n, k] = body[i, own + k]
            truth[n, k] = minute[i]
        value[n, 3] = uniform(seed, who[i, 0], who[i, 1], CHANCE_STREAM, index[i])
        truth[n, 3] = body[i, own + _OWN]


@kernel
def blood(
    body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers,
    index: Integers, minute: Integers, value: Floats, truth: Floats,
) -> None:  # fmt: skip
    """Show a keyed number."""
    for k in range(rows.shape[0]):
        i = rows[k]
        value[k, 0] = uniform(seed, who[i, 0], who[i, 1], BLOOD_STREAM, index[i])
        truth[k, 0] = 0.0


def _toy_disease_constants(values: Mapping[str, float]) -> Floats:
    return np.zeros(1)


ToyDisease = Disease(
    name="toy_disease",
    meaning="a clock",
    stream=DISEASE_STREAM,
    parameters=(),
    fields=("clock", "effect", "mark", "weight", "own"),
    traits=(
        Trait("weight", _WEIGHT, "kg", "body weight", hidden=False),
        Trait("own", _OWN, "", "the subject's own number"),
    ),
    reads=("toy_level", "toy_mark"),
    assessments=(
        Assessment(
            "scan",
            "the disease's columns",
            (
                Variable("clock", "", "minutes lived through"),
                Variable("effect", "", "area under the levels"),
                Variable("mark", "", "the minute the drugs had reached"),
                Variable("chance", "", "a keyed uniform"),
            ),
            scan,
        ),
        Assessment("blood", "a keyed number", (Variable("cells", "", "a keyed uniform"),), blood),
    ),
    start=start_disease,
    advance=live,
    constants=_toy_disease_constants,
)


@kernel
def start_infusion(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Nothing given yet."""
    for i in rows:
        body[i, links[0] + _TOTAL] = 0.0


@kernel
def infuse(body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers) -> None:
    """The drug has reached this minute."""
    for i in rows:
        body[i, links[0] + _REACHED] = until[i]


@kernel
def give(
    body: Floats, rows: Integers, links: Integers, constants: Floats, dose: Floats, per_weight: bool, amount: Floats
) -> None:
    """Add the dose, or dose x weight, to what was given."""
    for k in range(rows.shape[0]):
        i = rows[k]
        amount[k] = dose[k] * body[i, links[1]] if per_weight else dose[k]
        body[i, links[0] + _TOTAL] += amount[k]


@kernel
def assay(
    body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers,
    index: Integers, minute: Integers, value: Floats, truth: Floats,
) -> None:  # fmt: skip
    """Show what has been given so far."""
    for k in range(rows.shape[0]):
        i = rows[k]
        value[k, 0] = truth[k, 0] = body[i, links[0] + _TOTAL]


def hazard_rate(name: str) -> Parameter:
    """A parameter that is how often an event of this name comes."""
    return Parameter(name, 0.0, "1/minute", 0.0, 1e3, "A", "", f"{name}: how often it comes")


def _given_rate(number: int) -> Any:
    return lambda constants, level: constants[number]


def constants_of_rates(values: Mapping[str, float]) -> Floats:
    return np.array([values["fever"], values["rash"]])


Infusion = Drug(
    name="toy_infusion",
    meaning="given in doses",
    stream=INFUSION_STREAM,
    parameters=(hazard_rate("fever"), hazard_rate("rash")),
    fields=("level", "total", "reached"),
    needs=("weight",),
    writes={"toy_level": LEVEL, "toy_mark": _REACHED},
    assessments=(Assessment("assay", "what was given", (Variable("total", "mg", "given so far"),), assay),),
    hazards=(Hazard("fever", FEVER_STREAM, _given_rate(0)), Hazard("rash", RASH_STREAM, _given_rate(1))),
    start=start_infusion,
    advance=infuse,
    give=give,
    constants=constants_of_rates,
)


@kernel
def start_nothing(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Nothing to fill."""


def _pill_constants(values: Mapping[str, float]) -> Floats:
    return np.array([values["rash"]])


Pill = Drug(
    name="toy_pill",
    meaning="on or off",
    stream=PILL_STREAM,
    parameters=(hazard_rate("rash"),),
    fields=("level",),
    writes={"toy_level": LEVEL},
    hazards=(Hazard("rash", PILL_STREAM, _given_rate(0)),),
    start=start_nothing,
    constants=_pill_constants,
)


def _idle_constants(values: Mapping[str, float]) -> Floats:
    return np.zeros(1)


# A drug that does nothing.
Idle = Drug(
    name="toy_idle",
    meaning="does nothing",
    stream=IDLE_STREAM,
    parameters=(),
    fields=("level",),
    start=start_nothing,
    constants=_idle_constants,
)


# Scenarios -------------------------------------------------------------------------------------------------------

TEXT = """
title: A toy
cohort:
  disease: "tests.support.toys:ToyDisease"
{cohort}
drugs:
  infusion: {{kind: "tests.support.toys:Infusion", {infusion}}}
  pill: {{kind: "tests.support.toys:Pill", {pill}}}
{drugs}
protocol:
{protocol}
"""


def scenario(
    protocol: str, *, cohort: str = "size: 1", infusion: str = "", pill: str = "", drugs: str = ""
) -> Scenario:
    """A scenario of the toys; the pieces are YAML."""
    text = TEXT.format(
        protocol=_indented(protocol), cohort=_indented(cohort), infusion=infusion, pill=pill, drugs=_indented(drugs)
    )
    return build(parse(text, "toy.yaml"), allow_plugins=True)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def run(protocol: str, *, seed: int = 1, replicates: int = 1, **pieces: str) -> Records:
    """The records of a toy trial on the reference engine."""
    return simulation.simulate(scenario(protocol, **pieces).trial, seed, range(replicates))


def rows(records: Records, table: str, *columns: str, **where: Any) -> list[Any]:
    """Rows of a table with names for codes: tuples of these columns, or bare values of one, where others agree."""
    frame = records.frame(table)
    for column, wanted in where.items():
        frame = frame[frame[column] == wanted]
    found = [tuple(row) for row in frame[list(columns)].itertuples(index=False)]
    return [value for (value,) in found] if len(columns) == 1 else found


def moves(records: Records, **where: Any) -> list[Any]:
    """(minute, from, to) of each move."""
    return rows(records, "moves", "minute", "from_state", "to_state", **where)


def scans(records: Records, *columns: str, variable: str = "clock", **where: Any) -> list[Any]:
    """Columns (minute and value unless told) of the observations of one variable."""
    return rows(records, "observations", *(columns or ("minute", "value")), variable=variable, **where)


def threshold(stream: int, occurrence: int = 1, *, seed: int = 1, replicate: int = 0, subject: int = 0) -> float:
    """The hazard that this subject's clock waits for."""
    return exponential_quantile(uniform(seed, replicate, subject, stream, occurrence))


def rate_for(minute: int, stream: int, **key: int) -> str:
    """The rate at which a subject's first event of a stream falls on this minute, as the scenario says it."""
    return f"{threshold(stream, **key) / (minute - 0.5):.20f} / 1 minute"


def overlaps(records: Records, resource: Resource) -> int:
    """The most uses of a resource at one site at any one time, by the records of one replicate."""
    begins = dict(rows(records, "subjects", "subject", "arrival_day"))
    site = dict(rows(records, "subjects", "subject", "site"))
    uses = set(rows(records, "observations", "subject", "minute", "assessment", status="made"))
    uses |= set(rows(records, "doses", "subject", "minute", "drug", status="given"))
    most = 0
    for number in resource.sites:
        here = records.labels.sites[number]
        starts = [begins[s] * DAY + m for s, m, name in uses if name in resource.serves and site[s] == here]
        most = max([most, *(sum(t <= u < t + resource.slot for t in starts) for u in starts)])
    return most
