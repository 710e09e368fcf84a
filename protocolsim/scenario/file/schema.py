"""The shape of a scenario file, as pydantic models: what keys there are, and what stands behind each.

Names and units are looked at later, by the builder; here only the shape is checked, and every fault of shape is
found at once (shape.py). The JSON Schema that editors use is written from these models (json_schema.py).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from protocolsim.component import Mark
from protocolsim.endpoint.base import Endpoint, Role

Scalar = StrictInt | StrictFloat | StrictStr
Text = Annotated[StrictStr, Field(min_length=1)]
Names = StrictStr | list[StrictStr]


class Part(BaseModel):
    """A mapping with known keys only."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False, frozen=True)


class ScenarioParameter(Part):
    """A named number that rules, doses and durations may use, and that can be varied."""

    value: Scalar = Field(description="its value, with a unit: 75 %, 1 mg/kg, 12 weeks")
    range: Annotated[list[Scalar], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="the lowest and highest value that make sense"
    )
    meaning: Text = Field(description="what it is, in a few words")
    mark: Mark | None = Field(default=None, description="how its value is known: F, F2, D, A or M")
    source: Text | None = Field(default=None, description="where its value comes from")


class SitePart(Part):
    """One clinic."""

    arrivals: Scalar = Field(description="candidates per time, such as 2 / 4 weeks")
    opens: Scalar = Field(default="0 days", description="when it begins to screen, in the trial's calendar")


class ResourcePart(Part):
    """Equal units at each site that serve one subject at a time: scanners, infusion chairs."""

    serves: Names = Field(description="the assessments and drugs that need it")
    at: Names | None = Field(default=None, description="the sites that have it; every site where absent")
    units: StrictInt = Field(default=1, description="how many of them each site has")
    slot: Scalar = Field(default="60 minutes", description="how long one use takes")
    opens_at: Scalar = Field(default="8 hours", description="opening hour, as time since midnight")
    closes_at: Scalar = Field(default="16 hours", description="closing hour, as time since midnight")
    weekdays: StrictInt = Field(default=5, description="open on the first so many days of each week")


class CohortPart(BaseModel):
    """Who takes part. Every parameter of the disease may stand here by its own name."""

    model_config = ConfigDict(extra="allow", frozen=True)

    size: Scalar = Field(description="subjects to enrol")
    disease: Text = Field(description="the disease model")
    max_candidates: Scalar | None = Field(default=None, description="stop with an error after screening so many")
    arrivals: Scalar | None = Field(
        default=None, description="candidates per time at a single site, such as 1 / 4 weeks"
    )
    sites: dict[str, SitePart] | None = Field(default=None, description="the clinics, by name")
    capacity: dict[str, ResourcePart] | None = Field(default=None, description="what is limited, by name")
    dropout: Scalar = Field(default=0, description="rate of leaving the study, such as 0.5 % / 4 weeks")
    no_show: Scalar = Field(default=0, description="probability that a subject does not come to a planned visit")


class DrugPart(BaseModel):
    """A drug's own parameters, by name."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Text | None = Field(default=None, description="a drug by its name, or your.module:COMPONENT from outside")


class Schedule(Part):
    """When something is planned, counted from the start of the state. One of weeks, days, every."""

    weeks: list[Scalar] | None = Field(default=None, description="the weeks it is planned for")
    days: list[Scalar] | None = Field(default=None, description="the days it is planned for")
    every: Scalar | None = Field(default=None, description="repeated at this interval, before the state's end")
    start: Scalar = Field(default="0 weeks", description="with every: the first time")
    times: Scalar | None = Field(default=None, description="with every: at most so often")


class Regimen(Schedule):
    """A dose, and when it is given."""

    dose: Scalar = Field(description="the dose of one administration, such as 1 mg/kg")


class StatePart(Part):
    """One state of the protocol."""

    label: Text | None = Field(default=None, description="what a reader calls it")
    final: Text | None = Field(default=None, description="makes the state final; the outcome of those who end here")
    enrolled: StrictBool = Field(default=False, description="whoever enters this state is enrolled")
    treatment: dict[str, Literal["standard"] | Regimen] = Field(default={}, description="drugs given here, by name")
    assessments: dict[str, Schedule] = Field(default={}, description="what is measured here, by name")
    lasts: Scalar | None = Field(default=None, description="how long the state lasts, such as 12 weeks")
    until: Scalar | None = Field(default=None, description="instead of lasts: when it ends, as time since enrolment")


class SummaryPart(Part):
    """A number built from observations."""

    sum_of: Text | None = Field(
        default=None,
        alias="sum of",
        description="the sum of this variable's observations",
        examples=["{sum of: new_cel, during: combination}"],
    )
    mean_of: Text | None = Field(
        default=None,
        alias="mean of",
        description="the mean of this variable's observations",
        examples=["{mean of: cel, during: baseline, last: 3}"],
    )
    last_of: Text | None = Field(
        default=None,
        alias="last of",
        description="the latest observation of this variable",
        examples=["{last of: cel, within: 4 weeks}"],
    )
    first_of: Text | None = Field(
        default=None,
        alias="first of",
        description="the earliest observation of this variable",
        examples=["{first of: edss, during: baseline}"],
    )
    smallest_of: Text | None = Field(
        default=None,
        alias="smallest of",
        description="the smallest observation of this variable",
        examples=["{smallest of: cel, during: [combination, monotherapy]}"],
    )
    largest_of: Text | None = Field(
        default=None,
        alias="largest of",
        description="the largest observation of this variable",
        examples=["{largest of: new_cel, last: 4}"],
    )
    count_of: Text | None = Field(
        default=None,
        alias="count of",
        description="how many observations of this variable were made; 0 where there are none",
        examples=["{count of: cel, during: combination}"],
    )
    entries_of: Text | None = Field(
        default=None,
        alias="entries of",
        description="how often this state was entered",
        examples=["{entries of: dose_doubled}"],
    )
    time_since: Text | None = Field(
        default=None,
        alias="time since",
        description="the time since 'enrolment', or since a state's last entry",
        examples=["{time since: enrolment}"],
    )
    during: Names | None = Field(default=None, description="only observations made in these states")
    within: Scalar | None = Field(default=None, description="only observations so recent, such as 4 weeks")
    first: StrictInt | None = Field(default=None, description="only the first so many")
    last: StrictInt | None = Field(default=None, description="only the last so many")


class TransitionPart(Part):
    """A way from one state to another. Tried when the state's time is over, unless `after` or `upon` says otherwise."""

    from_: Names = Field(alias="from", description="a state, several, 'on study' or 'any'")
    to: Text | None = Field(default=None, description="the state it leads to")
    randomise: Text | None = Field(default=None, description="instead of to: the randomisation that chooses the state")
    after: Text | None = Field(default=None, description="tried after this assessment")
    upon: Text | None = Field(default=None, description="tried upon this event")
    when: Scalar | None = Field(default=None, description="the decision rule")
    otherwise: Literal[True] | None = Field(default=None, description="taken where no rule before it held")


class RandomisationPart(Part):
    """Permuted blocks."""

    between: dict[str, StrictInt] = Field(description="states and their ratio, such as {treated: 1, control: 1}")
    block: StrictInt | None = Field(default=None, description="block size; twice the sum of the ratio where absent")
    strata: list[Scalar] = Field(default=[], description="'site', and rules whose truth separates lists")


class AlwaysPart(Part):
    """What must hold on every path through the protocol; `protocolsim check` proves it, or shows a path that breaks it.

    One of 'doses of', 'total dose of' and 'time since', and its bound.
    """

    doses_of: Text | None = Field(default=None, alias="doses of", description="how often this drug is given")
    total_dose_of: Text | None = Field(
        default=None, alias="total dose of", description="the sum of this drug's doses, in mg/kg"
    )
    time_since: Text | None = Field(
        default=None, alias="time since", description="'enrolment', or a state's last entry, until the course ends"
    )
    in_any: Scalar | None = Field(
        default=None, alias="in any", description="of doses: counted in any so long a time, such as 28 days"
    )
    at_most: Scalar = Field(alias="at most", description="the bound, which may be met: 20 mg/kg, 2, 66 weeks")


class ProtocolPart(Part):
    """The protocol."""

    window: Scalar = Field(default="7 days", description="how late a visit may be made where capacity is limited")
    summaries: dict[str, Scalar | SummaryPart] = Field(default={}, description="numbers that rules may use")
    states: dict[str, StatePart] = Field(description="the states; subjects start in the first")
    randomisations: dict[str, RandomisationPart] = Field(default={})
    transitions: list[TransitionPart] = Field(description="the ways between states, in the order they are tried")
    always: dict[str, AlwaysPart] = Field(default={}, description="what must hold on every path, by name")


class ResponderPart(Part):
    """Who truly responds: those whose hidden trait lies below a cut."""

    trait: Text = Field(description="a hidden trait of the disease or a drug")
    below: Scalar = Field(description="the cut; it stays where it is while the threshold moves")


class LossPart(Part):
    """What a decision costs over the horizon: expected count + stop_weight x P(stop) + dose_weight x mg/kg."""

    count: Text = Field(description="the variable whose expected number is to be small")
    stop: Text = Field(description="the event that ends treatment")
    stop_weight: Scalar = Field(description="how many counts one such event weighs")
    drug: Text = Field(description="the drug that is given")
    dose_weight: Scalar = Field(description="how many counts one mg/kg weighs")


class MeasurePart(Part):
    """Another definition of what a rule compares with its threshold."""

    label: Text = Field(description="what a reader calls it")
    value: Scalar = Field(description="an expression over parameters, traits and summaries")


class DecisionPart(Part):
    """What a decision rule is worth: against whom it is held, and what it costs."""

    threshold: Text = Field(description="the parameter that is the bound of the rule")
    label: Text | None = Field(default=None, description="what a reader calls the measure that the rule itself uses")
    summaries: dict[str, Scalar | SummaryPart] = Field(
        default={}, description="further numbers from the same observations, for `measures` only"
    )
    measures: dict[str, MeasurePart] = Field(
        default={}, description="other definitions of what is compared with the threshold, by name"
    )
    responder: ResponderPart
    horizon: Scalar = Field(description="how long after the decision is looked at, such as 40 weeks")
    loss: LossPart


class EffectPart(Part):
    """What the treatment does, as one parameter to move, and the same trial with a treatment that does nothing."""

    parameter: Text = Field(description="the parameter that is the effect: drug.parameter, or one of `parameters`")
    range: Annotated[list[Scalar], Field(min_length=2, max_length=2)] = Field(
        description="from where to where it is worth moving"
    )
    none: dict[str, Scalar] = Field(
        description="what to set, by the same names, so that the treatment does nothing", min_length=1
    )


class PopulationPart(Part):
    """Who counts, for endpoints to name as their denominator."""

    of: Text = Field(default="enrolled", description="the population that this one is part of")
    entered: Names = Field(default=[])
    not_entered: Names = Field(default=[])
    ended_in: Names = Field(default=[])
    not_ended_in: Names = Field(default=[])


class EndpointPart(BaseModel):
    """An endpoint; the keys of its kind stand beside these."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Text
    label: Text | None = None
    among: Text = "enrolled"


class AnalysisPart(BaseModel):
    """A test applied to every simulated trial; the keys of its kind stand beside these."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Text
    label: Text | None = None


class PublishedPart(Part):
    """What the real trial reported of an endpoint."""

    value: Scalar = Field(description="as printed: 9/13, 72 %, 2")
    role: Role = Field(
        description="fitted: a parameter was chosen to match it; not independent: the parameters come from data "
        "that include it; checked: neither"
    )
    source: Text
    mark: Mark
    note: StrictStr = ""


class ScenarioPart(Part):
    """A scenario: one trial."""

    title: Text
    question: StrictStr = ""
    description: StrictStr = ""
    sources: list[Text] = []
    notes: list[Text] = Field(default=[], description="what a reader of the results must be told")
    beside: list[Text] = Field(default=[], description="scenarios that a report shows beside this one; not inherited")
    findings: list[Text] = Field(
        default=[],
        description="what the numbers say, with {endpoint} or {scenario.endpoint} where they stand; not inherited",
    )
    extends: Text | None = Field(default=None, description="a scenario to start from; this file says only what differs")
    seed: StrictInt = 1
    replicates: StrictInt = 200
    follow: Text | None = Field(default=None, description="the variable drawn for each patient")
    parameters: dict[str, ScenarioParameter] = {}
    cohort: CohortPart
    drugs: dict[str, DrugPart] = {}
    protocol: ProtocolPart
    populations: dict[str, PopulationPart] = {}
    decisions: dict[str, DecisionPart] = {}
    effect: EffectPart | None = None
    endpoints: dict[str, EndpointPart] = {}
    analysis: dict[str, AnalysisPart] = Field(default={}, description="tests applied to every simulated trial")
    published: dict[str, PublishedPart] = {}


OF_KIND = "endpoint of kind "
"""How a field that names an endpoint says of which kind it must be."""


def endpoint_fields(kind: type[Endpoint]) -> dict[str, tuple[str, Any]]:
    """The keys of a kind of endpoint or analysis: what each names (states, variable, ..., text), and the choices."""
    shared = {f.name for f in dataclasses.fields(Endpoint)}
    hints = typing.get_type_hints(kind, include_extras=True)
    found: dict[str, tuple[str, Any]] = {}
    for field in dataclasses.fields(kind):
        if field.name in shared:
            continue
        hint = hints[field.name]
        if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        if typing.get_origin(hint) is Literal:
            found[field.name] = ("choice", typing.get_args(hint))
        elif typing.get_origin(hint) is Annotated:
            found[field.name] = (hint.__metadata__[0], None)
        else:
            found[field.name] = ("text", None)
    return found
