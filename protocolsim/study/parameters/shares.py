"""What makes trials differ: parameters that are not known, the trial as a whole, and its patients.

Two trials of different patients have each draw of the parameters, so that the covariance of such pairs is the variance
that parameters make; the rest is the trial's and its patients'. Where nothing couples patients (no looks, no queues, no
allocation in blocks) the rest is the patients' alone. Elsewhere what independent patients give is estimated from the
patients of each trial (patients.py), and what is left over is the trial's. All shares are of the variance of single
trials, with the jackknife error over draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Reported
from protocolsim.engine.base import Trial
from protocolsim.study.parameters import patients
from protocolsim.study.parameters.draws import TOGETHER, ParameterDraws
from protocolsim.study.parameters.first_order import LEAST_DRAWS, explained

TOLD_APART = 2.0
"""A share of fewer errors than that is not told from nothing."""


@dataclass(frozen=True)
class Portion:
    """A share of a variance (1 is all of it) and its Monte Carlo standard error; estimates may lie below 0."""

    share: float
    error: float

    @property
    def told_apart(self) -> bool:
        """Whether it is told from nothing."""
        return self.share > TOLD_APART * self.error


@dataclass(frozen=True)
class OfParameter:
    """The first-order index of one parameter."""

    key: str
    portion: Portion


@dataclass(frozen=True)
class VarianceShares:
    """Whose the variance of single trials is, for one endpoint.

    `trial` and `patients` are None where they cannot be told apart, and `why_not` says why; `coupled` is what couples
    the patients of a trial, "" where nothing does, so that the trial's share is 0 by design. `first_order` comes in the
    order of the shares.
    """

    endpoint: str
    variance: float
    parameters: Portion
    trial: Portion | None
    patients: Portion | None
    why_not: str
    coupled: str
    first_order: tuple[OfParameter, ...]

    @property
    def narrower(self) -> float:
        """By which share the range of single trials would narrow if the first of the parameters were known."""
        most = self.first_order[0].portion.share if self.first_order else 0.0
        return 1.0 - math.sqrt(min(1.0, max(0.0, 1.0 - most)))


def coupled_by(trial: Trial) -> str:
    """What couples the patients of one trial, so that it varies as a whole; "" where nothing does."""
    found = [
        *(["looks at the accumulating data"] if trial.conduct is not None else []),
        *(["patients who wait for each other"] if trial.limited else []),
        *(["allocation in blocks"] if trial.protocol.randomisations else []),
    ]
    return " and ".join(found)


def shares_of(
    reported: Mapping[str, Reported], sums: Mapping[str, Floats], draws: ParameterDraws, trial: Trial
) -> dict[str, VarianceShares]:
    """The shares of each endpoint, from the sums of trials with parameters drawn, [replicates, k] by endpoint.

    Left out are endpoints that are of many trials together, that do not vary, or have a value in too few pairs.
    """
    coupled = coupled_by(trial)
    found: dict[str, VarianceShares] = {}
    for name, one in reported.items():
        if one.over_trials:
            continue
        own = sums.get(patients.name_of(name))
        values = one.value(one.completed(sums[name]))
        shares = _shares(name, values, None if own is None else own[:, 0], draws, coupled, patients.why_not(one))
        if shares is not None:
            found[name] = shares
    return found


def _shares(
    name: str, values: Floats, own: Floats | None, draws: ParameterDraws, coupled: str, why_not: str
) -> VarianceShares | None:
    pairs = len(values) // TOGETHER
    both = values[: pairs * TOGETHER].reshape(pairs, TOGETHER)
    defined = ~np.isnan(both).any(axis=1)
    if defined.sum() < LEAST_DRAWS:
        return None
    table = draws.table(range(pairs))[defined]
    a, b = both[defined].T
    means, within = 0.5 * (a + b), 0.5 * (a - b) ** 2
    of_patients = None
    if coupled and own is not None:
        of_patients = own[: pairs * TOGETHER].reshape(pairs, TOGETHER)[defined].mean(axis=1)
        why_not = "some trials have too few patients" if np.isnan(of_patients).any() else why_not
        of_patients = None if np.isnan(of_patients).any() else of_patients
    whole, without = _parts(means, within, of_patients)
    total, totals = whole[0] + whole[1], without[0] + without[1]
    if not total > 0.0 or not (totals > 0.0).all():
        return None
    index, indices = explained(table, means)
    first = [
        OfParameter(p.key, _portion(float(index[k]) / total, indices[:, k] / totals))
        for k, p in enumerate(draws.parameters)
    ]
    parameters = _portion(whole[0] / total, without[0] / totals)
    rest = _portion(whole[1] / total, without[1] / totals)
    trial, their = (Portion(0.0, 0.0), rest) if not coupled else (None, None)
    if of_patients is not None:
        their = _portion(whole[2] / total, without[2] / totals)
        trial = _portion((whole[1] - whole[2]) / total, (without[1] - without[2]) / totals)
    ordered = tuple(sorted(first, key=lambda one: -one.portion.share))
    return VarianceShares(name, total, parameters, trial, their, why_not if trial is None else "", coupled, ordered)


def parameter_sd(values: Floats) -> float:
    """The standard deviation that parameters give a number of single trials, [replicates], by the covariance of pairs.

    0 where the covariance is negative, as chance may have it where parameters do little; nan for too few pairs.
    """
    pairs = len(values) // TOGETHER
    both = values[: pairs * TOGETHER].reshape(pairs, TOGETHER)
    a, b = both[~np.isnan(both).any(axis=1)].T
    if len(a) < LEAST_DRAWS:
        return float("nan")
    whole, _ = _parts(0.5 * (a + b), 0.5 * (a - b) ** 2, None)
    return math.sqrt(max(0.0, whole[0]))


def _parts(means: Floats, within: Floats, of_patients: Floats | None) -> tuple[list[float], list[Floats]]:
    """The variance of parameters, the rest, and of that the patients'; and each with one draw left out in turn.

    One-way analysis of variance with two trials for each draw: the mean square between draws is twice the variance of
    parameters and the rest.
    """
    number = len(means)
    own = np.zeros(number) if of_patients is None else of_patients
    centred = means - means.mean()
    one, two = centred.sum(), (centred * centred).sum()

    def parts(size: float, first: Floats | float, second: Floats | float, rest: Floats | float) -> Floats | float:
        between = (second - first * first / size) / (size - 1.0)
        return between - 0.5 * rest

    rest, rests = within.mean(), (within.sum() - within) / (number - 1.0)
    whole = parts(number, one, two, rest)
    without = parts(number - 1.0, one - centred, two - centred * centred, rests)
    patients_without = (own.sum() - own) / (number - 1.0)
    return [float(whole), float(rest), float(own.mean())], [np.asarray(without), rests, patients_without]


def _portion(share: float, without: Floats) -> Portion:
    """A share with its jackknife error, from the same with one draw left out in turn."""
    number = len(without)
    centred = without - without.mean()
    return Portion(float(share), float(np.sqrt((number - 1.0) / number * (centred * centred).sum())))


def first_to_learn(shares: Sequence[VarianceShares]) -> list[tuple[str, float]]:
    """The parameters by the mean of their indices over these endpoints, the largest first; those above 0 only."""
    sums: dict[str, float] = {}
    for one in shares:
        for index in one.first_order:
            sums[index.key] = sums.get(index.key, 0.0) + index.portion.share
    means = [(key, total / len(shares)) for key, total in sums.items()]
    return sorted((pair for pair in means if pair[1] > 0.0), key=lambda pair: -pair[1])


def as_json(shares: VarianceShares) -> dict[str, object]:
    """Plain values for a file; None for what cannot be told."""
    return {
        "variance": shares.variance,
        "parameters": _plain(shares.parameters),
        "trial": _plain(shares.trial),
        "patients": _plain(shares.patients),
        "why_not": shares.why_not,
        "coupled_by": shares.coupled,
        "first_order": {one.key: _plain(one.portion) for one in shares.first_order},
    }


def _plain(portion: Portion | None) -> dict[str, float] | None:
    return None if portion is None else {"share": portion.share, "mcse": portion.error}
