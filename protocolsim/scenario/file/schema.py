"""The shape of a scenario file, as pydantic models: what keys there are, and what stands behind each.

Names and units are looked at later, by the builder; here only the shape is checked, and every fault of shape is
found at once (shape.py). The JSON Schema that editors use is written from these models (json_schema.py).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from protocolsim.component import Mark, Scale
from protocolsim.endpoint.base import NO_KEY, Endpoint, Role
from protocolsim.scenario.file.interim_schema import InterimPart
from protocolsim.scenario.file.model_schema import ModelPart
from protocolsim.scenario.file.parts import (
    Count,
    Dose,
    Expression,
    FilePart,
    Names,
    Probability,
    Rate,
    Rule,
    Scalar,
    Text,
    Time,
    Visit,
)


class ScenarioParameter(FilePart):
    """A named number that rules, doses and durations may use, and that can be varied."""

    value: Scalar = Field(description="its value, with a unit: 75 %, 1 mg/kg, 12 weeks")
    range: Annotated[list[Scalar], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="the lowest and highest value that make sense"
    )
    plausible: Annotated[list[Scalar], Field(min_length=2, max_length=2)] | None = Field(
        default=None,
        description="the lowest and highest value that it may really have, where it is a guess and no choice of the "
        "design: `--parameters plausible` draws it",
    )
    label: Text | None = Field(default=None, description="its name for readers, within a sentence: response threshold")
    meaning: Text = Field(description="what it is, in a few words")
    scale: Scale = Field(
        default="linear",
        description="`log` where it is best moved by equal factors: by sweeps, sliders, figures and priors; its range "
        "must then be above 0",
    )
    mark: Mark | None = Field(default=None, description="how its value is known: F, F2, D, A or M")
    source: Text | None = Field(default=None, description="where its value comes from")


class VariablePart(FilePart):
    """A number that the protocol keeps for each subject: rules, doses and durations may read it, transitions set it."""

    start: Expression = Field(description="what it begins with, with a unit: 10 IU, 4 weeks, 0")
    range: Annotated[list[Expression], Field(min_length=2, max_length=2)] = Field(
        description="the lowest and highest value; what would lie outside is cut to it"
    )
    label: Text | None = Field(default=None, description="its name for readers, within a sentence: insulin dose")
    meaning: Text | None = Field(default=None, description="what it is, in a few words")
    mark: Mark | None = Field(default=None, description="how its start and range are known: F, F2, D, A or M")
    source: Text | None = Field(default=None, description="where its start and range come from")


class SitePart(FilePart):
    """One clinic."""

    arrivals: Rate = Field(description="candidates per time, such as 2 / 4 weeks")
    opens: Time = Field(default="0 days", description="when it begins to screen, in the trial's calendar")


class ResourcePart(FilePart):
    """Equal units at each site that serve one subject at a time: scanners, infusion chairs."""

    serves: Names = Field(description="the assessments and drugs that need it")
    at: Names | None = Field(default=None, description="the sites that have it; every site where absent")
    units: StrictInt = Field(default=1, description="how many of them each site has")
    slot: Time = Field(default="60 minutes", description="how long one use takes")
    opens_at: Time = Field(default="8 hours", description="opening hour, as time since midnight")
    closes_at: Time = Field(default="16 hours", description="closing hour, as time since midnight")
    weekdays: StrictInt = Field(default=5, description="open on the first so many days of each week")


class CohortPart(BaseModel):
    """The subjects. Every parameter of the disease may stand here too, by its own name."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    size: Count = Field(description="subjects to enrol")
    disease: Text = Field(description="the disease model")
    population: Text | None = Field(
        default=None, description="whose patients they are: a population of the disease; its first where absent"
    )
    arrives_on: Text | None = Field(
        default=None,
        description="the drug that patients take when they come, which stops in the first state that does not name it, "
        "or `nothing`; what their population takes where absent",
    )
    max_candidates: Count | None = Field(default=None, description="stop with an error after screening so many")
    arrivals: Rate | None = Field(default=None, description="candidates per time at a single site, such as 1 / 4 weeks")
    sites: dict[str, SitePart] | None = Field(default=None, description="the clinics, by name")
    capacity: dict[str, ResourcePart] | None = Field(default=None, description="what is limited, by name")
    dropout: Rate = Field(default=0, description="rate of leaving the study, such as 0.5 % / 4 weeks")
    no_show: Probability = Field(default=0, description="probability that a subject does not come to a planned visit")


class DrugPart(BaseModel):
    """A drug's own parameters, by name."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    label: Text | None = Field(default=None, description="its name for readers, within a sentence: interferon beta-1b")
    kind: Text | None = Field(default=None, description="a drug by its name, or your.module:COMPONENT from outside")


class Schedule(FilePart):
    """When something is planned, counted from the start of the state. One of weeks, days, every."""

    weeks: list[Scalar] | None = Field(default=None, description="the weeks it is planned for")
    days: list[Scalar] | None = Field(default=None, description="the days it is planned for")
    every: Time | None = Field(
        default=None, description="repeated at this interval, before the state's end (weeks and days may fall on it)"
    )
    through: Literal["end"] | None = Field(
        default=None, description="with every: `end`, also at the very end of the state, where that falls on it"
    )
    start: Time = Field(default="0 weeks", description="with every: the first time")
    times: Count | None = Field(default=None, description="with every: at most so often")


class Regimen(Schedule):
    """A dose, and when it is given."""

    dose: Dose = Field(
        description="the dose of one administration: 1 mg/kg, 10 IU, or an expression over variables, traits that the "
        "clinic knows and summaries, computed when it is given"
    )


class StatePart(FilePart):
    """One state of the protocol."""

    for_: dict[str, list[Scalar] | dict[str, Scalar]] | None = Field(
        default=None,
        alias="for",
        description="makes one state of each option: {dose: {low: 1 mg/kg, high: 2 mg/kg}} in `treated` makes "
        "treated_low and treated_high, in which, and in transitions from treated alone, {dose} is their own; wherever "
        "states are listed, treated means all of them",
    )
    label: Text | None = Field(default=None, description="its name in tables, figures and reports")
    final: Text | None = Field(
        default=None, description="makes the state final: the outcome of a subject who enters it, such as completed"
    )
    enrolled: StrictBool = Field(
        default=False, description="a subject who enters this state is enrolled, and counts towards cohort.size"
    )
    treatment: dict[str, Literal["standard"] | Regimen] = Field(
        default={}, description="drugs given in this state, by name: `standard`, or a dose and its schedule"
    )
    assessments: dict[str, Schedule] = Field(
        default={}, description="assessments made in this state, by name, and their schedule"
    )
    lasts: Time | None = Field(
        default=None,
        description="how long the state lasts, such as 12 weeks, or an expression over variables, computed on entering "
        "it; its transitions are then tried",
    )
    until: Time | None = Field(default=None, description="instead of lasts: when it ends, as time since enrolment")


class SummaryPart(FilePart):
    """A number that decision rules may use, computed from the observations made so far: a statistic of one variable.

    One of 'sum of' to 'time since', then filters. Instead of a mapping, an expression over other summaries may stand;
    as `value`, where it has a label.
    """

    label: Text | None = Field(default=None, description="its name for readers, within a sentence: fall of lesions")
    value: Expression | None = Field(
        default=None, description="instead of a statistic: an expression over other summaries"
    )

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
    within: Time | None = Field(default=None, description="only observations so recent, such as 4 weeks")
    first: StrictInt | None = Field(default=None, description="only the first so many of those left")
    last: StrictInt | None = Field(default=None, description="only the last so many of those left")
    at: Visit | None = Field(
        default=None,
        description="only the observation made at this planned visit, counted from the start of the states in `during`"
        " (all that plan it where absent), or 'since enrolment'; undefined where it was not made",
        examples=["{last of: cel, at: week 4, during: combination}", "{last of: cel, at: week 26 since enrolment}"],
    )


class TransitionPart(FilePart):
    """A transition between states, tried in file order: at the end of the state, or `after` or `upon` what is named.

    With `set` and neither `to` nor `randomise` the subject stays in the state, and nothing of it lapses.
    """

    name: Text | None = Field(
        default=None, description="a name, by which a file that extends this one may change it: rescue: {when: ...}"
    )
    from_: Names = Field(alias="from", description="a state, a list of states, 'on study' (from enrolment on) or 'any'")
    to: Text | None = Field(default=None, description="the state it leads to")
    randomise: Text | None = Field(default=None, description="instead of to: the randomisation that chooses the state")
    choose: dict[str, Expression] | None = Field(
        default=None,
        description="instead of to: states and the probability of each, an expression over parameters, summaries and "
        "seen traits; 'otherwise' for the one that takes the rest, without which they must come to 1. Each is cut to 0 "
        "to 1, an undefined one is 0, and what goes beyond 1 in all is cut from the last. The draws belong to the "
        "transition's name, or to the names of its states",
        examples=["{from: relapsed, choose: {surgery: accept_surgery, drug: otherwise}}"],
    )
    after: Text | None = Field(default=None, description="tried after this assessment")
    at: Visit | None = Field(
        default=None,
        description="with after: only at this planned visit, counted from the start of the state",
        examples=["{from: monotherapy, to: rescued, after: mri, at: week 12, when: recent_cel > 4}"],
    )
    upon: Text | None = Field(default=None, description="tried upon this event")
    when: Rule | None = Field(default=None, description="the decision rule: an expression that is true or false")
    otherwise: Literal[True] | None = Field(
        default=None, description="taken where the rule of no transition before it held"
    )
    set_: dict[str, Expression] = Field(
        default={},
        alias="set",
        description="variables and what they become, such as {insulin: insulin + 8 IU}: all from what was before",
    )


class RandomisationPart(FilePart):
    """Randomisation in permuted blocks, stratified where `strata` says so."""

    between: dict[str, StrictInt] = Field(description="states and their ratio, such as {treated: 1, control: 1}")
    block: StrictInt | None = Field(default=None, description="block size; twice the sum of the ratio where absent")
    strata: list[Scalar] = Field(default=[], description="'site', and rules whose truth separates lists")


class AlwaysPart(FilePart):
    """What must hold on every path through the protocol; `protocolsim check` proves it, or shows a path that breaks it.

    One of 'doses of', 'total dose of' and 'time since', and its bound.
    """

    doses_of: Text | None = Field(default=None, alias="doses of", description="how often this drug is given")
    total_dose_of: Text | None = Field(
        default=None, alias="total dose of", description="the sum of this drug's doses, in their unit, such as mg/kg"
    )
    time_since: Text | None = Field(
        default=None, alias="time since", description="'enrolment', or a state's last entry, until the course ends"
    )
    in_any: Time | None = Field(
        default=None, alias="in any", description="of doses: counted in any so long a time, such as 28 days"
    )
    at_most: Scalar = Field(alias="at most", description="the bound, which may be met: 20 mg/kg, 2, 66 weeks")


class ProtocolPart(FilePart):
    """The protocol: a state machine. A subject is in one state at a time, from the first state to a final one."""

    window: Time = Field(default="7 days", description="how late a visit may be made where capacity is limited")
    variables: dict[str, VariablePart] = Field(
        default={}, description="numbers that the protocol keeps for each subject, by name"
    )
    summaries: dict[str, Expression | SummaryPart] = Field(default={}, description="numbers that rules may use")
    states: dict[str, StatePart] = Field(description="the states; subjects start in the first")
    randomisations: dict[str, RandomisationPart] = Field(
        default={}, description="lists of treatment allocation, by name"
    )
    transitions: list[TransitionPart] = Field(
        description="the transitions between states, in the order they are tried; or a mapping of names, in which a "
        "file that extends another changes those that it names, takes them away with null, and adds others at the end, "
        "or in a `place`: first, last, before NAME, after NAME"
    )
    always: dict[str, AlwaysPart] = Field(default={}, description="what must hold on every path, by name")


class ResponderPart(FilePart):
    """The true response, for sensitivity and specificity: a hidden trait below a cut."""

    trait: Text = Field(description="a hidden trait of the disease or a drug")
    below: Scalar = Field(description="the cut; it stays where it is while the threshold moves")


class LossPart(FilePart):
    """What a decision costs over the horizon: expected count + stop_weight x P(stop) + dose_weight x dose (mg/kg)."""

    count: Text = Field(description="the variable whose expected number is to be small")
    stop: Text = Field(description="the event that ends treatment")
    stop_weight: Scalar = Field(description="how many counts one such event weighs")
    drug: Text = Field(description="the drug that is given")
    dose_weight: Scalar = Field(description="how many counts one mg/kg weighs (one mg or IU of flat doses)")


class MeasurePart(FilePart):
    """Another definition of what a rule compares with its threshold."""

    label: Text = Field(description="its name in tables, figures and reports")
    value: Scalar = Field(description="an expression over parameters, traits and summaries")


class DecisionPart(FilePart):
    """A decision rule to evaluate over all of its thresholds: its true responders, its horizon and its loss."""

    threshold: Text = Field(description="the parameter that is the bound of the rule")
    label: Text | None = Field(default=None, description="the name of the measure that the rule itself uses")
    summaries: dict[str, Expression | SummaryPart] = Field(
        default={}, description="further numbers from the same observations, for `measures` only"
    )
    measures: dict[str, MeasurePart] = Field(
        default={}, description="other definitions of what is compared with the threshold, by name"
    )
    responder: ResponderPart = Field(description="which subjects truly respond to treatment")
    horizon: Time = Field(description="how long after the decision is looked at, such as 40 weeks")
    loss: LossPart = Field(description="the loss that the best threshold makes smallest")


class EffectPart(FilePart):
    """The treatment effect as one parameter to move, and the null: the same trial with an inert treatment."""

    parameter: Text = Field(description="the parameter that is the effect: drug.parameter, or one of `parameters`")
    range: Annotated[list[Scalar], Field(min_length=2, max_length=2)] = Field(
        description="from where to where it is worth moving"
    )
    none: dict[str, Scalar] = Field(
        description="what to set, by the same names, so that the treatment does nothing", min_length=1
    )


class PopulationPart(FilePart):
    """An analysis population, for endpoints to name as their denominator; a subject meets every condition given."""

    of: Text = Field(default="enrolled", description="the population that this one is part of")
    entered: Names = Field(default=[], description="subjects who ever entered any of these states")
    not_entered: Names = Field(default=[], description="subjects who never entered any of these states")
    ended_in: Names = Field(default=[], description="subjects whose last state is one of these")
    not_ended_in: Names = Field(default=[], description="subjects whose last state is none of these")
    where: Rule | None = Field(
        default=None,
        description="subjects for whom this rule over parameters, seen traits and summaries holds at the end of their "
        "course; what was so at another time is said by the summary (during: baseline, at: week 26 since enrolment)",
        examples=["{where: age > 50 and baseline_cel >= 2}"],
    )


class EndpointPart(BaseModel):
    """An endpoint: a number that each simulated trial reports. The keys of its kind stand beside these."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    kind: Text = Field(description="the kind of endpoint, such as share")
    label: Text | None = Field(default=None, description="its name in tables, figures and reports")
    among: Text = Field(default="enrolled", description="the population that is its denominator")


class AnalysisPart(BaseModel):
    """A hypothesis test applied to every simulated trial; the keys of its kind stand beside these."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    kind: Text = Field(description="the kind of analysis, such as exact_binomial")
    label: Text | None = Field(default=None, description="its name in tables, figures and reports")


class PublishedPart(FilePart):
    """The result that the real trial reported for the endpoint of this name."""

    value: Scalar = Field(description="as printed: 9/13, 72 %, 2")
    role: Role = Field(
        description="fitted: a parameter was chosen to match it; not independent: the parameters come from data "
        "that include it; checked: neither"
    )
    source: Text = Field(description="where it was published")
    mark: Mark = Field(description="how it is known: F, F2, D, A or M")
    note: StrictStr = Field(default="", description="what a reader must know beside the number")
    same_as: Text | None = Field(
        default=None,
        alias="same as",
        description="the published result that is the same datum said otherwise (9/13 did, 4/13 did not): one datum "
        "counts once",
    )
    explanation: StrictStr = Field(
        default="",
        description="where it lies outside the simulated range: what in the model makes it so; the table of the "
        "validation suite shows it beside the miss",
    )


class PredictPart(FilePart):
    """What is predicted before a step of the story shows its answer: one of slider, choice, number."""

    slider: Annotated[list[Scalar], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="a number on a slider, from the lowest to the highest: [0 %, 100 %]"
    )
    choice: dict[str, Text | Annotated[list[Scalar], Field(min_length=2, max_length=2)]] | None = Field(
        default=None,
        description="the answers to choose from, in words: each with the range in which the number must lie for it to "
        "be right, or (picture: patient) with the state that the patient then enters",
    )
    number: Text | None = Field(
        default=None, description="a number that is typed; this says what it is, beside the field"
    )


class StoryStepPart(FilePart):
    """A step of the story: a question, a prediction, the picture that answers it, and the sentence to keep."""

    heading: Text = Field(description="the step in a few words")
    question: Text = Field(description="what is asked before anything is shown")
    predict: PredictPart = Field(description="how the prediction is made")
    answer: Text | None = Field(
        default=None,
        description="the number that is predicted: endpoint, scenario.endpoint, or set.endpoint of the trial with what "
        "the step sets",
    )
    compare: list[Text] = Field(
        default=[],
        description="more numbers of the answer's unit, named as it is, whose trials stand below its own on one axis: "
        "other arms, other looks, other scenarios",
    )
    picture: Text = Field(
        description="what answers: lanes, patient, flow, over_time, rule, waiting, looks, endings, trials or published"
    )
    patient: StrictInt | None = Field(
        default=None,
        description="with picture: patient, the patient's number in trial 0, as lanes and `protocolsim trace` say it; "
        "the first one enrolled where absent",
    )
    given: dict[str, Scalar] = Field(
        default={}, alias="set", description="what is set for this step, by the names that --set has"
    )
    called: Text | None = Field(
        default=None,
        description="what the trial with `set` is called beside the scenario's own; the settings in words where absent",
    )
    sentence: Text = Field(description="what the answer says, with numbers quoted as in findings, or as {set.endpoint}")


class ScenarioPart(FilePart):
    """A scenario: one trial."""

    title: Text = Field(description="one line that names the trial")
    question: StrictStr = Field(default="", description="the question that it answers")
    description: StrictStr = Field(default="", description="the trial in a few sentences")
    sources: list[Text] = Field(default=[], description="publications and registry entries, each with its mark")
    notes: list[Text] = Field(default=[], description="caveats that a reader of the results must know")
    beside: list[Text] = Field(
        default=[], description="companion scenarios that a report shows beside this one; not inherited"
    )
    findings: list[Text] = Field(
        default=[],
        description="sentences that quote results as {endpoint} or {scenario.endpoint}; not inherited",
    )
    story: list[StoryStepPart] = Field(
        default=[],
        description="the steps of a guided story, for the page and `protocolsim embed`; not inherited",
    )
    extends: Text | None = Field(default=None, description="a scenario to start from; this file says only what differs")
    seed: StrictInt = Field(default=1, description="the random seed: the same seed gives the same numbers, to the bit")
    replicates: StrictInt | None = Field(
        default=None, description="how many trials are simulated; about as many as a second allows where it is not said"
    )
    follow: Text | None = Field(default=None, description="the variable that figures draw for each subject")
    parameters: dict[str, ScenarioParameter] = Field(default={}, description="named numbers for rules and doses")
    cohort: CohortPart = Field(description="the subjects: how many, with which disease, from which sites")
    drugs: dict[str, DrugPart] = Field(default={}, description="drugs whose parameters differ from their defaults")
    models: dict[str, ModelPart] = Field(
        default={}, description="declared models of the disease and of drugs, by name; those in files stand here too"
    )
    protocol: ProtocolPart = Field(description="the protocol, as a state machine")
    populations: dict[str, PopulationPart] = Field(default={}, description="analysis populations, by name")
    decisions: dict[str, DecisionPart] = Field(default={}, description="decision rules to evaluate, by name")
    effect: EffectPart | None = Field(default=None, description="the treatment effect as one parameter to move")
    endpoints: dict[str, EndpointPart] = Field(default={}, description="what each simulated trial reports, by name")
    analysis: dict[str, AnalysisPart] = Field(default={}, description="tests applied to every simulated trial")
    interim: InterimPart | None = Field(
        default=None, description="looks at the accumulating data, which may stop or conclude the trial"
    )
    published: dict[str, PublishedPart] = Field(default={}, description="results of the real trial, by endpoint")


OF_KIND = "endpoint of kind "
"""How a field that names an endpoint says of which kind it must be."""


@cache
def endpoint_fields(kind: type[Endpoint]) -> Mapping[str, tuple[str, Any]]:
    """The keys of a kind of endpoint or analysis: what each names (states, variable, ..., text), and the choices."""
    shared = {f.name for f in dataclasses.fields(Endpoint)}
    hints = typing.get_type_hints(kind, include_extras=True)
    fields: dict[str, tuple[str, Any]] = {}
    for field in dataclasses.fields(kind):
        if field.name in shared or NO_KEY in field.metadata:
            continue
        hint = hints[field.name]
        if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        if typing.get_origin(hint) is Literal:
            fields[field.name] = ("choice", typing.get_args(hint))
        elif typing.get_origin(hint) is Annotated:
            fields[field.name] = (hint.__metadata__[0], None)
        else:
            fields[field.name] = ("text", None)
    return types.MappingProxyType(fields)
