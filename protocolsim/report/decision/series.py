"""A threshold curve as it is drawn: its thresholds in the scenario's own unit, and the loss at any prices."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.errors import UsageError
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import across_scale
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.settable import SettableParameter
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.units import rounded, unit_product

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd


LOSS_PARTS = ("expected_count", "expected_stop", "expected_dose")
_QUARTERS = (0.25, 0.5, 0.75)
_CONSTANT = 1e-9
_SWEPT = 21
_TABLES = ("_made", "frame", "parts")


class DrawnNumber:
    """A number of a scenario as figures draw things over it: in the unit that the scenario writes it in, and in words.

    `name` is the parameter's; what is drawn says between which `ends`.
    """

    def __init__(self, scenario: Scenario, name: str) -> None:
        self._scenario, self._name = scenario, name

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value drawn, in the unit."""
        raise NotImplementedError

    @cached_property
    def parameter(self) -> SettableParameter:
        """The number as a parameter of the scenario."""
        return self._scenario.settable(f"parameters.{self._name}")

    @property
    def unit(self) -> str:
        """The unit in which the scenario writes the number; "" for a plain one."""
        return self.parameter.unit

    @cached_property
    def _one(self) -> float:
        return unit_product(self.unit).value

    def shown(self, value: float) -> float:
        """A value in its unit, without what a division leaves in the last digits."""
        return rounded(value / self._one)

    def said(self, value: float) -> str:
        """A value as a reader meets it."""
        return f"{numbers.plain(self.shown(value))} {self.unit}".rstrip()

    @property
    def axis(self) -> str:
        """The number's name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def name(self) -> str:
        """The number in words."""
        return self._scenario.spoken.number(self._name)

    def across(self, value: float) -> float:
        """Where a value stands on the axis, as a share of it; below 0 and above 1 beyond its ends."""
        at, (first, last) = self.shown(value), self.ends
        if not first < last:
            return 0.5
        if self.parameter.log and first > 0.0:
            return math.log(at / first) / math.log(last / first) if at > 0.0 else -math.inf
        return (at - first) / (last - first)

    def x(self) -> alt.X:
        """The axis, for a column `at` in the unit."""
        import altair as alt

        scale = across_scale(self.ends, log=self.parameter.log)
        return alt.X("at:Q", title=self.axis, scale=scale, axis=alt.Axis(grid=False, tickCount=5))


class Drawn(DrawnNumber):
    """A curve as it is drawn: `frame` has its thresholds to show, and those a quarter of the range apart.

    `frame` is `curve.frame` with `at`, the threshold in the unit that the scenario writes it in.
    """

    def __init__(self, curve: ThresholdCurve) -> None:
        super().__init__(curve.scenario, curve.parameter)
        self.curve = curve
        self._made: dict[str, pd.DataFrame] = {}
        # What captions ask for again at every threshold.
        self._cheapest: dict[tuple[float, float], int] = {}
        self._constant: dict[str, bool] = {}

    def __getstate__(self) -> dict[str, Any]:
        """It travels between processes for reading: with what captions need, without what figures are drawn from."""
        kept = {name: value for name, value in vars(self).items() if name not in _TABLES}
        return kept | {"_made": {}, "curve": self.curve.for_reading()}

    @property
    def ends(self) -> tuple[float, float]:
        """The first and the last threshold drawn, in the unit."""
        return self.shown(float(self.thresholds[0])), self.shown(float(self.thresholds[-1]))

    @cached_property
    def quarters(self) -> Floats:
        """A quarter, a half and three quarters of the range."""
        low, high = self.curve.steps[0], self.curve.steps[-1]
        return np.array([low + q * (high - low) for q in _QUARTERS])

    @cached_property
    def thresholds(self) -> Floats:
        """All thresholds that are drawn, in order (internal units)."""
        return np.unique(np.concatenate([self.curve.grid, self.quarters]))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The estimates at each of them."""
        frame = self.curve.frame(self.thresholds)
        return frame.assign(at=[self.shown(t) for t in frame["threshold"]])

    def of(self, name: str) -> pd.DataFrame:
        """One estimate, in the order of the thresholds; shares 0 to 1."""
        result = self._one_of(name)
        lower, upper = result["value"] - 2 * result["mcse"], result["value"] + 2 * result["mcse"]
        return result.assign(lower=lower.fillna(result["value"]), upper=upper.fillna(result["value"]))

    def _one_of(self, name: str) -> pd.DataFrame:
        """One estimate of `frame`; a figure needs few of them, and all are only made for who asks for all."""
        if "frame" in self.__dict__:
            return self.frame[self.frame["estimate"] == name]
        if name not in self._made:
            frame = self.curve.frame(self.thresholds, (name,))
            self._made[name] = frame.assign(at=[self.shown(t) for t in frame["threshold"]])
        return self._made[name]

    @cached_property
    def parts(self) -> pd.DataFrame:
        """Per threshold what the loss is made of: `count`, `stop` and `dose`, means over those seen after the decision.

        The same subjects as in `expected_loss`, so that at the scenario's weights both are one number.
        """
        import pandas as pd

        self.priced()
        curve, rows = self.curve, []
        seen = curve.taken["expected_count"][:, 1] > 0, curve.refused["expected_count"][:, 1] > 0
        for threshold in self.thresholds.tolist():
            sent = curve.rule.holds(curve.measured, threshold)
            counted = np.where(sent, *seen)
            number = counted.sum()
            means = [
                np.where(sent, curve.taken[name][:, 0], curve.refused[name][:, 0])[counted].sum() / number
                if number
                else np.nan
                for name in LOSS_PARTS
            ]
            rows.append((threshold, self.shown(threshold), *means))
        return pd.DataFrame(rows, columns=["threshold", "at", "count", "stop", "dose"])

    def loss(self, stop_weight: float, dose_weight: float) -> Floats:
        """The expected loss at each threshold drawn, at these weights."""
        parts = self.parts
        return np.asarray(parts["count"] + stop_weight * parts["stop"] + dose_weight * parts["dose"], dtype=np.float64)

    def cheapest(self, stop_weight: float, dose_weight: float) -> int:
        """The place of the threshold with the smallest loss at these weights; of equals the one nearest to the own."""
        asked = stop_weight, dose_weight
        if asked not in self._cheapest:
            loss = self.loss(*asked)
            equal = np.flatnonzero(loss <= np.nanmin(loss) + _CONSTANT)
            self._cheapest[asked] = int(equal[np.argmin(np.abs(self.thresholds[equal] - self.curve.own))])
        return self._cheapest[asked]

    def at_an_end(self, place: int) -> bool:
        """Whether a threshold is the first or the last of the range."""
        return place in (0, len(self.thresholds) - 1)

    def weights(self) -> tuple[float, float]:
        """The scenario's own prices of a stop and of a unit of dose. Raises UsageError where it states none."""
        for decision in self.curve.scenario.decisions.values():
            if decision.threshold == self.curve.parameter:
                return decision.stop_weight, decision.dose_weight
        raise UsageError(
            f"the scenario has no decision about '{self.curve.parameter}' (decisions:), so that nothing says which "
            "subjects truly respond or what a patient's course costs"
        )

    def priced(self) -> None:
        """Raise UsageError where the scenario says nothing of what the decision is worth, or no subject reached it."""
        self.weights()
        if len(self.curve.measured) == 0:
            raise UsageError("no subject reached the decision, so there is nothing to draw")

    def marks(self, threshold: float, sensitivity: float, specificity: float) -> dict[str, tuple[float, float | None]]:
        """Where a threshold is marked in each figure, as shares of its plot from the left and from the top."""
        across = self.across(threshold)
        return {
            **dict.fromkeys(("curves", "definitions", "what_follows", "loss"), (across, None)),
            "roc": (1.0 - specificity, 1.0 - sensitivity),
        }

    def constant(self, name: str) -> bool:
        """Whether an estimate is the same at every threshold."""
        if name not in self._constant:
            values = self._one_of(name)["value"].dropna()
            self._constant[name] = len(values) == 0 or float(values.max() - values.min()) <= _CONSTANT
        return self._constant[name]

    @property
    def interpolate(self) -> Literal["step-before", "step-after"]:
        """Towards which side a step holds: values equal to a strict bound from above do not pass it."""
        return "step-before" if self.curve.rule.op in (">=", "<") else "step-after"


def over_range(scenario: Scenario, parameter: str) -> str | None:
    """A parameter's range in 21 points, as a sweep takes it; None where the scenario gives it none."""
    settable = scenario.settable(f"parameters.{parameter}")
    low, high = settable.low, settable.high
    if low is None or high is None:
        return None
    if settable.log:
        return ",".join(settable.write(low * (high / low) ** (k / (_SWEPT - 1))) for k in range(_SWEPT))
    return ",".join(settable.write(low + k * (high - low) / (_SWEPT - 1)) for k in range(_SWEPT))
