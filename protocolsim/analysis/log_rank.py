"""How soon a state is entered, in one arm against another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocolsim.analysis.base import OfTimeTo, SidedTest, alternating, in_both
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import quotient
from protocolsim.endpoint.subjects.rows import arms
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class LogRank(SidedTest):
    """Log-rank test of the time from `start` to `to` of a `time_to`, between two arms.

    Null hypothesis: both arms have the same hazard at all times. `less`: that of `arm` is lower. Population:
    that of the endpoint, those who entered its `start`, in the arm whose states they entered (who entered those of both
    counts in neither). Withdrawal, dropout and the end of the study censor, taken to say nothing of the time; a rescue
    counts only where `to` names it; missed assessments do not matter.

    z is positive where the hazard is higher in `arm`, where it is lower if the alternative is `less`. Information is
    that about the logarithm of the hazard ratio, the variance V of the log-rank statistic: near a quarter of the events
    where the arms are of one size.
    """

    kind: ClassVar[str] = "log_rank"
    meaning: ClassVar[str] = "log-rank test of the time to a state between two arms"
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
endpoints:
  until_dropped: {kind: time_to, start: [combination, placebo], to: withdrawn}
analysis:
  earlier: {kind: log_rank, of: until_dropped, arm: combination, against: placebo}
"""

    name_of_test: ClassVar[str] = "log-rank test"
    sides: ClassVar[tuple[str, str]] = ("a lower hazard", "a higher hazard")

    of: OfTimeTo

    @property
    def independent_increments(self) -> bool:
        """Of the log-rank score (Tsiatis 1982)."""
        return True

    @property
    def of_whom(self) -> str:
        """Those of the endpoint."""
        start, to = " or ".join(self.of.start), " or ".join(self.of.to)
        return f"over those {self.among} who entered {start}; leaving before {to} censors"

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Minutes, whether `to` was entered, and the arm, [subjects, 3]; nan for who is not in the test."""
        started, begin, reached, arrival = self.of.course(records)
        counted = self.of.members(populations) & started
        minutes = np.where(reached, arrival, records["subjects"]["end_minute"]) - begin
        return in_both(
            np.where(counted, minutes, np.nan), reached.astype(np.float64), arms(records, self.arm, self.against)
        )

    def at_null(self, rng: np.random.Generator, subjects: int) -> Floats:
        """Times with one hazard in both arms, some of them censored."""
        times, censored = rng.exponential(100.0, (2, subjects)) + 1.0
        reached = times <= 2.0 * censored
        return np.column_stack([np.where(reached, times, 2.0 * censored), reached, alternating(subjects)])

    def z_of_more(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """z of each trial; nan where an arm is empty or nobody got there while others of both arms might have."""
        score, variance = scores(columns, trial, trials)
        return quotient(score, np.sqrt(variance))

    def information(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """The variance of the log-rank statistic; nan where there is no p."""
        _, variance = scores(columns, trial, trials)
        return np.where(variance > 0.0, variance, np.nan)


def scores(columns: Floats, trial: Integers, trials: int) -> tuple[Floats, Floats]:
    """How many more of the arm got there in each trial than expected of its share of those at risk; the variance.

    The variance is exactly zero where what was seen is what must have been seen: all at one time, or one arm after the
    other. All but quotients are whole numbers, and each trial's are added in the order of its times.
    """
    minutes, reached, arm = columns.T
    order = np.lexsort((minutes, trial))
    minutes, reached, arm, trial = minutes[order], reached[order], arm[order], trial[order]
    begins = np.flatnonzero((np.diff(minutes, prepend=np.nan) != 0.0) | (np.diff(trial, prepend=-1) != 0))
    of = trial[begins]
    before, arm_before = begins.astype(np.float64), np.cumsum(arm)[begins] - arm[begins]
    number = np.bincount(trial, minlength=trials).astype(np.float64)
    of_arm = np.bincount(trial, weights=arm, minlength=trials).astype(np.float64)
    # Those at risk at each distinct time: all of the trials up to this one, but for those who came before.
    n = np.cumsum(number)[of] - before
    n1 = np.cumsum(of_arm)[of] - arm_before
    ends = np.append(begins[1:], len(trial))
    total = np.concatenate([[0.0], np.cumsum(reached)])
    d = total[ends] - total[begins]
    expected = d * n1 / n
    spread = quotient(n1 * (n - n1) * d * (n - d), n * n * (n - 1.0))
    observed = np.bincount(trial, weights=reached * arm, minlength=trials).astype(np.float64)
    excess = observed - np.bincount(of, weights=expected, minlength=trials)
    return excess, np.bincount(of, weights=np.nan_to_num(spread), minlength=trials).astype(np.float64)


KIND = LogRank
