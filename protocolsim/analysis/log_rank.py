"""How soon a state is entered, in one arm against another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.analysis.base import Analysis, OfTimeTo, alternating, arms, in_both, split
from protocolsim.endpoint.base import Floats, Integers, Mask, StateNames
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class LogRank(Analysis):
    """Log-rank test of the time from `start` to `to` of a `time_to`, between two arms.

    Null hypothesis: both arms have the same hazard at all times. `less`: that of `arm` is lower. Population:
    that of the endpoint, those who entered its `start`, in the arm whose states they entered (who entered those of both
    counts in neither). Withdrawal, dropout and the end of the study censor, taken to say nothing of the time; a rescue
    counts only where `to` names it; missed assessments do not matter.
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

    of: OfTimeTo
    arm: StateNames
    against: StateNames
    alternative: Literal["two-sided", "less", "greater"] = "two-sided"

    @property
    def test(self) -> str:
        """Which arms, on which side."""
        side = {
            "two-sided": "two-sided",
            "less": "one-sided for a lower hazard",
            "greater": "one-sided for a higher hazard",
        }[self.alternative]
        return f"log-rank test of {' or '.join(self.arm)} against {' or '.join(self.against)}, {side}"

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

    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial; nan where an arm is empty or nobody got there while others of both arms might have."""
        return np.array([self._p(rows) for rows in split(columns, trial, trials)], dtype=np.float64)

    def _p(self, rows: Floats) -> float:
        from scipy.stats import CensoredData, logrank

        minutes, reached, arm = rows.T
        if not _tells(minutes, reached == 1.0, arm == 1.0):
            return float("nan")
        times = [CensoredData.right_censored(minutes[arm == a], reached[arm == a] == 0.0) for a in (1.0, 0.0)]
        return float(logrank(*times, alternative=self.alternative).pvalue)


def _tells(minutes: Floats, reached: Mask, arm: Mask) -> bool:
    """Whether at some time somebody got there, who might have been of either arm, and somebody else did not.

    Otherwise what was seen is what must have been seen (all at one time, or one arm after the other): the statistic has
    no variance, and is zero over zero, or a rounding error over zero.
    """
    for minute in np.unique(minutes[reached]).tolist():
        at_risk = minutes >= minute
        mixed = (at_risk & arm).any() and (at_risk & ~arm).any()
        if mixed and not (reached & (minutes == minute))[at_risk].all():
            return True
    return False


KIND = LogRank
