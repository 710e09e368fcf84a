"""The shape of `interim:` in a scenario file: looks at the accumulating data, what they read, what ends the trial."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError

from protocolsim.scenario.file.parts import (
    Expression,
    FilePart,
    Names,
    Probability,
    Rule,
    Scalar,
    Text,
    Time,
)

EQUAL_ARMS = "equal arms"


class SeriesPart(FilePart):
    """Equally spaced numbers, times or shares: {from: 60, every: 60, to: 240}."""

    from_: Scalar = Field(alias="from", description="the first of them")
    every: Scalar = Field(description="the step from one to the next")
    to: Scalar = Field(description="the last of them, which must be met exactly")


Numbers = Annotated[Scalar | list[Scalar] | SeriesPart, "a number, a list of numbers, or {from, every, to}"]
Times = Annotated[Scalar | list[Scalar] | SeriesPart, "a time, a list of times, or {from, every, to}"]
Shares = Annotated[Scalar | list[Scalar] | SeriesPart, "a share, a list of shares, or {from, every, to}"]


class WhenPart(BaseModel):
    """What a look waits for: people, events, a time of the calendar, or information. One of the keys that count.

    Subjects count once each, from the day on which they are enrolled, enter a state or have the event.
    """

    # What else stands here is refused by the builder, which knows whether it is a statistic.
    model_config = ConfigDict(
        extra="allow", frozen=True, defer_build=True, json_schema_extra={"additionalProperties": False}
    )

    enrolled: Numbers | None = Field(
        default=None, description="so many subjects are enrolled", examples=["{enrolled: 60}"]
    )
    followed: Numbers | None = Field(
        default=None,
        description="so many subjects were enrolled at least the time in `for` ago, whatever became of them",
        examples=["{followed: [60, 120, 180, 240], for: 26 weeks}"],
    )
    for_: Times | None = Field(default=None, alias="for", description="with followed: the time since enrolment")
    members_of: Text | None = Field(
        default=None,
        alias="members of",
        description="with number: so many subjects belong to this population, which one cannot leave",
        examples=["{members of: decided, number: 60}"],
    )
    events_of: Text | None = Field(
        default=None,
        alias="events of",
        description="with number: so many subjects had this event since they were enrolled",
        examples=["{events of: severe adverse event, number: 20}"],
    )
    number: Numbers | None = Field(default=None, description="with members of or events of: how many")
    followed_for: Times | None = Field(
        default=None, alias="followed for", description="with members of: and so long ago at least"
    )
    weeks: Times | None = Field(
        default=None,
        description="so many weeks, or another time, have passed since the trial began",
        examples=["{weeks: 52}"],
    )
    information: Shares | None = Field(
        default=None,
        description="this share of the maximum information has come in, counted as `information` says",
        examples=["{information: 50 %}"],
    )


def _a_mapping(given: Any) -> Any:
    """A look waits for a count; an expression cannot say one."""
    if isinstance(given, str | int | float):
        raise PydanticCustomError(
            "when_type",
            "a count of people, events or time, such as {enrolled: 60} (a look's date may not depend on what it reads)",
        )
    return given


When = Annotated[WhenPart, BeforeValidator(_a_mapping)]


class LookPart(FilePart):
    """One look at the accumulating data: when it is held."""

    when: When = Field(description="what it waits for, such as {enrolled: 60}")
    not_before: Times | None = Field(default=None, description="not before this time of the trial's calendar")
    at_the_latest: Times | None = Field(
        default=None, description="at this time of the trial's calendar at the latest, whatever has come in"
    )
    after_previous: Times | None = Field(
        default=None, description="at least so long after the cut-off of the look before it"
    )


class LooksPart(BaseModel):
    """The looks, in the order in which they are held: a list of them (`when`), then those with names of their own."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)
    __pydantic_extra__: dict[str, LookPart]

    when: When | None = Field(
        default=None,
        description="what the looks of the list wait for, which are called look_1, look_2 and so on: a key with a list "
        "of numbers makes as many looks",
    )
    not_before: Times | None = Field(default=None, description="of the looks of the list: as in a look of its own")
    at_the_latest: Times | None = Field(default=None, description="of the looks of the list: as in a look of its own")
    after_previous: Times | None = Field(default=None, description="of the looks of the list: as in a look of its own")


class StatisticPart(BaseModel):
    """A number that a look reads, by the key of its kind; the other keys of the kind stand beside it."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    followed_for: Time | None = Field(
        default=None,
        alias="followed for",
        description="count only subjects enrolled at least so long before the cut-off, whatever became of them; 0 "
        "weeks for all. The `for` of the looks where absent, but where times to an event are censored at the cut-off",
    )


class BoundaryPart(FilePart):
    """The bound of a statistic at each look: values, or what they spend and in which shape, on the scale of z."""

    values: list[Scalar | None] | None = Field(
        default=None,
        description="the bound at each look, or at each but the last; null for a look that has none",
        examples=["{values: [3, 2.5, 2]}"],
    )
    spends: Probability | None = Field(
        default=None,
        description="the one-sided error that it spends over all looks: type I, or type II if it is `below` another",
        examples=["{spends: 2.5 %, as: obrien_fleming}"],
    )
    as_: Text | None = Field(
        default=None,
        alias="as",
        description="its shape, with the shape's parameter in brackets where it has one: hwang_shih_decani(-4)",
        examples=["{spends: 2.5 %, as: hwang_shih_decani(-4)}"],
    )
    below: Text | None = Field(
        default=None,
        description="makes it a boundary for futility, which spends type II error and meets this one at the last look",
        examples=["{spends: 10 %, as: obrien_fleming, below: efficacy}"],
    )
    binding: StrictBool = Field(
        default=False,
        description="with below: the boundary above is made as if this one were always obeyed, which lowers it",
    )


class TrialRulePart(FilePart):
    """A rule about the trial, tried at its looks in file order: the first that holds ends the looks of the trial.

    One of 'stop' and 'conclude'.
    """

    at: Names | None = Field(
        default=None,
        description="the looks that it is tried at: names, `first`, `last`, or a list; every look if absent",
    )
    stop: Text | None = Field(
        default=None, description="screen nobody any more, for this reason; what becomes of subjects is the protocol's"
    )
    conclude: Text | None = Field(
        default=None, description="conclude this, and hold no further look; enrolment and follow-up go on as planned"
    )
    when: Rule | None = Field(
        default=None,
        description="a comparison of statistics, boundaries, parameters, enrolled, followed, information, look",
    )
    otherwise: Literal[True] | None = Field(default=None, description="holds where no rule before it did")


class InterimPart(FilePart):
    """Looks at the accumulating data of each simulated trial, and the rules by which it is stopped or concluded."""

    of: Text | None = Field(default=None, description="the randomisation whose arms are compared")
    control: Text | None = Field(default=None, description="its control arm")
    data_lag: Time = Field(default="0 weeks", description="the time from an observation to its being in the database")
    decided_after: Time = Field(
        default="0 weeks", description="the time from a look's cut-off to the decision; meanwhile all goes on"
    )
    information: When | None = Field(
        default=None,
        description="what information is counted in, and its maximum, as a look's `when` with one number; where absent "
        "the `when` of the last look, if it counts people or events, else the subjects enrolled",
    )
    statistics: dict[str, Expression | StatisticPart] = Field(
        default={},
        description="what each look reads, by name: a kind of statistic, or an expression over those above it",
    )
    boundaries: dict[str, BoundaryPart] = Field(default={}, description="bounds of statistics at each look, by name")
    looks: LooksPart = Field(description="when the looks are held")
    rules: list[TrialRulePart] = Field(
        default=[], description="what ends the trial at a look, in the order they are tried"
    )
    success: Names | None = Field(
        default=None,
        description="the reasons that claim an effect; efficacy, superiority, effect and success where absent",
    )
    futility: Names | None = Field(
        default=None, description="the reasons that give up for want of an effect; futility where absent"
    )
    without_effect: Literal["equal arms"] | dict[str, Scalar] | None = Field(
        default=None,
        description="how the same trial without an effect is made: equal arms, or what to set. Equal arms where absent "
        "and `of` and `control` are given",
    )
