"""Meaning of the keys that kinds of endpoint and analysis add to a scenario file."""

from __future__ import annotations

from collections.abc import Mapping

from protocolsim.endpoint.base import Endpoint

KEYS_OF_KINDS: Mapping[str, str] = {
    "after": "only from this time since enrolment on, such as 6 weeks",
    "against": "the states that only the other arm enters",
    "alternative": "the side of the alternative hypothesis",
    "arm": "the states that only this arm enters",
    "at": "the time since enrolment of the visit, such as 24 weeks",
    "at_least": "the lower bound, which may be met",
    "at_most": "the upper bound, which may be met",
    "baseline": "the states whose observations are the baseline",
    "before": "only before this time since enrolment",
    "better": "whether a higher or a lower share is the better one",
    "confidence": "the level of the confidence interval of each trial",
    "counted_in": "what the variable is counted in, as readers are told, such as letters; points unless said",
    "drug": "the drug whose doses are added",
    "during": "the states whose observations or doses count; any state where absent",
    "ended_in": "the subject's last state is one of these",
    "entered": "the subject ever entered one of these states",
    "first_gap": "the time at risk before the first assessment, which has none before it",
    "from_at_least": "the lower bound of the class of the first visit, which may be met",
    "from_at_most": "the upper bound of the class of the first visit, which may be met",
    "level": "the significance level: a trial with p at or below it rejects",
    "margin": "the non-inferiority margin",
    "measure": "how the arms are compared: arm minus against, or arm over against",
    "method": "the test statistic",
    "not_ended_in": "the subject's last state is none of these",
    "not_entered": "the subject never entered one of these states",
    "of": "the endpoint that is compared or tested, of a kind that this needs",
    "per": "a rate by time at risk, or a mean by assessment (scan)",
    "reading": "which statistic is reported",
    "start": "the states whose entry starts the clock",
    "target": "the share under the null hypothesis, such as 33 %",
    "times": "a factor on the statistic, before it is compared with the bounds",
    "to": "the states whose entry is the event",
    "variable": "the variable that an assessment shows, such as cel",
    "window": "how far from that time the assessment may be",
    "with_event": "the subject had one of these events",
}
"""Meaning of the keys that kinds of endpoint and analysis add. A kind's own words (`field(metadata={"meaning": ...})`)
go before these.
"""


def meaning_of(kind: type[Endpoint], key: str) -> str:
    """What a key of a kind of endpoint or analysis means; empty where nobody has written it."""
    own = kind.__dataclass_fields__[key].metadata.get("meaning")
    return str(own or KEYS_OF_KINDS.get(key, ""))
