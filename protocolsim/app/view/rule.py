"""The rule: every threshold of the decision at once, with and without the treatment's effect."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from htmltools import HTML, Tag, TagList, tags

from protocolsim.app.branches import Branches, shown_branches, told_branches
from protocolsim.app.figure import figure
from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState, over, scenario_of
from protocolsim.app.table import Row, cells, estimates_table
from protocolsim.app.view.base import Part, View
from protocolsim.app.work.material import Progress, curve_of, replicates_of, result_of
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.errors import UsageError
from protocolsim.report.decision import branch_figures, captions, figures, measure_figures
from protocolsim.report.decision.branch_figures import DrawnBranches
from protocolsim.report.decision.captions import MarkedThreshold
from protocolsim.report.decision.series import Drawn
from protocolsim.report.run.figure_data import MOST_PATIENTS
from protocolsim.report.style import numbers
from protocolsim.scenario.measures import MEASURES, OWN
from protocolsim.study.decision.branch_curve import branch_curve, decided_by
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.thresholds import the_rule
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.text.shell import command

FIGURES = ("curves", "definitions", "roc", "loss")
_READ = ("share_sent", "sensitivity", "specificity", "expected_count", "expected_dose")
_REMEMBERED = 256
_A_READING = 80_000  # bytes, about


@dataclass(frozen=True)
class Curves:
    """Both curves beside the page, to read any threshold from; `without` where the scenario declares an effect.

    The first one comes as it is drawn, with what its figures and captions have found.
    """

    drawn: Drawn
    without: ThresholdCurve | None
    remembered: dict[float, Moved] = field(default_factory=dict, compare=False)
    reading: threading.Lock = field(default_factory=threading.Lock, compare=False)

    @property
    def mine(self) -> ThresholdCurve:
        """The first one."""
        return self.drawn.curve

    @property
    def size(self) -> int:
        """Bytes, about."""
        curves = sum(curve.size for curve in (self.mine, self.without) if curve is not None)
        return curves + _A_READING * len(self.remembered)


class CurvePart(Part):
    """The curves over the threshold."""

    name: ClassVar[str] = "curve"

    def reduced(self, state: VisitorState) -> VisitorState:
        """Everything but the threshold, which is read from the curve."""
        kept = replace(state.simulated, measure=state.measure)
        bare = state.alone(_structure(state.settings))
        name = _threshold_name(bare) or _branch_number(bare, state.measure)
        return kept.setting(name, None) if name else kept

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """Both curves, and the figures; where no rule is one threshold, the branches over one of its numbers."""
        scenario = scenario_of(state)
        if not _threshold_name(state) and decided_by(scenario):
            return _branches(state, tell)
        parameter = the_rule(scenario).parameter
        progress = Progress(tell, replicates_of(state) * (1 if scenario.effect is None else 2))
        mine = curve_of(state, parameter, progress)
        without = None
        if scenario.effect is not None:
            nothing = replace(state, settings=over(state.settings, scenario.effect.none))
            without = _named(curve_of(nothing, parameter, progress), f"{scenario.title}, without the effect")
        mine = mine.by(state.measure or OWN)
        without = None if without is None else without.by(state.measure or OWN)
        drawn = Drawn(mine)
        charts = {
            "curves": lambda: figures.measures(drawn, without),
            "definitions": lambda: measure_figures.definitions(drawn),
            "roc": lambda: figures.roc(drawn),
            "loss": lambda: figures.loss(drawn),
        }
        # It differs from the first one in who passes and what follows, not in anything that is asked of its scenario:
        # one scenario is built beside the page, not two.
        beside = None if without is None else _named(replace(without, scenario=mine.scenario), without.scenario.title)
        curves = Curves(drawn, beside)
        moved(curves, state)  # the first numbers are read here, where that holds up nobody else
        return Made(charts, (drawn, None if beside is None else beside.for_reading(), curves.remembered))

    def receive(self, answer: Answer, state: VisitorState) -> Answer:  # noqa: ARG002 - the curves say it all
        """The curves, from which any threshold is read here."""
        if not isinstance(answer.facts, Branches):
            drawn, without, remembered = answer.facts
            answer.facts = Curves(drawn, without, remembered)
        return answer

    def respond(self, answer: Answer, state: VisitorState) -> dict[str, Any]:
        """The numbers at the threshold, read from the curve."""
        if isinstance(answer.facts, Branches):
            return told_branches(answer.facts, state)
        at_threshold = moved(answer.facts, state)
        return {
            "numbers": at_threshold.numbers,
            "words": at_threshold.words,
            **at_threshold.where,
            **standing(answer.facts, state),
        }

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The curves, the numbers at the threshold, and the other figures."""
        if isinstance(answer.facts, Branches):
            return shown_branches(answer.facts, answer, state, ("rule", self.name))
        curves: Curves = answer.facts
        at_threshold = moved(curves, state)
        shown = {
            name: figure(("rule", self.name), name, answer, state, caption=at_threshold.captions.get(name, ""))
            for name in FIGURES
            if name != "definitions" or len(curves.mine.definitions) > 1
        }
        return TagList(
            tags.div(
                tags.div(class_="mirror", data_mirror=curves.mine.parameter),
                tags.div(HTML(at_threshold.readout), id="rule-readout", role="status"),
                class_="sticky",
            ),
            _definitions(curves.mine),
            tags.div(
                shown.pop("curves"),
                tags.div(at_threshold.table(curves), id="rule-numbers"),
                *shown.values(),
                class_="pictures",
            ),
            tags.template(id="rule-marks", data_marks=json.dumps({**at_threshold.where, **standing(curves, state)})),
        )


def _branches(state: VisitorState, tell: Tell) -> Made:
    """Who goes where over the number that is chosen, from a run whose patients can be looked at."""
    scenario = scenario_of(state)
    number = looked_at(scenario, replicates_of(state))
    known = decided_by(scenario)
    name = state.measure if state.measure in known else next(iter(known))
    curve = branch_curve(result_of(state, Progress(tell, number)), name)
    drawn = DrawnBranches(curve)
    offered = {each: scenario.spoken.number(each) for each in known}
    return Made({"curves": lambda: branch_figures.branches(drawn)}, Branches(curve, offered))


def _definitions(curve: ThresholdCurve) -> Tag | None:
    """The choice of what the rule measures, where the scenario offers one."""
    offered = curve.definitions
    if len(offered) < 2:
        return None
    options = [
        tags.option(said, value="" if name == OWN else name, selected="" if name == curve.definition else None)
        for name, said in offered.items()
    ]
    return tags.p(
        tags.label("What the rule compares ", for_="measure"),
        tags.select(*options, {"data-shiny-no-bind-input": ""}, id="measure", data_ask="measure", class_="form-select"),
        class_="choice",
    )


def _named(curve: ThresholdCurve, title: str) -> ThresholdCurve:
    """The curve with another title of its scenario, which figures say."""
    return replace(curve, scenario=replace(curve.scenario, title=title))


@dataclass(frozen=True)
class Moved:
    """What the page shows at one threshold: the numbers, and where the figures mark it.

    `numbers` are by estimate what stands in each column, and its exact value; `words` are by name the words beside
    them that change. The page exchanges both in the table, which is there already.
    """

    rows: Sequence[Row]
    numbers: Mapping[str, Sequence[tuple[str, str]]]
    words: Mapping[str, str]
    marks: Mapping[str, tuple[float, float | None]]
    captions: Mapping[str, str]
    readout: str
    ends: tuple[float, float]
    log: bool
    flag: str

    def table(self, curves: Curves) -> TagList:
        """The numbers as tables: those of the decision, then the trial's."""
        curve, columns = curves.mine, ("as set up", "without the effect")[: 1 if curves.without is None else 2]
        decision = [row for row in self.rows if row.mine.name in MEASURES]
        trial = [row for row in self.rows if row.mine.name not in MEASURES]
        return TagList(
            self._said(tags.h3, "decision"),
            estimates_table(decision, columns),
            self._said(tags.h3, "trial"),
            tags.div(estimates_table(trial, columns), class_="trial"),
            tags.p(
                f"{numbers.count(curve.replicates, 'simulated trial')}, seed {curve.seed}; every threshold has the "
                "same patients with common random numbers. The ± is the Monte Carlo standard error. The trial's "
                "numbers are those of ",
                self._said(tags.code, "again"),
                " with whatever else is set up.",
                class_="note",
            ),
            tags.p(captions.without_curve(curve.scenario), class_="note"),
        )

    def _said(self, tag: Callable[..., Tag], name: str) -> Tag:
        return tag(self.words[name], data_word=name)

    @property
    def where(self) -> dict[str, Any]:
        """The marks, what stands at them and under the figures, and between which ends they can be dragged."""
        return {
            "marks": self.marks,
            "captions": self.captions,
            "readout": self.readout,
            "ends": self.ends,
            "log": self.log,
            "flag": self.flag,
        }


def moved(curves: Curves, state: VisitorState) -> Moved:
    """The numbers at the threshold that is set up, from the curve: nothing is simulated.

    What was computed once is remembered, for a class of visitors who all drag over the same hundred thresholds.
    """
    threshold = _threshold(curves, state)
    # One at a time: who asks for what is being read waits for it, and the page's own thread is left the processor.
    with curves.reading:
        if threshold not in curves.remembered:
            if len(curves.remembered) >= _REMEMBERED:
                curves.remembered.clear()
            curves.remembered[threshold] = _moved(curves, threshold)
        return curves.remembered[threshold]


def _moved(curves: Curves, threshold: float) -> Moved:
    curve, drawn = curves.mine, curves.drawn
    at = curve.at(threshold)
    without = None if curves.without is None else curves.without.at(threshold)
    rows = tuple(Row(e, None if without is None else without[name]) for name, e in at.items())
    marked = MarkedThreshold(drawn, threshold, at)
    said = marked.said
    here = f"at {drawn.name} {said}"
    words = {
        "decision": f"The decision, {here}",
        "trial": f"The trial, {here}",
        "again": command("run", "--set", f"{curve.parameter}={said}"),
    }
    sensitivity, specificity = _value(at, "sensitivity"), _value(at, "specificity")
    passing = f"{said}: {numbers.simulated(at['share_sent']).strip()} pass" if "share_sent" in at else said
    return Moved(
        rows,
        {row.mine.name: cells(row) for row in rows},
        words,
        drawn.marks(threshold, sensitivity, specificity),
        _captions(marked, curves.without),
        _readout(marked, without),
        drawn.ends,
        drawn.parameter.log,
        passing,
    )


def standing(curves: Curves, state: VisitorState) -> dict[str, Any]:
    """Where the patients of the trial that is looked at stand on the threshold's axis, for the page to mark them.

    `standing`: of each its number, the place as a share of the axis (beyond its ends: at them), the words, and whether
    it passes at the threshold that is set; the first 24 who reached the decision, and whoever is chosen. `trial` is the
    trial's number.
    """
    curve, drawn = curves.mine, curves.drawn
    draw = state.draw % looked_at(curve.scenario, curve.replicates)
    threshold = _threshold(curves, state)
    rows = np.flatnonzero((curve.replicate == draw) & np.isfinite(curve.measured))
    passes = curve.rule.holds(curve.measured, threshold)
    shown = [row for k, row in enumerate(rows.tolist()) if k < MOST_PATIENTS or curve.subject[row] == state.patient]
    patients = []
    for row in shown:
        number, value, passed = int(curve.subject[row]), float(curve.measured[row]), bool(passes[row])
        across = min(1.0, max(0.0, drawn.across(value)))
        words = f"Patient {number}: {drawn.said(value)}, {'passes' if passed else 'does not pass'}"
        patients.append({"number": number, "at": across, "said": words, "passes": passed})
    return {"standing": patients, "trial": draw}


def _captions(marked: MarkedThreshold, without: ThresholdCurve | None) -> dict[str, str]:
    """What stands under each figure, for the threshold that it marks."""
    drawn = marked.drawn
    if len(drawn.curve.measured) == 0:
        return {}
    result = {"curves": captions.of_curves(marked, without)}
    if len(drawn.curve.definitions) > 1:
        result["definitions"] = captions.of_definitions(
            marked, "; ".join(measure_figures.said(drawn, marked.threshold))
        )
    if "expected_loss" not in marked.at:
        return result
    remarks = f"{figures.free_says(drawn)} {figures.stop_says(drawn)}".strip()
    return result | {
        "roc": captions.of_roc(marked),
        "curves": captions.of_measures(marked, without),
        "loss": captions.of_loss(marked, figures.cheapest_says(drawn), remarks),
    }


def _readout(marked: MarkedThreshold, without: Mapping[str, Estimate] | None) -> str:
    """The numbers that stay in sight while the threshold moves."""
    cells = [tags.div(tags.b(marked.said), tags.span(marked.drawn.name))]
    for name in _READ:
        if name not in marked.at:
            continue
        label = marked.at[name].label.partition(":")[0].removesuffix(" over the horizon")
        beside = None
        if name == "share_sent" and without is not None and name in without:
            beside = tags.i(f"without the effect {numbers.simulated(without[name]).strip()}")
        value = tags.b(numbers.simulated(marked.at[name]).strip(), data_read=name)
        cells.append(tags.div(value, tags.span(label), beside))
    return str(TagList(*cells))


def _value(at: Mapping[str, Estimate], name: str) -> float:
    value = at[name].value if name in at else float("nan")
    return value if np.isfinite(value) else -1.0


def _threshold(curves: Curves, state: VisitorState) -> float:
    """The threshold that is set up, in internal units. Raises UsageError for what is no such quantity."""
    return state.number_set(curves.mine.parameter, curves.drawn.parameter, curves.mine.own)


def _structure(settings: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The settings that may change which decision rule there is; a parameter's number does not."""
    return tuple((name, value) for name, value in settings if name.startswith(("protocol.", "decisions.")))


@lru_cache(maxsize=_REMEMBERED)
def _threshold_name(state: VisitorState) -> str:
    """The parameter that is the rule's threshold, "" where no rule has one."""
    try:
        return the_rule(scenario_of(state)).parameter
    except UsageError:
        return ""


@lru_cache(maxsize=_REMEMBERED)
def _branch_number(state: VisitorState, chosen: str) -> str:
    """The number whose branches are drawn where no rule is one threshold, "" where none decides."""
    known = decided_by(scenario_of(state))
    return chosen if chosen in known else next(iter(known), "")


def _head() -> Tag:
    return tags.p(
        "Move the number that the rule compares with, by its line or by its slider, and see who goes which way. Every "
        "value of it is read from one simulation, so that it answers at once; everything else is simulated anew.",
        class_="lead",
    )


VIEW: Any = View(5, "rule", "The rule", _head(), (CurvePart(),), offered=lambda described: bool(described.live))
