"""What the opening and the steps of a story say, with the numbers of the runs that they are told from."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.report.decision import figures as decision_figures
from protocolsim.report.decision.series import Drawn
from protocolsim.report.looks import figures as look_figures
from protocolsim.report.patient.figures import trace_figure
from protocolsim.report.patient.story import patient_named, trace
from protocolsim.report.run import figures as run_figures
from protocolsim.report.run import findings
from protocolsim.report.run.flow import flow
from protocolsim.report.run.waiting import waiting
from protocolsim.report.story.figures import (
    MOST_LANES,
    DotSource,
    PatientCourse,
    TrialDots,
    TrialLanes,
    patient_course,
    trial_dots,
    trial_lanes,
)
from protocolsim.report.story.settings_said import said_settings
from protocolsim.report.style import figures as style_figures
from protocolsim.report.style import numbers
from protocolsim.scenario.build.companions import QUOTED, quoted
from protocolsim.scenario.build.values.spoken import at_head
from protocolsim.scenario.story import CHANGED, StoryStep
from protocolsim.study.decision.thresholds import the_rule
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.result import Result
from protocolsim.study.story_runs import StoryRuns

if TYPE_CHECKING:
    from markupsafe import Markup

_STEPS = 100  # of a slider
_PANELS = 12  # patients, each over time: more could not be read from the back of a room
_AS_IT_IS = "the trial as it is"
_NAMED = 5  # patients, of whom another was meant
_PARTED = re.compile(r"(?<=\d) (?=[±%])|(?<=±) (?=\d)")


@dataclass(frozen=True)
class LargeNumber:
    """A number large enough to be read at once: the value with its unit, its error, and what it is."""

    value: str
    error: str
    label: str


@dataclass(frozen=True)
class Opening:
    """The first thing that a visitor sees.

    `without` is the number beside: where the treatment does nothing, or what the findings set against it.
    """

    question: str
    number: LargeNumber | None
    without: LargeNumber | None
    findings: tuple[str, ...]
    told: str
    lanes: TrialLanes | None
    replicates: int
    story: bool
    marks: str


def opening(runs: StoryRuns) -> Opening:
    """The opening of a scenario; what it does not declare is left out."""
    scenario, result = runs.scenario, runs.result
    said = tuple(_kept_together(text) for text in findings.sentences(result))
    number, without = _number_that_matters(runs)
    return Opening(
        scenario.question or scenario.title,
        number,
        without,
        said,
        "" if said else scenario.description,
        _lanes(result),
        result.replicates,
        bool(scenario.story),
        numbers.marks_mean(scenario.question, *said),
    )


def _lanes(result: Result) -> TrialLanes | None:
    try:
        return trial_lanes(result)
    except UsageError:
        return None


def _number_that_matters(runs: StoryRuns) -> tuple[LargeNumber | None, LargeNumber | None]:
    """The number that the findings quote here and of a companion, or the first that they quote; and the one beside."""
    result = runs.result
    for text in runs.scenario.findings:
        pairs = quoted(text)
        for companion, name in pairs:
            other = result.companions.get(companion)
            if other is not None and ("", name) in pairs and name in result.estimates and name in other.estimates:
                return _number(result.estimates[name]), _number(other.estimates[name], other.scenario.title)
    first = _first_number(result)
    if first is None:
        return None, None
    own = _number(result.estimates[first])
    if runs.without is not None:
        return own, _number(runs.without.estimates[first], "The same trial without the treatment's effect")
    against = _contrasted(result, first)
    return own, None if against is None else _number(result.estimates[against])


def _contrasted(result: Result, name: str) -> str | None:
    """The other number of the same unit in the finding that quotes this one first, as of another arm."""
    for text in result.scenario.findings:
        names = [endpoint for companion, endpoint in quoted(text) if not companion]
        if name in names:
            unit = result.estimates[name].unit
            others = (n for n in names if n != name and n in result.estimates)
            return next((n for n in others if result.estimates[n].unit == unit), None)
    return None


def _first_number(result: Result) -> str | None:
    """The endpoint that the findings quote first; else one that is published; else the first there is."""
    named = [name for text in result.scenario.findings for companion, name in quoted(text) if not companion]
    published = [name for name, estimate in result.estimates.items() if estimate.published is not None]
    offered = [name for name in (*named, *published, *result.scenario.endpoints) if name in result.estimates]
    return next((name for name in offered if not math.isnan(result.estimates[name].value)), None)


def _number(estimate: Estimate, label: str = "") -> LargeNumber:
    value, _, rest = numbers.simulated(estimate).partition(" ± ")
    error, _, _ = rest.partition(" ")
    unit = f" {estimate.unit}" if error and estimate.unit else ""
    return LargeNumber(f"{value}{unit}", f"± {error}" if error else "", at_head(label or estimate.label))


@dataclass(frozen=True)
class AskedPrediction:
    """How a prediction is made. Numbers are as they are printed, in `unit`; nan where the answer has none.

    `right` is the place of the right choice, -1 where none is; `step` is a push of the slider.
    """

    kind: str
    label: str
    unit: str
    low: float
    high: float
    step: float
    answer: float
    choices: tuple[str, ...]
    right: int


@dataclass(frozen=True)
class StoryPicture:
    """The picture of a step: lanes, one patient's course with the decisions, or SVG; `missing`: why there is none."""

    title: str = ""
    caption: str = ""
    svg: Markup | str = ""
    lanes: TrialLanes | None = None
    course: PatientCourse | None = None
    decisions: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class ToldStep:
    """One step with its numbers: `said` is the answer in words, `detail` what single trials do."""

    heading: str
    question: str
    predicted: AskedPrediction
    said: str
    detail: str
    dots: TrialDots | None
    picture: StoryPicture
    sentence: str


@dataclass(frozen=True)
class ToldStory:
    """A scenario's story with its numbers, and the run that they come from in words."""

    title: str
    steps: tuple[ToldStep, ...] = field(default=())
    source: str = ""


def told(runs: StoryRuns, name: str) -> ToldStory:
    """The story; `name` keeps the ids of its drawings apart from others of the page.

    Raises UsageError for a scenario that has none.
    """
    scenario = runs.scenario
    if not scenario.story:
        raise UsageError(f"{scenario.name} has no `story:`; the docs on the keys of a scenario say how one is written")
    steps = tuple(_StepTeller(runs, step, f"{name}{k}").told() for k, step in enumerate(scenario.story))
    result = runs.result
    source = f"{numbers.count(result.replicates, 'simulated trial')} of {scenario.name}, seed {result.seed}."
    marks = numbers.marks_mean(*(text for step in steps for text in (step.question, step.sentence)))
    return ToldStory(scenario.title, steps, f"{source} {marks}".rstrip())


class _StepTeller:
    """Tells one step."""

    def __init__(self, runs: StoryRuns, step: StoryStep, name: str) -> None:
        self.runs, self.step, self.name = runs, step, name

    @property
    def changed(self) -> Result:
        """The trial that the step's picture shows."""
        return self.runs.changed(self.step.given)

    def told(self) -> ToldStep:
        """The step."""
        step = self.step
        predicted, said, detail, dots = self._by_state() if not step.answer else self._by_number()
        return ToldStep(
            step.heading,
            self._filled(step.question),
            predicted,
            _kept_together(said),
            detail,
            dots,
            self._picture(),
            self._filled(step.sentence),
        )

    # Words ------------------------------------------------------------------------------------------------------------

    def _filled(self, text: str) -> str:
        return _kept_together(QUOTED.sub(self._one, text))

    def _one(self, match: re.Match[str]) -> str:
        return numbers.simulated(self._estimate(*quoted(match[0])[0]))

    def _of(self, scenario: str) -> Result:
        """The run that a sentence quotes by this name."""
        own = self.runs.result
        if not scenario:
            return own
        if scenario == CHANGED:
            return self.changed
        if scenario not in own.companions:
            raise UsageError(f"'{scenario}' was not run, so that its numbers cannot be told")
        return own.companions[scenario]

    def _estimate(self, scenario: str, endpoint: str) -> Estimate:
        return self._of(scenario).estimates[endpoint]

    # Answers ----------------------------------------------------------------------------------------------------------

    def _by_state(self) -> tuple[AskedPrediction, str, str, None]:
        """The choice is the state that the patient entered."""
        entered = self._entered()
        right = next((k for k, c in enumerate(self.step.choices) if c.state in entered), -1)
        words = tuple(c.words for c in self.step.choices)
        nan = float("nan")
        said = words[right] if right >= 0 else "none of these"
        return AskedPrediction("choice", "", "", nan, nan, nan, nan, words, right), said, "", None

    def _by_number(self) -> tuple[AskedPrediction, str, str, TrialDots | None]:
        step = self.step
        estimate = self._estimate(*quoted(f"{{{step.answer}}}")[0])
        ends = (step.low, step.high)
        dots = trial_dots(self._rows(), ends)
        value = numbers.scaled(estimate.value, estimate.unit)
        low, high = ends if None not in ends else (0.0, 1.0)
        low, high = (numbers.scaled(float(end or 0.0), estimate.unit) for end in (low, high))
        push = 1.0 if high - low >= 20 else float(f"{(high - low) / _STEPS:.1g}")
        right = next((k for k, c in enumerate(step.choices) if _holds(c.low, c.high, estimate.value)), -1)
        words = tuple(c.words for c in step.choices)
        predicted = AskedPrediction(
            step.kind, step.label or estimate.label, estimate.unit, low, high, push, value, words, right
        )
        spread = numbers.one_trial(estimate)
        detail = f"{at_head(estimate.label)}. 90 % of single trials: {spread}."
        said = numbers.simulated(estimate)
        return predicted, f"{words[right]} ({said})" if right >= 0 else said, detail, dots

    def _rows(self) -> list[DotSource]:
        """The numbers that are drawn: the answer, and what it is compared with, or the scenario's own of its name.

        They are told apart by what they are, by whose, or by both.
        """
        scenario, endpoint = quoted(f"{{{self.step.answer}}}")[0]
        named = [(scenario, endpoint)]
        if scenario and endpoint in self.runs.result.estimates and not self.step.compare:
            named.append(("", endpoint))
        named += [quoted(f"{{{name}}}")[0] for name in self.step.compare]
        named = list(dict.fromkeys(named))
        one_trial = len({scenario for scenario, _ in named}) == 1 and (len(named) > 1 or not scenario)
        one_number = len({endpoint for _, endpoint in named}) == 1
        rows = []
        for scenario, endpoint in named:
            result = self._of(scenario)
            whose, what = self._whose(scenario), result.estimates[endpoint].label
            label = what if one_trial else whose if one_number else f"{what}: {whose}"
            rows.append(DotSource(at_head(label), result, endpoint, not scenario))
        return rows

    def _whose(self, scenario: str) -> str:
        if scenario == CHANGED:
            return self._said_changed()
        # Beside what is changed of it the trial needs no name.
        return _AS_IT_IS if self.step.given and not scenario else self._of(scenario).scenario.title

    def _said_changed(self) -> str:
        return self.step.called or said_settings(self.runs.scenario, self.changed.scenario, dict(self.step.given))

    def _subject(self) -> int:
        """The row of the patient shown."""
        result = self.changed
        subjects = result.shown["subjects"]
        enrolled = np.flatnonzero(subjects["enrolled"] & (subjects["replicate"] == 0))
        if not len(enrolled):
            raise UsageError("nobody is enrolled in trial 0")
        if self.step.patient is None:
            return int(enrolled[0])
        rows = enrolled[subjects["subject"][enrolled] == self.step.patient]
        if not len(rows):
            scenario = self.runs.result.scenario
            known = ", ".join(map(str, subjects["subject"][enrolled[:_NAMED]].tolist()))
            said = f"there is no patient {self.step.patient} in trial 0; the first enrolled are {known}"
            place = ("story", scenario.story.index(self.step), "patient")
            raise ScenarioError(scenario.document.source, [scenario.document.fault(place, said)])
        return int(rows[0])

    def _entered(self) -> set[str]:
        records = self.changed.shown
        mine = rows_of(records, "moves") == self._subject()
        return {records.labels.states[k] for k in records["moves"]["to_state"][mine].tolist()}

    # Pictures ---------------------------------------------------------------------------------------------------------

    def _picture(self) -> StoryPicture:
        draw: Mapping[str, Callable[[], StoryPicture]] = {
            "lanes": self._lanes,
            "patient": self._patient,
            "flow": lambda: self._chart(flow(self.changed)),
            "over_time": lambda: self._chart(run_figures.patients_over_time(self.changed, at_most=_PANELS)),
            "rule": self._rule,
            "waiting": self._waiting,
            "looks": lambda: self._chart(look_figures.boundaries(self.changed)),
            "endings": lambda: self._chart(look_figures.endings(self.changed)),
            "trials": StoryPicture,
            "published": lambda: self._chart(run_figures.simulated_against_published(self.changed)),
        }
        try:
            return draw[self.step.picture]()
        except UsageError as error:
            return StoryPicture(missing=str(error))

    def _chart(self, chart: object, title: str = "") -> StoryPicture:
        drawing = style_figures.Drawing.of(chart)
        return StoryPicture(
            title or style_figures.title(drawing),
            style_figures.caption(drawing),
            style_figures.inline(drawing, self.name),
        )

    def _lanes(self) -> StoryPicture:
        lanes = trial_lanes(self.changed, MOST_LANES)
        return StoryPicture("One simulated trial, patient by patient", lanes.caption, lanes=lanes)

    def _patient(self) -> StoryPicture:
        result, row = self.changed, self._subject()
        number = int(result.shown["subjects"]["subject"][row])
        whole = trace(result.scenario, number, replicate=0, seed=result.seed)
        title = patient_named(number, 0)
        if result.scenario.follow is None:
            return self._chart(trace_figure(whole), title)
        course = patient_course(result, row)
        decided = [line for line in whole.lines if line.kind == "decision"]
        branched = [line for line in decided if line.others] or [line for line in decided if ": " in line.text]
        decisions = tuple(text for line in branched for text in (line.text, *line.others))
        missed = " A ring is an assessment that was not made." if any(bar.part < 0 for bar in course.bars) else ""
        caption = f"Bars: {course.variable}; below them the state, over weeks since enrolment.{missed}"
        return StoryPicture(
            f"{title}: {course.variable}", f"{caption} {whole.note}".rstrip(), course=course, decisions=decisions
        )

    def _waiting(self) -> StoryPicture:
        own = (self.runs.scenario.title, self.runs.result)
        changed = [(self._said_changed(), self.changed)] if self.step.given else []
        return self._chart(waiting([own, *changed]))

    def _rule(self) -> StoryPicture:
        """The curve of the trial that has all but the threshold as the step sets it; the step's threshold is marked."""
        parameter = the_rule(self.changed.scenario).parameter
        others = tuple(s for s in self.step.given if s[0] not in (parameter, f"parameters.{parameter}"))
        mine, without = self.runs.curves(others)
        threshold = self.changed.scenario.named[parameter].value
        return self._chart(decision_figures.curves(Drawn(mine), without, threshold))


def _holds(low: float | None, high: float | None, value: float) -> bool:
    return low is not None and high is not None and low <= value <= high


def _kept_together(text: str) -> str:
    """The text whose numbers are not parted from their errors and signs at the end of a line."""
    return _PARTED.sub("\u00a0", text)
