"""The shape of a declared model of a disease or a drug, in a file of its own or under `models:` of a scenario.

Names, units and formulas are looked at by `scenario/models/`; here only the shape is checked.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from protocolsim.component import Mark
from protocolsim.scenario.file.parts import Expression, FilePart, Names, Probability, Scalar, Text, Time

Share = Probability


class ModelParameter(FilePart):
    """One number of a model, that a scenario may set by its name."""

    value: Scalar = Field(description="its value, with a unit: 8.6 %, 4 days, 0.36 L/day")
    range: Annotated[list[Scalar], Field(min_length=2, max_length=2)] = Field(
        description="the lowest and highest value that are plausible"
    )
    meaning: Text = Field(description="what it is, in a few words")
    label: Text | None = Field(default=None, description="its name in forms")
    scale: Literal["linear", "log"] = Field(default="linear", description="how its range is divided: linear or log")
    mark: Mark = Field(default="A", description="how its value is known: F, F2, D, A or M")
    source: Text | None = Field(default=None, description="where its value comes from")
    least: Scalar | None = Field(default=None, alias="at least", description="nothing below it is accepted")
    most: Scalar | None = Field(default=None, alias="at most", description="nothing above it is accepted")


class ModelPopulationValue(FilePart):
    """What one parameter is in a population, in place of its own value."""

    value: Scalar = Field(description="its value in these patients, with a unit")
    range: Annotated[list[Scalar], Field(min_length=2, max_length=2)] = Field(
        description="the lowest and highest value that are plausible in them"
    )
    mark: Mark = Field(default="A", description="how its value is known: F, F2, D, A or M")
    source: Text | None = Field(default=None, description="where its value comes from")


class ModelPopulation(FilePart):
    """People who have a disease, as a kind of trial finds them: `population: NAME` of a cohort chooses them."""

    meaning: Text = Field(description="who they are, in a phrase")
    arrives_on: Text | None = Field(
        default=None, alias="arrives on", description="the drug that they take when they come; none where absent"
    )
    parameters: dict[str, ModelPopulationValue] = Field(
        default={}, description="parameters of the disease whose values are others in them, by name"
    )


class PatientColumn(FilePart):
    """A column of a file of patients, as a trait that the clinic knows."""

    column: Text | None = Field(default=None, description="its name in the file; the trait's own where absent")
    unit: Text | None = Field(default=None, description="the unit of its numbers")
    meaning: Text | None = Field(default=None, description="what it is, in a few words")


class PatientsPart(FilePart):
    """Patients from a file: each subject is one of its rows."""

    source: Text = Field(alias="from", description="a CSV or parquet file beside this one, its columns named")
    columns: dict[str, Text | PatientColumn] = Field(
        description="traits and the columns that hold them: {weight: {column: weight_kg, unit: kg}, age: age}"
    )
    draw: Literal["with replacement", "in order"] = Field(
        default="with replacement", description="which row a subject is: any, drawn anew; or in the file's order"
    )
    sha256: Text | None = Field(default=None, description="the hash of the file's content; another file is refused")
    stream: StrictInt | None = Field(default=None, description="the number of its stream of draws, instead of its own")


class NormalPart(FilePart):
    """A normal distribution."""

    mean: Expression = Field(default=0, description="its mean")
    sd: Expression = Field(description="its standard deviation")


class LognormalPart(FilePart):
    """A lognormal distribution, by its median, and its coefficient of variation or the SD of its logarithm."""

    median: Expression = Field(description="its median")
    cv: Expression | None = Field(default=None, description="its coefficient of variation, such as 20 %")
    log_sd: Expression | None = Field(default=None, alias="log sd", description="instead of cv: SD of the logarithm")


class UniformPart(FilePart):
    """A uniform distribution."""

    low: Expression = Field(alias="from", description="its lowest value")
    high: Expression = Field(alias="to", description="its highest value")


class BetaPart(FilePart):
    """A beta distribution, of shares."""

    a: Expression = Field(description="its first shape")
    b: Expression = Field(description="its second shape")


class GammaPart(FilePart):
    """A gamma distribution."""

    mean: Expression = Field(description="its mean")
    cv: Expression = Field(description="its coefficient of variation, such as 50 %")


class ExponentialPart(FilePart):
    """An exponential distribution."""

    mean: Expression = Field(description="its mean")


class TraitPart(FilePart):
    """What a patient brings, drawn once at entry: one of a distribution and a formula over the traits above it."""

    normal: NormalPart | None = Field(default=None, description="normal: {mean: ..., sd: ...}")
    lognormal: LognormalPart | None = Field(default=None, description="lognormal: {median: ..., cv: ...}")
    uniform: UniformPart | None = Field(default=None, description="uniform: {from: ..., to: ...}")
    beta: BetaPart | None = Field(default=None, description="beta: {a: ..., b: ...}")
    gamma: GammaPart | None = Field(default=None, description="gamma: {mean: ..., cv: ...}")
    exponential: ExponentialPart | None = Field(default=None, description="exponential: {mean: ...}")
    bernoulli: Share | None = Field(default=None, description="1 with this probability, else 0")
    poisson: Expression | None = Field(default=None, description="a count with this mean")
    categories: dict[str, Share] | None = Field(
        default=None, description="numbers and their probabilities, which must sum to 1: {0: 30 %, 1: 70 %}"
    )
    formula: Expression | None = Field(default=None, description="computed of parameters and the traits above it")
    least: Expression | None = Field(default=None, alias="at least", description="nothing below it is drawn")
    most: Expression | None = Field(default=None, alias="at most", description="nothing above it is drawn")
    correlated: dict[str, Expression] = Field(
        default={}, alias="correlated with", description="correlations of normal scores with traits above it"
    )
    seen: StrictBool = Field(default=False, description="the clinic knows it, so that rules may read it")
    unit: Text | None = Field(default=None, description="the unit it is shown in")
    meaning: Text = Field(description="what it is, in a few words")
    stream: StrictInt | None = Field(default=None, description="the number of its stream of draws, instead of its own")


class AutoregressivePart(FilePart):
    """Noise that is like itself a short time ago: a stationary Gaussian path with mean 0."""

    sd: Expression = Field(description="its standard deviation")
    correlation: Expression = Field(description="its correlation with itself `over` that time, above 0 and below 1")
    over: Time = Field(description="the time after which it has that correlation")


class StepsPart(FilePart):
    """Levels between which a patient steps at random (a continuous-time Markov chain)."""

    start: Expression = Field(description="the level at entry: the number of its place, from 0")
    levels: dict[str, Expression] = Field(description="the levels by name, and the value of each")
    rates: dict[str, dict[str, Expression]] = Field(
        description="rates by the level left and the level entered: {mild: {severe: 1 % / week}}"
    )


class QuantityPart(FilePart):
    """What changes with time in a patient; one of 'relaxes to' to 'formula'."""

    start: Expression | None = Field(default=None, description="its value at entry")
    relaxes_to: Expression | None = Field(
        default=None, alias="relaxes to", description="it goes to this value, half of the way in each half-life"
    )
    half_life: Expression | None = Field(default=None, alias="half-life", description="the time of half the way")
    grows_by: Expression | None = Field(
        default=None, alias="grows by", description="it grows at this rate, such as 1 % / week (or shrinks, below 0)"
    )
    rate: Expression | None = Field(
        default=None, description="its change per time (an ordinary differential equation), in fixed steps of time"
    )
    becomes: Expression | None = Field(default=None, description="its value after each step, from that before it")
    autoregressive: AutoregressivePart | None = Field(
        default=None, description="noise: {sd: ..., correlation: ..., over: ...}"
    )
    arrivals: Expression | None = Field(
        default=None, description="how many have come so far of what comes at random at this rate"
    )
    steps: StepsPart | None = Field(default=None, description="levels, and the rates between them")
    doses_enter: Literal["one compartment", "two compartments"] | None = Field(
        default=None, alias="doses enter", description="of a drug: the amount in the (central) compartment"
    )
    absorption_half_life: Expression | None = Field(
        default=None, alias="absorption half-life", description="doses enter by a depot that empties so fast"
    )
    to_periphery: Expression | None = Field(
        default=None, alias="to periphery", description="two compartments: rate from the central to the other"
    )
    from_periphery: Expression | None = Field(
        default=None, alias="from periphery", description="two compartments: rate back"
    )
    available: Share = Field(default=1, description="the share of a dose that enters (bioavailability)")
    measured_in: Literal["mg", "IU"] = Field(
        default="mg", alias="measured in", description="of doses: what they are counted in"
    )
    formula: Expression | None = Field(default=None, description="computed of traits and other quantities")
    least: Expression | None = Field(default=None, alias="at least", description="it never goes below")
    most: Expression | None = Field(default=None, alias="at most", description="it never goes above")
    step: Time | None = Field(default=None, description="the step of time of its model, such as 1 day")
    meaning: Text | None = Field(default=None, description="what it is, in a few words")
    stream: StrictInt | None = Field(default=None, description="the number of its stream of draws, instead of its own")


class NormalError(FilePart):
    """An error that is added."""

    sd: Expression = Field(description="its standard deviation")


class LognormalError(FilePart):
    """An error that multiplies, with mean 1."""

    cv: Expression = Field(description="its coefficient of variation")


class NegativeBinomialError(FilePart):
    """A count that varies more than a Poisson count."""

    size: Expression = Field(description="the variance is mean + mean^2 / size")


class BinomialError(FilePart):
    """A count out of so many."""

    of: Expression = Field(description="how many are looked at; what is shown is the probability of each")


class ErrorPart(FilePart):
    """How what is seen differs from what is there; one of these."""

    normal: NormalError | None = Field(default=None, description="normal: {sd: ...}")
    lognormal: LognormalError | None = Field(default=None, description="lognormal: {cv: ...}")
    negative_binomial: NegativeBinomialError | None = Field(
        default=None, alias="negative binomial", description="a count with this mean: {size: ...}"
    )
    binomial: BinomialError | None = Field(default=None, description="a count with this probability: {of: ...}")


class DetectionPart(FilePart):
    """A limit of detection."""

    limit: Expression = Field(description="what is below it is not measured")
    shown_as: Expression = Field(alias="shown as", description="what is recorded instead")


class ObservationPart(FilePart):
    """One variable that an assessment shows."""

    shows: Expression = Field(description="what is behind it: a formula over quantities and traits")
    error: ErrorPart | Literal["poisson", "bernoulli"] | None = Field(
        default=None, description="how what is seen differs: normal, lognormal, poisson, bernoulli, ..."
    )
    since_last: StrictBool = Field(
        default=False, alias="since the last", description="a count is shown from the last time it was looked at on"
    )
    rounded_to: Expression | None = Field(default=None, alias="rounded to", description="the step of the scale")
    cuts: list[Expression] = Field(default=[], description="what is shown is how many of these it reaches")
    least: Expression | None = Field(default=None, alias="at least", description="nothing lower is shown")
    most: Expression | None = Field(default=None, alias="at most", description="nothing higher is shown")
    below: DetectionPart | None = Field(default=None, description="a limit of detection: {limit: ..., shown as: ...}")
    missing: Share = Field(default=0, description="the probability that nothing comes of it")
    unit: Text | None = Field(default=None, description="the unit it is recorded in")
    label: Text | None = Field(default=None, description="its name for readers, within a sentence: HCV RNA")
    meaning: Text = Field(description="what it is, in a few words")
    stream: StrictInt | None = Field(default=None, description="the number of its stream of draws, instead of its own")


class WeibullPart(FilePart):
    """A hazard that rises or falls with time."""

    scale: Expression = Field(description="the time by which 63 % have had it")
    shape: Expression = Field(description="above 1 the hazard rises, below 1 it falls")


class EventPart(FilePart):
    """Something that comes at random; one of rate, weibull and piecewise."""

    rate: Expression | None = Field(default=None, description="its hazard, such as 0.5 % / week")
    weibull: WeibullPart | None = Field(default=None, description="its hazard over time: {scale: ..., shape: ...}")
    piecewise: dict[str, Expression] | None = Field(
        default=None, description="its hazard from each time on: {0 weeks: 1 % / week, 12 weeks: 0.2 % / week}"
    )
    times: Expression | None = Field(default=None, description="what that hazard is multiplied by, such as a frailty")
    since: Literal["entry", "enrolment"] = Field(default="entry", description="when its time begins")
    recurrent: StrictBool = Field(default=False, description="it may come again")
    step: Time | None = Field(
        default=None,
        description="how often a hazard that changes is found out anew, where the model goes by every moment",
    )
    meaning: Text | None = Field(default=None, description="what it is, in a few words")
    stream: StrictInt | None = Field(default=None, description="the number of its stream of draws, instead of its own")


class SignalPart(FilePart):
    """What drugs tell a disease, summed over drugs."""

    unit: Text | None = Field(default=None, description="its unit; a plain number where absent")
    meaning: Text | None = Field(default=None, description="what it is, in a few words")


class ModelPart(FilePart):
    """A disease (and the people who have it) or a drug, declared: no code stands behind it."""

    kind: Literal["disease", "drug"] = Field(description="disease or drug")
    meaning: Text = Field(description="what it is, in a phrase")
    description: Text | None = Field(default=None, description="the same at length, in Markdown")
    limits: Text | None = Field(default=None, description="what it leaves out, in Markdown")
    unknown: Text | None = Field(default=None, description="what cannot be known of it, in Markdown")
    step: Time | Literal["every moment of the protocol"] = Field(
        default="1 day", description="the step of time in which what depends on what changes is carried on"
    )
    measured_in: Literal["mg", "IU"] = Field(
        default="mg", alias="measured in", description="of a drug that no quantity takes in: what its doses count"
    )
    parameters: dict[str, ModelParameter] = Field(default={}, description="its numbers, by name")
    populations: dict[str, ModelPopulation] = Field(
        default={},
        description="of a disease: kinds of patients, by name; the first, whose values are the parameters' own, is "
        "that of a scenario that names none",
    )
    definitions: dict[str, Expression] = Field(default={}, description="formulas over parameters, by name")
    signals: dict[str, SignalPart] = Field(default={}, description="of a disease: units of signals that it reads")
    needs: Names | dict[str, Text] = Field(
        default=[], description="of a drug: traits of the disease that it reads, and the unit of each"
    )
    patients: PatientsPart | None = Field(default=None, description="of a disease: patients from a file of data")
    traits: dict[str, TraitPart] = Field(default={}, description="what each patient brings, by name")
    quantities: dict[str, QuantityPart] = Field(default={}, description="what changes with time, by name")
    assessments: dict[str, dict[str, ObservationPart]] = Field(
        default={}, description="what a visit can measure: assessments, and the variables that each shows"
    )
    events: dict[str, EventPart] = Field(default={}, description="what may happen to a patient, by name")
    writes: dict[str, Expression] = Field(default={}, description="of a drug: the signals that it gives, by name")
