"""What the opening and the story draw themselves: lanes of one trial, and dots for single trials.

Both are plain tables of places in per cent of the width, which the template turns into SVG whose letters stay as large
on a telephone as on a wall.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Reported
from protocolsim.errors import UsageError
from protocolsim.interim.estimates.bias import BiasAtStopping
from protocolsim.report.run.figure_data import finals, patient_frame, patients, state_labels
from protocolsim.report.run.swimmers import lane_frame
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import state_colours
from protocolsim.study.result import Result

if TYPE_CHECKING:
    import pandas as pd

MOST_LANES = 16
_MOST_PRINTED = 1000.0  # values below have their number over their bar
DOTS, _BINS = 50, 40
_FAR = 10_000.0  # from here on sizes follow the logarithm of a value
_ROW, _PITCH, _DEEP = 20, 8.0, 120.0  # pixels: a lane, from dot to dot, and the highest stack of dots
_SMALLEST_DOT = 2.4  # pixels: dots of a very high stack overlap rather than vanish
_SMALLEST, _LARGER = 1.6, 5.4  # pixels: the radius of a zero, and what the largest value adds
_LEAST_LARGE, _TELEPHONE = 4.2, 3.4  # pixels: the radius that the largest disc has at least; a per cent of the width
_LETTER, _CLOSE = 2.0, 1.5  # per cent of the width: a digit on a telephone, and from bar to bar where they are thin
_SEEN = 0.5  # per cent of the width: a shorter stay is not seen, and has no place in a legend
_EDGE = 3.0  # per cent of the width
_LEFT, _WIDE = 1.5, 96.5  # per cent of the width: where the first course begins, and how far they all go


@dataclass(frozen=True)
class DrawnStay:
    """A stay in a state: where it begins and how wide it is (per cent), its colour and the state in words."""

    x: float
    width: float
    colour: str
    state: str


@dataclass(frozen=True)
class LaneMark:
    """An assessment on a lane: its place (per cent), and its radius (pixels; 0 where it was missed)."""

    x: float
    radius: float


@dataclass(frozen=True)
class PatientLane:
    """One patient's course: `y` is the middle of the lane in pixels, `ended` how it ended in words."""

    y: float
    stays: tuple[DrawnStay, ...]
    marks: tuple[LaneMark, ...]
    ended: str


@dataclass(frozen=True)
class Tick:
    """A place on an axis, and what stands there."""

    x: float
    words: str


@dataclass(frozen=True)
class TrialLanes:
    """One trial: lanes, axis and legend (colour, state), the height in pixels, and all of it in words."""

    lanes: tuple[PatientLane, ...]
    ticks: tuple[Tick, ...]
    legend: tuple[tuple[str, str], ...]
    height: int
    caption: str
    alternative: str


def trial_lanes(result: Result, most: int = MOST_LANES) -> TrialLanes:
    """The first trial, its first `most` patients.

    Raises UsageError where the scenario follows no variable, or no patient is enrolled in that trial.
    """
    if result.scenario.follow is None:
        raise UsageError("this scenario names no variable to follow (follow:), so there is nothing to draw on a lane")
    chosen, enrolled = patients(result.shown, 0)
    chosen = chosen[:most]
    lanes, (seen, _) = lane_frame(result, chosen), patient_frame(result, chosen)
    low, high = min(0.0, float(lanes["start"].min())), float(lanes["end"].max())
    per_week = _WIDE / max(high - low, 1e-9)
    tints = _tints(result)
    drawn = seen[seen["kind"].isin(["seen", "missed"]) & seen["dose"].isna()]
    least, top = _span(drawn["value"].dropna())
    largest = _largest(drawn, per_week)
    subjects = result.shown["subjects"]["subject"]
    whole = []
    for k, row in enumerate(chosen.tolist()):
        mine = lanes[lanes["patient"] == str(subjects[row])]
        stays = _stays(mine, tints, low, per_week)
        of_row = drawn[drawn["row"] == row]
        marks = tuple(
            LaneMark(_LEFT + (week - low) * per_week, _radius(kind, value, _part(value, least, top), largest))
            for week, kind, value in zip(of_row["week"], of_row["kind"], of_row["value"], strict=True)
        )
        whole.append(PatientLane((k + 0.5) * _ROW, stays, marks, str(mine["ended"].iloc[-1]) if len(mine) else ""))
    used = {stay.state for lane in whole for stay in lane.stays if stay.width >= _SEEN}
    legend = tuple((tint, label) for label, tint in tints.items() if label in used)
    ends = Counter(lane.ended for lane in whole)
    return TrialLanes(
        tuple(whole),
        _weeks(low, high, per_week),
        legend,
        _ROW * len(whole) + 26,
        *_lane_words(result, len(whole), enrolled, ends),
    )


def _span(values: pd.Series[float]) -> tuple[float, float]:
    """The least and the largest of values, from zero on where they are near it."""
    if len(values) == 0:
        return 0.0, 1.0
    least, top = float(values.min()), float(values.max())
    return (0.0 if 0.0 <= least < 0.5 * top else least), top


def _tints(result: Result) -> dict[str, str]:
    """The colour of each state by its label, that of every other figure."""
    return dict(zip(state_labels(result), state_colours(finals(result.scenario)), strict=True))


def _stays(mine: pd.DataFrame, tints: Mapping[str, str], low: float, per_week: float) -> tuple[DrawnStay, ...]:
    """The stays of one patient, from the rows of `lane_frame`."""
    return tuple(
        DrawnStay(_LEFT + (start - low) * per_week, max((end - start) * per_week, 0.2), tints[state], state)
        for state, start, end in zip(mine["state"], mine["start"], mine["end"], strict=True)
    )


@dataclass(frozen=True)
class ValueBar:
    """One value of a patient: its place (per cent), its height (0 to 1; -1 where it was missed), and the number."""

    x: float
    part: float
    words: str

    @property
    def anchor(self) -> str:
        """Where the number stands from, so that the first and the last are not cut off."""
        return "start" if self.x < _EDGE else "end" if self.x > 100.0 - _EDGE else "middle"


@dataclass(frozen=True)
class PatientCourse:
    """One patient: a bar for each value, the stays below them, axis and legend, and all of it in words.

    `thin`: bars lie so close that wide ones would be one block.
    """

    bars: tuple[ValueBar, ...]
    thin: bool
    stays: tuple[DrawnStay, ...]
    ticks: tuple[Tick, ...]
    legend: tuple[tuple[str, str], ...]
    variable: str
    alternative: str


def patient_course(result: Result, row: int) -> PatientCourse:
    """The course of the patient of a row of the table of subjects.

    Raises UsageError where the scenario follows no variable.
    """
    if result.scenario.follow is None:
        raise UsageError("this scenario names no variable to follow (follow:)")
    chosen = np.array([row], dtype=np.int64)
    mine, (seen, _) = lane_frame(result, chosen), patient_frame(result, chosen)
    low, high = min(0.0, float(mine["start"].min())), float(mine["end"].max())
    per_week = _WIDE / max(high - low, 1e-9)
    tints = _tints(result)
    drawn = seen[seen["kind"].isin(["seen", "missed"]) & seen["dose"].isna()]
    least, top = _span(drawn["value"].dropna())
    printed = top < _MOST_PRINTED
    places = [_LEFT + (week - low) * per_week for week in drawn["week"]]
    bars = tuple(
        ValueBar(
            x,
            -1.0 if kind == "missed" or math.isnan(value) else _part(value, least, top),
            numbers.plain(value) if printed and not math.isnan(value) else "",
        )
        for x, kind, value in zip(places, drawn["kind"], drawn["value"], strict=True)
    )
    thin = any(0.0 < b - a < _CLOSE for a, b in pairwise(places))
    stays = _stays(mine, tints, low, per_week)
    legend = tuple(dict.fromkeys((stay.colour, stay.state) for stay in stays if stay.width >= _SEEN))
    variable = result.scenario.spoken.follow
    told = ", ".join(
        f"week {week:.0f}: {numbers.plain(value)}" for week, value in zip(drawn["week"], drawn["value"], strict=True)
    )
    ended = str(mine["ended"].iloc[-1])
    return PatientCourse(
        _apart(bars), thin, stays, _weeks(low, high, per_week), legend, variable, f"{variable}: {told}. Ended: {ended}."
    )


def _apart(bars: Sequence[ValueBar]) -> tuple[ValueBar, ...]:
    """The bars, of whose numbers only those are left that have room beside the last one."""
    kept, room = list[ValueBar](), -math.inf
    for bar in bars:
        wide = len(bar.words) * _LETTER
        left = {"start": bar.x, "middle": bar.x - wide / 2, "end": bar.x - wide}[bar.anchor]
        fits = left >= room
        kept.append(bar if fits else replace(bar, words=""))
        if fits and bar.words:
            room = left + wide
    return tuple(kept)


def _lane_words(result: Result, shown: int, enrolled: int, ends: Counter[str]) -> tuple[str, str]:
    variable = result.scenario.spoken.follow
    which = f"All {shown} patients" if shown == enrolled else f"The first {shown} of {enrolled:,} patients"
    told = "; ".join(f"{number} {words}" for words, number in ends.items())
    caption = f"{which} of one simulated trial, a lane each, coloured by state; discs are larger for larger values "
    weeks = f"{which} of one simulated trial over weeks since enrolment, a lane each, coloured by state."
    return f"{caption}({variable}).", f"{weeks} How they ended: {told}."


def _largest(drawn: pd.DataFrame, per_week: float) -> float:
    """The radius of the largest disc: on a telephone neighbours leave the lane to be seen, where they can."""
    gaps = drawn.sort_values("week", kind="stable").groupby("row")["week"].diff()
    gaps = gaps[gaps > 0.0]
    apart = float(gaps.median()) * per_week * _TELEPHONE if len(gaps) else math.inf
    return min(_SMALLEST + _LARGER, max(_LEAST_LARGE, 0.42 * apart))


def _radius(kind: str, value: float, part: float, largest: float) -> float:
    """Of the disc of a value: its area grows with `part`, 0 to 1; 0 where the assessment was missed."""
    if kind == "missed" or math.isnan(value):
        return 0.0
    return _SMALLEST + (largest - _SMALLEST) * math.sqrt(part)


def _part(value: float, least: float, top: float) -> float:
    """How large a value is between the least and the largest, 0 to 1: by its logarithm where they lie far apart."""
    if not top > least:
        return 0.5
    if least >= 0.0 and top - least > _FAR:
        return math.log1p(value - least) / math.log1p(top - least)
    return max(0.0, (value - least) / (top - least))


def _weeks(low: float, high: float, per_week: float) -> tuple[Tick, ...]:
    """About five round numbers of weeks."""
    step = next((s for s in (1, 2, 4, 8, 13, 26, 52, 104) if (high - low) / s <= 6), 260)
    first = math.ceil(low / step) * step
    places = range(first, math.floor(high) + 1, step)
    return tuple(Tick(_LEFT + (w - low) * per_week, f"week {w}" if w == 0 else str(w)) for w in places)


@dataclass(frozen=True)
class DotSource:
    """What a row of dots is of: a number by name, of which run, and what a reader calls it.

    `own`: the run is the scenario's own, and not of one beside it or of a change.
    """

    label: str
    result: Result
    name: str
    own: bool


@dataclass(frozen=True)
class DotRow:
    """Single trials of one number: dots by place (x per cent, y pixels above the line), and whose they are.

    `what`: what stands before `said`. `own` as in DotSource.
    """

    label: str
    what: str
    said: str
    dots: tuple[tuple[float, float], ...]
    height: float
    radius: float
    mean: float
    own: bool


@dataclass(frozen=True)
class TrialDots:
    """Rows of single trials on one axis from `low` to `high` (as printed), with all of it in words.

    `dotted`: some row has dots; `typical`: there are more trials than dots.
    """

    rows: tuple[DotRow, ...]
    ticks: tuple[Tick, ...]
    low: float
    high: float
    dotted: int
    typical: bool
    alternative: str


def trial_dots(sources: Sequence[DotSource], ends: tuple[float | None, float | None]) -> TrialDots | None:
    """Single trials of each number; all are in the unit of the first. None where none has a value.

    Trials of a test only say yes or no, and a bias is of many trials together: they have the line of all, and no dots.
    `ends` of the axis are the prediction's; where it has none, shares have 0 to 100 % and all else what occurs.
    """
    reported = sources[0].result.scenario.reported[sources[0].name]
    unit = reported.unit
    found = [(source, _values(source.result, source.name)) for source in sources]
    found = [(source, values) for source, values in found if len(values)]
    if not found:
        return None
    low, high = _axis(np.concatenate([values for _, values in found]), unit, ends)
    drawn = [_row(source, values, low, high) for source, values in found]
    # Of what else is counted the row says the unit.
    behind = " %" if unit == "%" else ""
    ticks = tuple(Tick(_across(at, low, high), numbers.plain(at) + behind) for at in _round_values(low, high))
    told = "; ".join(f"{row.label}: {row.what} {row.said}" for row in drawn)
    words = f"Simulated trials, {reported.label}. {told}."
    dotted = max(len(row.dots) for row in drawn)
    return TrialDots(tuple(drawn), ticks, low, high, dotted, max(len(v) for _, v in found) > DOTS, words)


def _together(reported: Reported) -> bool:
    """Whether a number is of many trials together, and no mean of what single ones give."""
    return reported.over_trials or isinstance(reported, BiasAtStopping)


def _values(result: Result, name: str) -> Floats:
    """The value of each single trial that has one, as printed; of what all give together that, and nothing to see."""
    endpoint = result.scenario.reported[name]
    if _together(endpoint):
        both = np.array([0.0, numbers.scaled(result.estimates[name].value, endpoint.unit)])
        return both if np.isfinite(both).all() else both[:0]
    values = endpoint.value(endpoint.completed(result.sums[name]))
    return np.asarray([numbers.scaled(float(v), endpoint.unit) for v in values[~np.isnan(values)]], dtype=np.float64)


def _axis(values: Floats, unit: str, ends: tuple[float | None, float | None]) -> tuple[float, float]:
    """Where an axis of four equal steps begins and ends: at the ends asked for, else at round numbers about the values.

    A share has all of 0 to 100 % where it can, and what is never negative begins at zero: predictions may lie anywhere.
    """
    least, most = float(values.min()), float(values.max())
    low, high = (None if end is None else numbers.scaled(end, unit) for end in ends)
    if low is not None and high is not None:
        if low <= least and most <= high:
            return low, high
        least, most = min(low, least), max(high, most)
    if unit == "%" and least >= 0.0 and most <= 100.0:
        return 0.0, 100.0
    if unit == "%" and 50.0 < most <= 100.0:
        return 20.0 * math.floor(least / 20.0), 100.0
    spread = (most - least) or max(abs(most), 1.0)
    return _round_ends(0.0 if least >= 0.0 else least - spread / 5, most + spread / 5)


def _round_ends(low: float, high: float) -> tuple[float, float]:
    """The ends of four equal round steps that hold both."""
    size = 10.0 ** math.floor(math.log10((high - low) / 4))
    for step in (size * k for k in (1.0, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 20.0)):
        first = step * math.floor(low / step)
        if first + 4 * step >= high:
            return first, first + 4 * step
    return low, high


def _round_values(low: float, high: float) -> list[float]:
    """Both ends where four equal steps between them are round, and else the round numbers between them."""
    ten = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(size for size in (k * ten for k in (1.0, 2.0, 2.5, 5.0, 10.0)) if size >= 0.999 * (high - low) / 5)
    if any(math.isclose((high - low) / 4, k * ten) for k in (1.0, 2.0, 2.5, 5.0)):
        step = (high - low) / 4
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _row(source: DotSource, values: Floats, low: float, high: float) -> DotRow:
    estimate = source.result.estimates[source.name]
    mean = _across(numbers.scaled(estimate.value, estimate.unit), low, high)
    if estimate.decides or _together(source.result.scenario.reported[source.name]):
        what = "of all trials" if estimate.decides else "on average"
        return DotRow(source.label, what, numbers.simulated(estimate), (), 22.0, 0.0, mean, source.own)
    at = (np.arange(DOTS) + 0.5) / DOTS if len(values) > DOTS else (np.arange(len(values)) + 0.5) / len(values)
    shown = np.quantile(values, at, method="inverted_cdf")
    width = max(high - low, 1e-9)
    bins = [min(_BINS - 1, max(0, int((v - low) / width * _BINS))) for v in shown]
    deepest = max(Counter(bins).values())
    pitch = min(_PITCH, _DEEP / deepest)
    stacked: Counter[int] = Counter()
    # A stack stands where its trials are on average: of equal values, on the line of all trials.
    means = {place: float(np.mean([v for v, b in zip(shown, bins, strict=True) if b == place])) for place in set(bins)}
    dots = []
    for place in bins:
        dots.append((_across(means[place], low, high), (stacked[place] + 0.5) * pitch))
        stacked[place] += 1
    said, height = numbers.one_trial(estimate), deepest * pitch + 6
    radius = max(pitch / 2 - 0.4, _SMALLEST_DOT)
    what = "90 % of trials from" if estimate.lo < estimate.hi else "90 % of trials at"
    return DotRow(source.label, what, said, tuple(dots), height, radius, mean, source.own)


def _across(value: float, low: float, high: float) -> float:
    """Where a value stands on the axis, in per cent."""
    return 100.0 * (value - low) / max(high - low, 1e-9)
