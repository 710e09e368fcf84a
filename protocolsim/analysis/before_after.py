"""Before against after, in the same subjects: the test of a trial without a control arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar, Literal

import numpy as np

from protocolsim.analysis.base import Analysis, OfReduction, z_of_tails
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import quotient
from protocolsim.records import Records
from protocolsim.units import MINUTES_PER_WEEK

_MOST_EXACT = 50


@dataclass(frozen=True, kw_only=True)
class BeforeAfter(Analysis):
    """Wilcoxon signed-rank test of each subject's rate on treatment minus that at baseline, of a `reduction`.

    Null hypothesis: the differences lie symmetrically about zero. It is about time, not about treatment: whatever else
    changes from before to after (regression to the mean, the end of a flare) is rejected just as well. `less`: the rate
    fell. Differences of zero are left out (Wilcoxon's way); p is exact up to 50 subjects without ties or zeros, else
    normal with corrections for ties and continuity.

    z is positive for a rise, for a fall where the alternative is `less`. Information is that about the share of the sum
    of ranks that lies above zero, 1 over its variance under the null hypothesis: about three for each subject.

    Population: that of the reduction, those with a made assessment on each side; a baseline of zero counts. Withdrawal
    ends a subject's counting, what follows a rescue counts only where the reduction's `during` names it, and missed
    assessments are left out of the rates.
    """

    kind: ClassVar[str] = "before_after"
    meaning: ClassVar[str] = "Wilcoxon signed-rank test of the rate on treatment against the same subjects' at baseline"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
analysis:
  fewer_lesions: {kind: before_after, of: new_cel_inhibition, alternative: less, level: 2.5 %}
"""

    instead: ClassVar[str] = (
        "it takes what changes by itself (regression to the mean) for an effect, which a comparison with a randomised "
        "arm does not"
    )

    of: OfReduction
    alternative: Literal["two-sided", "less", "greater"] = "two-sided"

    @property
    def test(self) -> str:
        """Whose rates, on which side."""
        side = {"two-sided": "two-sided", "less": "one-sided for a fall", "greater": "one-sided for a rise"}
        return f"Wilcoxon signed-rank test of each subject's rate after against before, {side[self.alternative]}"

    @property
    def of_whom(self) -> str:
        """Those of the reduction."""
        return (
            f"over those {self.among} with an assessment at baseline and a later one; withdrawal ends counting, what "
            f"follows in {' or '.join(self.of.during)} counts, missed assessments are left out"
        )

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """The subject's own difference of rates, [subjects, 1]; nan for who has none."""
        rates = self.of.rates(records)
        per = 4.0 * MINUTES_PER_WEEK if self.of.per == "time" else 1.0
        difference = per * (quotient(rates.late, rates.late_over) - quotient(rates.early, rates.early_over))
        # Equal differences are ties, whatever their last bits.
        counted = self.of.members(populations) & rates.on_each_side
        return np.where(counted, np.round(difference, 9), np.nan)[:, np.newaxis]

    def at_null(self, rng: np.random.Generator, subjects: int) -> Floats:
        """Differences that lie symmetrically about zero."""
        return rng.normal(size=(subjects, 1))

    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial; nan where nobody changed."""
        sums = rank_sums(columns[:, 0], trial, trials)
        p = np.full(trials, np.nan)
        for these, below, beyond in _exact_tails(sums):
            p[these] = self._of_tails(below, beyond)
        normal = ~_exactly(sums) & (sums.number > 0)
        p[normal] = self._normal(sums.away[normal], sums.spread[normal])
        return p

    def z_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """z of each trial; nan where nobody changed."""
        sums = rank_sums(columns[:, 0], trial, trials)
        z = np.full(trials, np.nan)
        for these, below, beyond in _exact_tails(sums):
            z[these] = z_of_tails(beyond, below)
        normal = ~_exactly(sums) & (sums.number > 0)
        away = sums.away[normal]
        # Sums of ranks and what is expected of them are multiples of one half, so that nothing is corrected past zero.
        z[normal] = np.sign(away) * np.maximum(np.abs(away) - 0.5, 0.0) / sums.spread[normal]
        return -z if self.alternative == "less" else z

    def information(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """1 over the variance of the share of the sum of ranks above zero; nan where nobody changed."""
        sums = rank_sums(columns[:, 0], trial, trials)
        n = sums.number.astype(np.float64)
        share = quotient(sums.spread, 0.5 * n * (n + 1.0))
        return quotient(np.ones(trials), share * share)

    def _of_tails(self, below: Floats, beyond: Floats) -> Floats:
        if self.alternative == "two-sided":
            return np.minimum(1.0, 2.0 * np.minimum(below, beyond))
        return below if self.alternative == "less" else beyond

    def _normal(self, away: Floats, spread: Floats) -> Floats:
        """p of rank sums by the normal law, corrected for ties and for continuity."""
        if self.alternative == "two-sided":
            nearer = np.where(away == 0.0, 0.0, 0.5)
            return np.minimum(1.0, 2.0 * _lower_tail((nearer - np.abs(away)) / spread))
        return _lower_tail((away + 0.5) / spread if self.alternative == "less" else (0.5 - away) / spread)


@dataclass(frozen=True)
class RankSums:
    """Of each trial: how many differ, the sum of the ranks of those above zero, and what ties there are.

    `ties`: the sum of t^3 - t over groups of t equal sizes. `distinct`: no size occurs twice, and none is zero.
    """

    number: Integers
    above: Floats
    ties: Floats
    distinct: Mask

    @property
    def away(self) -> Floats:
        """What the sum exceeds its mean under the null hypothesis by."""
        n = self.number.astype(np.float64)
        return self.above - 0.25 * n * (n + 1.0)

    @property
    def spread(self) -> Floats:
        """Its standard deviation there."""
        n = self.number.astype(np.float64)
        return np.sqrt((n * (n + 1.0) * (2.0 * n + 1.0) - 0.5 * self.ties) / 24.0)


def rank_sums(difference: Floats, trial: Integers, trials: int) -> RankSums:
    """The signed ranks of every trial's differences; zeros are left out, ties share the mean of their ranks."""
    differs = difference != 0.0
    everybody = np.bincount(trial, minlength=trials)
    own, trial = difference[differs], trial[differs]
    size = np.abs(own)
    order = np.lexsort((size, trial))
    own, size, trial = own[order], size[order], trial[order]
    number = np.bincount(trial, minlength=trials)
    before = np.cumsum(number) - number
    # A group is those of one size in one trial, who stand beside each other now.
    begins = np.flatnonzero((np.diff(size, prepend=np.nan) != 0.0) | (np.diff(trial, prepend=-1) != 0))
    members = np.diff(begins, append=len(size))
    rank = np.repeat(begins + 0.5 * (members + 1.0), members) - before[trial]
    above = np.bincount(trial, weights=np.where(own > 0.0, rank, 0.0), minlength=trials).astype(np.float64)
    alike = members.astype(np.float64)
    ties = np.bincount(trial[begins], weights=alike * alike * alike - alike, minlength=trials).astype(np.float64)
    return RankSums(number, above, ties, (ties == 0.0) & (number == everybody))


def _exactly(sums: RankSums) -> Mask:
    """The trials whose p is exact."""
    return sums.distinct & (sums.number <= _MOST_EXACT)


def _exact_tails(sums: RankSums) -> Iterator[tuple[Mask, Floats, Floats]]:
    """Of trials of each size whose p is exact: which they are, P(so few or fewer), P(so many or more)."""
    exact = _exactly(sums)
    for n in np.unique(sums.number[exact & (sums.number > 0)]).tolist():
        these = exact & (sums.number == n)
        yield these, *_of_all_signs(sums.above[these].astype(np.int64), n)


def _of_all_signs(above: Integers, n: int) -> tuple[Floats, Floats]:
    """Both tails of rank sums of n subjects, of all 2^n changes of signs. Each is a whole number over 2^n: exact."""
    ways = np.zeros(n * (n + 1) // 2 + 1, dtype=np.int64)
    ways[0] = 1
    for rank in range(1, n + 1):
        ways[rank:] += ways[:-rank].copy()
    so_few = np.cumsum(ways)
    every = 1 << n
    return so_few[above] / every, (every - so_few[above] + ways[above]) / every


def _lower_tail(z: Floats) -> Floats:
    # The standard library's: importing SciPy's statistics takes longer than many a run.
    return np.array([NormalDist().cdf(value) for value in z.tolist()], dtype=np.float64)


KIND = BeforeAfter
