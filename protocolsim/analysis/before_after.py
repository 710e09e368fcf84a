"""Before against after, in the same subjects: the test of a trial without a control arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.analysis.base import Analysis, OfReduction, split
from protocolsim.endpoint.base import Floats, Integers, Mask, quotient
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

    Population: that of the reduction, those with a made assessment on each side; a baseline of zero counts. Withdrawal
    ends a subject's counting, what follows a rescue counts only where the reduction's `during` names it, and missed
    assessments are left out of the rates.
    """

    kind: ClassVar[str] = "before_after"
    meaning: ClassVar[str] = "Wilcoxon signed-rank test of the rate on treatment against the same subjects' at baseline"

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
        return np.where(self.of.both(rates, populations), np.round(difference, 9), np.nan)[:, np.newaxis]

    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial; nan where nobody changed."""
        found = np.full(trials, np.nan)
        alike: dict[tuple[int, bool], list[int]] = {}
        own = [rows[:, 0] for rows in split(columns, trial, trials)]
        for number, differences in enumerate(own):
            if differences.any():
                sizes = np.abs(differences)
                tied = bool((sizes == 0.0).any()) or len(np.unique(sizes)) < len(sizes)
                alike.setdefault((len(differences), not tied and len(sizes) <= _MOST_EXACT), []).append(number)
        for (_, exact), numbers in alike.items():
            found[numbers] = self._wilcoxon(np.stack([own[n] for n in numbers]), exact)
        return found

    def _wilcoxon(self, differences: Floats, exact: bool) -> Floats:
        """p of each row."""
        from scipy.stats import wilcoxon

        method = "exact" if exact else "approx"
        result = wilcoxon(differences, axis=1, method=method, correction=not exact, alternative=self.alternative)
        return np.asarray(result.pvalue)


KIND = BeforeAfter
