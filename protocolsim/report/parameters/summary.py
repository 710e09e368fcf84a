"""Whose the variance of single trials is, as a reader meets it: rows, sentences, and what the columns mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from protocolsim.report.style import numbers
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.parameters.draws import TOGETHER
from protocolsim.study.parameters.shares import Portion, VarianceShares, first_to_learn
from protocolsim.study.parameters.uncertain import uncertain_in
from protocolsim.study.result import Result

NOT_TOLD = "not told apart"
MOST_PARAMETERS = 3
MEANS = (
    "Of the variance of single trials: what the uncertain parameters make (the covariance of two trials of different "
    "patients with the same draw), what the trial does as a whole, and its patients; each with its Monte Carlo "
    "standard error, so that a small share may come out below 0. By a parameter alone: its first-order index, the "
    "share that would go on average if it were known; those of fewer than two errors are not shown. Indices need not "
    "add up to the share of all parameters: what several do together stands in none, and each has its own error."
)


@dataclass(frozen=True)
class SharesRow:
    """One endpoint, in words: its shares, and the parameters that make most of it."""

    name: str
    label: str
    parameters: str
    trial: str
    patients: str
    first: str


def rows(result: Result) -> list[SharesRow]:
    """A row for each endpoint of the trial's subjects, in the order of the file; none where none are drawn."""
    marks = _marks(result)
    return [_row(e.name, e.label, result.shares[e.name], marks) for e in shown(result)]


def shown(result: Result) -> list[Estimate]:
    """The estimates whose variance is told."""
    return [e for e in numbers.of_subjects(result) if e.name in result.shares]


def _row(name: str, label: str, shares: VarianceShares, marks: dict[str, str]) -> SharesRow:
    first = [one for one in shares.first_order if one.portion.told_apart][:MOST_PARAMETERS]
    told = "; ".join(f"{one.key}{marks.get(one.key, '')} {portion(one.portion)}" for one in first)
    return SharesRow(
        name,
        label,
        portion(shares.parameters),
        NOT_TOLD if shares.trial is None else "none" if not shares.coupled else portion(shares.trial),
        NOT_TOLD if shares.patients is None else portion(shares.patients),
        told or "none is told from 0",
    )


def portion(share: Portion) -> str:
    """'38 ± 9 %': a share of a variance with its standard error."""
    if math.isnan(share.share):
        return numbers.UNDEFINED
    return f"{numbers.with_error(100.0 * share.share, 100.0 * share.error)} %"


def drawn(result: Result) -> str:
    """What was drawn, and from what, in one sentence; '' where parameters were fixed."""
    if result.drawn is None or result.drawn.draws is None:
        return ""
    draws = result.drawn.draws
    number = numbers.count(len(draws.parameters), "uncertain parameter")
    many = numbers.count(len(draws.of(range(result.replicates))), "draw")
    if draws.joint is not None:
        source = f"the posterior {draws.joint.source}, jointly; all others are held at their values"
    else:
        source = "their plausible ranges, each by itself"
    return (
        f"{numbers.count(result.replicates, 'further trial')} with {many} of {number} from {source}; each draw is "
        f"that of {TOGETHER} trials."
    )


def held(result: Result) -> str:
    """Why the other parameters are held at their values, in one sentence; '' where none is or nothing is drawn."""
    if result.drawn is None or result.drawn.draws is None or result.drawn.draws.joint is not None:
        return ""
    _, why = uncertain_in(result.scenario)
    reasons: dict[str, list[str]] = {}
    for name, reason in why.items():
        reasons.setdefault(reason, []).append(name)
    said = "; ".join(f"{reason}: {', '.join(names)}" for reason, names in reasons.items())
    return f"Held at their values: {said}." if said else ""


def coupling(result: Result) -> str:
    """What the trial's own share is of, in one sentence; '' where nothing is drawn."""
    found = next(iter(result.shares.values()), None)
    if found is None:
        return ""
    if not found.coupled:
        return "Nothing couples the patients of a trial here: what parameters do not make is the patients' alone."
    return f"The patients of a trial are coupled by {found.coupled}."


def learn_next(result: Result) -> str:
    """Which parameter it would help most to know, in one sentence built from the numbers; '' without any."""
    told = [result.shares[e.name] for e in shown(result)]
    order = first_to_learn(told)
    if not order:
        return ""
    best = {key: _most(told, key) for key, _ in order}
    found = [(key, mean) for key, mean in order if _index(best[key], key).told_apart]
    if not found:
        return "No parameter is told from the others by so few draws: simulate more replicates."
    key, mean = found[0]
    most = best[key]
    index = _index(most, key)
    narrower = 1.0 - math.sqrt(1.0 - min(1.0, index.share))
    label = result.estimates[most.endpoint].label
    mark = _marks(result).get(key, "")
    others = [f"{name} ({100.0 * share:.0f} %)" for name, share in found[1:3]]
    then = f" After it come {' and '.join(others)}." if others else ""
    return (
        f"What to learn next: {key}{mark}. It makes {100.0 * mean:.0f} % of the variance of single trials on average "
        f"over {numbers.count(len(told), 'endpoint')}, most of '{label}' ({portion(index)}), whose prediction range "
        f"would narrow by about {100.0 * narrower:.0f} % if it were known.{then}"
    )


def _most(told: Sequence[VarianceShares], key: str) -> VarianceShares:
    """The endpoint of whose variance a parameter makes the largest share."""
    return max(told, key=lambda one: _index(one, key).share)


def _index(shares: VarianceShares, key: str) -> Portion:
    return next(one.portion for one in shares.first_order if one.key == key)


def _marks(result: Result) -> dict[str, str]:
    return {p.key: f" [{p.mark}]" for p in result.scenario.settables if p.mark}


def notes(told: Sequence[VarianceShares]) -> list[str]:
    """Why shares of trial and patients are not told apart, by endpoint."""
    return [
        f"{one.endpoint}: trial and patients are not told apart, since {one.why_not}" for one in told if one.why_not
    ]
