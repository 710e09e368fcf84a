"""How an endpoint differs between two arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, Number, StateNames, counted_in, quotient
from protocolsim.endpoint.between_arms.intervals import (
    Interval,
    OfArm,
    delta,
    katz,
    log_welch,
    newcombe,
    welch,
    woolf,
)
from protocolsim.endpoint.reduction import Reduction
from protocolsim.endpoint.subjects.rows import arms
from protocolsim.endpoint.time_to import TimeTo
from protocolsim.errors import UsageError
from protocolsim.records import Records

# The endpoint that a contrast is of, by its name in the scenario; any kind but this one.
OfEndpoint = Annotated[Endpoint, "endpoint"]

DIFFERENCE, RATE_RATIO, ODDS_RATIO = "difference", "rate ratio", "odds ratio"


@dataclass(frozen=True, kw_only=True)
class Contrast(Endpoint):
    """The value of an endpoint in `arm` minus, or over, its value in the arm `against`, with a confidence interval.

    `ratio`: of the values as they are reported. `odds ratio`: of a share of subjects. `rate ratio`: of a `time_to`
    rate, or of the rates during treatment of a pooled `reduction`, whose baseline then only says who counts. An
    endpoint that is a median has no contrast: it cannot be added over parts of a trial.

    Denominator: in each arm that of the endpoint, among the subjects who entered the arm's states (who entered those of
    both counts in neither). With `among`, only its members count; without, the endpoint's own population does.
    Withdrawal, rescue and missed assessments count as the endpoint says. Undefined in a trial without anybody in an
    arm; a ratio also where the arm `against` has zero.

    The interval of each trial has the level `confidence`. Shares: Newcombe's hybrid score interval for a difference
    (1998), Katz' for a ratio (1978), Woolf's for an odds ratio (1955). All else: Welch's interval (1947), of the
    difference or of the logarithm of the ratio, with standard errors from the subjects' own contributions (the delta
    method), so that counts may be overdispersed. Beside the contrast three numbers are reported of it, over the trials
    that have an interval: the coverage, which is the share of intervals that hold the value of all trials together; the
    bias, which is the mean of the estimates minus that value; and the bias of those estimates whose interval leaves out
    no difference, which is what is seen where only significant results are.
    """

    kind: ClassVar[str] = "contrast"
    meaning: ClassVar[str] = "an endpoint's difference, ratio or odds ratio between two arms, with an interval"
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
endpoints:
  more_pass: {kind: contrast, of: passed_the_rule, arm: combination, against: placebo}
"""

    of: OfEndpoint
    arm: StateNames
    against: StateNames
    measure: Literal["difference", "ratio", "odds ratio", "rate ratio"] = "difference"
    confidence: Number = 0.95

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence < 1.0:
            raise UsageError(f"endpoint '{self.name}': the confidence, {self.confidence:g}, is not between 0 and 1")
        why = self._why_not()
        if why:
            raise UsageError(f"endpoint '{self.name}': {why}")

    def _why_not(self) -> str:
        """Why there is no such contrast; empty where there is one."""
        of = self.of
        if isinstance(of, Contrast):
            return f"'{of.name}' is a contrast itself"
        if of.ranks or of.decides:
            return f"'{of.name}' is a median, of which there is no contrast; take a mean"
        if self.measure == ODDS_RATIO and not of.binary:
            return f"an odds ratio is of a share of subjects; '{of.name}' is of kind {of.kind}"
        if self.measure == RATE_RATIO and not (_rated(of) or (isinstance(of, TimeTo) and of.reading == "rate")):
            return f"a rate ratio is of a rate by time_to or of a pooled reduction; '{of.name}' is none"
        return ""

    @property
    def unit(self) -> str:
        """That of the endpoint for a difference; a ratio has none."""
        return self.of.unit if self.measure == DIFFERENCE else ""

    @property
    def method(self) -> str:
        """The confidence interval in words."""
        if self.of.binary and self.measure != "ratio":
            return "Newcombe's hybrid score interval" if self.measure == DIFFERENCE else "Woolf's log-normal interval"
        if self.of.binary:
            return "Katz' log-normal interval"
        return "Welch's interval" if self.measure == DIFFERENCE else "Welch's interval of the logarithm"

    @property
    def counting(self) -> str:
        """The measure, the arms, whom it counts, and the interval."""
        joined = {DIFFERENCE: "minus"}.get(self.measure, "over")
        arm, against = " or ".join(self.arm), " or ".join(self.against)
        return (
            f"{self.measure}: {arm} {joined} {against}, of '{self.of.label}' ({self.of.counting}); "
            f"{100.0 * self.confidence:g} % confidence by {self.method}"
        )

    @property
    def null(self) -> float:
        """The value where the arms do not differ."""
        return 0.0 if self.measure == DIFFERENCE else 1.0

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """For each arm: what the endpoint adds up, the products of that with itself, and 1 for who adds anything."""
        own = self.of.contributions(records, populations)
        arm = arms(records, self.arm, self.against)
        member = self.members(populations)
        upper = np.triu_indices(own.shape[1])
        products = own[:, upper[0]] * own[:, upper[1]]
        counted = member & (own != 0.0).any(axis=1)
        parts = []
        for side in (1.0, 0.0):
            mine = counted & (arm == side)
            columns = (*own.T, *products.T, np.ones(len(own)))
            parts += [counted_in(mine, column) for column in columns]
        return np.column_stack(parts)

    def value(self, sums: Floats) -> Floats:
        """The contrast of the values of both arms."""
        one, other = (self._of_arm(s) for s, _, _ in self._sides(sums))
        if self.measure == DIFFERENCE:
            return np.asarray(one - other)
        if self.measure == ODDS_RATIO:
            return quotient(one * (1.0 - other), other * (1.0 - one))
        return quotient(one, other)

    def interval(self, sums: Floats) -> Interval:
        """The confidence interval from the sums of each trial, [trials, k]; nan where there is none."""
        sides = self._sides(sums)
        if self.of.binary:
            cells = [s[..., j] for s, _, _ in sides for j in (0, 1)]
            of_shares = {DIFFERENCE: newcombe, ODDS_RATIO: woolf}.get(self.measure, katz)
            return of_shares(cells[0], cells[1], cells[2], cells[3], self.confidence)
        one, other = (self._spread(*side) for side in sides)
        return (welch if self.measure == DIFFERENCE else log_welch)(one, other, self.confidence)

    def _spread(self, sums: Floats, products: Floats, number: Floats) -> OfArm:
        width = sums.shape[-1]
        squares = np.empty((*sums.shape, width))
        row, column = np.triu_indices(width)
        squares[..., row, column] = products
        squares[..., column, row] = products
        return delta(self._of_arm, sums, squares, number)

    def _of_arm(self, sums: Floats) -> Floats:
        """The value of one arm, from its sums."""
        if self.measure == RATE_RATIO and _rated(self.of):
            return quotient(sums[..., 0], sums[..., 1])
        return self.of.value(sums)

    def _sides(self, sums: Floats) -> tuple[tuple[Floats, Floats, Floats], tuple[Floats, Floats, Floats]]:
        """For each arm: the sums, the sums of products, and the number of subjects."""
        each = sums.shape[-1] // 2
        # Of k sums and their k (k + 1) / 2 products, and one number.
        width = next(k for k in range(1, each) if k + k * (k + 1) // 2 + 1 == each)
        one, other = sums[..., :each], sums[..., each:]
        return (
            (one[..., :width], one[..., width:-1], one[..., -1]),
            (other[..., :width], other[..., width:-1], other[..., -1]),
        )


def _rated(of: Endpoint) -> bool:
    """Whether it has the rates of a pooled reduction."""
    return isinstance(of, Reduction) and of.reading == "pooled"


KIND = Contrast
