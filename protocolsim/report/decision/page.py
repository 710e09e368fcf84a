"""A threshold curve for readers: a table in the terminal, a folder of results, and one self-contained HTML page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.errors import UsageError
from protocolsim.report.decision import figures as decision_figures
from protocolsim.report.decision import measure_figures, measure_table, regret_figures
from protocolsim.report.decision.series import Drawn
from protocolsim.report.protocol import text as protocol_text
from protocolsim.report.style import numbers as style_numbers
from protocolsim.report.style.console import Column, Screen
from protocolsim.report.style.figures import caption, inline, save
from protocolsim.report.style.stylesheet import style
from protocolsim.scenario.measures import MEASURES
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.regret import Regret
from protocolsim.study.decision.thresholds import decision_of
from protocolsim.study.result import Result
from protocolsim.study.storage.csv_files import write_frame
from protocolsim.study.storage.results_folder import write_facts
from protocolsim.study.sweep.sweep import Sweep, paired_mcse
from protocolsim.text.html import rendered
from protocolsim.units import duration, rounded, unit_product

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

COMMON_RANDOM_NUMBERS = (
    "Every threshold has the same subjects with the same random numbers, each simulated once per way. The ± is "
    "the Monte Carlo "
    "standard error; how one patient would have fared on the other way is a matter of the model, not of data."
)
_SHORT = {
    "share_sent": "pass", "sensitivity": "sensi-\ntivity", "specificity": "speci-\nficity",
    "predictive_value_positive": "pred.\npos.", "predictive_value_negative": "pred.\nneg.",
    "expected_count": "count", "expected_stop": "stop", "expected_dose": "dose", "expected_loss": "loss",
}  # fmt: skip
_MEANS = (
    "pass: share that passes the rule. sensitivity: true responders who pass. specificity: others who do not. pred. "
    "pos.: true responders among those who pass. pred. neg.: others among those who do not. A true responder is known "
    "to the model only."
)
_ROWS, _OTHERS = 11, 8
_NUMBERS = ("value", "mcse", "lo", "hi")
_TEMPLATE = Path(__file__).with_name("page.html.j2")
FIGURES = {
    decision_figures: ("curves", "roc", "what_follows", "loss"),
    measure_figures: ("definitions", "definitions_roc"),
}


# What may be replaced: of a curve, and of the sweep that answers where there is no curve.
@dataclass(frozen=True)
class Told:
    """A curve, and what its readers need to know of how it was made. `seconds`: how long that took.

    `regret` is what was found of it, or None where it was not asked for.
    """

    curve: ThresholdCurve
    engine: str
    seconds: float
    regret: Regret | None = None

    @cached_property
    def drawn(self) -> Drawn:
        """The curve as it is drawn."""
        return Drawn(self.curve)

    @cached_property
    def result(self) -> Result:
        """The run at the scenario's own threshold, without its records: estimates, words and provenance."""
        curve = self.curve
        at = curve.at(curve.own)
        own = {name: at[name] for name in curve.scenario.endpoints if name in at}
        return Result(curve.scenario, curve.seed, curve.replicates, self.engine, own, self.seconds, 0)

    @cached_property
    def rows(self) -> NDArray[np.float64]:
        """About eleven thresholds over the range, and the scenario's own."""
        low, high = float(self.curve.steps[0]), float(self.curve.steps[-1])
        even = [low + k * (high - low) / (_ROWS - 1) for k in range(_ROWS - 1)] + [high]
        far = [t for t in even if abs(t - self.curve.own) > 1e-9 * max(1.0, abs(high - low))]
        return np.unique([*far, self.curve.own])

    @cached_property
    def table(self) -> pd.DataFrame:
        """The estimates at these."""
        return self.curve.frame(self.rows)

    @property
    def columns(self) -> list[str]:
        """What is worth a column: the measures of the decision, or endpoints where none is priced."""
        names = [n for n in MEASURES if n in self.curve.endpoints]
        if len(names) > 1:
            return names
        others = [n for n, e in self.curve.scenario.endpoints.items() if n in self.curve.endpoints and not e.ranks]
        return [*names, *sorted(others, key=lambda n: self.curve.endpoints[n].published is None)[:_OTHERS]]

    @property
    def provenance(self) -> dict[str, str]:
        """What is needed to get the same numbers again."""
        return {**self.result.provenance, "threshold": self.curve.parameter}

    def summary(self) -> dict[str, Any]:
        """As `protocolsim thresholds --json` prints it, in internal units (shares 0 to 1); None for undefined."""
        found = curve_json(self.curve.parameter, self.curve.own, self.drawn.frame, "threshold")
        if len(self.curve.definitions) > 1 and len(self.curve.measured):
            found["definitions"] = measure_table.as_json(self.curve)
        if self.regret is not None:
            told = curve_json(self.curve.parameter, self.curve.own, self.regretted, "threshold", ("value", "mcse"))
            found["regret"] = {
                "random_streams": self.regret.streams,
                "replicates": self.regret.replicates,
                **told["estimates"],
            }
        return found

    @cached_property
    def regretted(self) -> pd.DataFrame:
        """What was found of regret, at the thresholds that are drawn."""
        assert self.regret is not None
        return self.regret.frame(self.drawn.thresholds)

    def sentences(self) -> list[str]:
        """What the numbers say, in words."""
        curve, drawn = self.curve, self.drawn
        number, undefined = len(curve.measured), int(np.isnan(curve.measured).sum())
        trials = style_numbers.count(curve.replicates, "simulated trial")
        if number == 0:
            return [f"Nobody reached the decision in {trials}."]
        state = curve.scenario.trial.protocol.states[curve.rule.transition.source].name
        each = style_numbers.plain(number / curve.replicates)
        rule = curve.rule.transition.rule.words if curve.rule.transition.rule is not None else ""
        said = [f"{number:,} subjects of {trials} reach the decision at the end of '{state}', {each} in each trial."]
        if undefined:
            said.append(f"For {undefined:,} of them there is nothing to compare; they never pass.")
        said.append(f"The scenario's own threshold is {drawn.said(curve.own)} ({rule}).")
        moving = [e.label for n, e in curve.scenario.endpoints.items() if n not in curve.endpoints]
        if moving:
            said.append(f"Left out, as the threshold itself defines it: {'; '.join(moving)}.")
        if curve.scenario.analyses:
            said.append("Tests are of whole trials and have no curve: 'protocolsim sweep' shows them.")
        try:
            drawn.priced()
        except UsageError as error:
            return [*said, f"What the rule is worth is not told: {error}."]
        lost = [] if self.regret is None else regret_figures.says(drawn, self.regret)
        return [*said, *self._cheapest(), *lost]

    def _cheapest(self) -> list[str]:
        drawn, curve = self.drawn, self.curve
        stop, dose = drawn.weights()
        place = drawn.cheapest(stop, dose)
        best = float(drawn.thresholds[place])
        endpoint = curve.endpoints["expected_loss"]
        here, there = (self._sums(t) for t in (curve.own, best))
        loss = {t: curve.frame(np.array([t])).set_index("estimate").loc["expected_loss"] for t in (curve.own, best)}
        at_own, at_best = (f"{loss[t].value:.2f}" for t in (curve.own, best))
        if best == curve.own:
            said = [f"At the scenario's prices its own threshold has the smallest expected loss, {at_own}."]
        else:
            error = paired_mcse(endpoint, there, endpoint, here)
            about = f" ± {error:.2f}" if error > 0 else ""
            end = ", an end of the range" if drawn.at_an_end(place) else ""
            lower = f"{loss[curve.own].value - loss[best].value:.2f}{about}"
            least = f"the expected loss is smallest at {drawn.said(best)}{end}: {at_best}, against {at_own}"
            said = [
                f"At the scenario's prices {least} at the scenario's own, {lower} lower with common random numbers."
            ]
        prices_are = "Prices are assumptions, so look at a range of them (the figure of the loss)."
        return [
            self._priced(stop, dose),
            *said,
            decision_figures.free_says(drawn),
            decision_figures.stop_says(drawn),
            prices_are,
        ]

    def _priced(self, stop: float, dose: float) -> str:
        """What is counted, and in what unit the loss is."""
        worth = decision_of(self.curve.scenario, self.curve.rule)
        assert worth is not None
        over = duration(worth.horizon)
        return (
            f"Expected of each patient over {over} after the decision: count, of {worth.count}; stop, the probability "
            f"of '{worth.stop}'; dose, of {protocol_text.spoken(worth.drug)}. The loss is in counts: a "
            f"stop weighs {style_numbers.plain(stop)} of them, 1 mg/kg {style_numbers.plain(dose)}."
        )

    def _sums(self, threshold: float) -> NDArray[np.float64]:
        """The sums of the loss by replicate at one threshold."""
        curve, name = self.curve, "expected_loss"
        sent = curve.rule.holds(curve.measured, threshold)[:, np.newaxis]
        mine = np.where(sent, curve.taken[name], curve.refused[name])
        return np.asarray(curve.others[name] + curve.endpoints[name].added(mine, curve.replicate, curve.replicates))


def curve_json(
    parameter: str, own: float | None, frame: pd.DataFrame, where: str, numbers_of: tuple[str, ...] = _NUMBERS
) -> dict[str, Any]:
    """The estimates by name, each a list by threshold, from a frame whose column `where` holds the thresholds."""
    estimates = {
        str(name): [
            {
                "threshold": float(at),
                **{key: None if np.isnan(v) else float(v) for key, v in zip(numbers_of, numbers, strict=True)},
            }
            for at, *numbers in rows[[where, *numbers_of]].itertuples(index=False)
        ]
        for name, rows in frame.groupby("estimate", sort=False)
    }
    thresholds = [float(t) for t in frame[where].unique()]
    return {"parameter": parameter, "own": own, "thresholds": thresholds, "estimates": estimates}


def sweep_json(found: Sweep) -> dict[str, Any]:
    """The same of a sweep over one parameter."""
    (axis,) = found.axes
    internal = [rounded(v * unit_product(axis.unit).value) for v in found.frame[axis.name]]
    own = found.own.scenario.named[axis.name].value
    return curve_json(axis.name, own, found.frame.assign(threshold=internal), "threshold")


# Terminal ------------------------------------------------------------------------------------------------------------


def print_thresholds(told: Told, console: Console) -> None:
    """Print the table by threshold, what its columns mean, and what it says."""
    screen = Screen(console)
    names, frame = told.columns, told.table
    columns = [Column(told.drawn.axis.replace(" ", "\n", 1))]
    for name in names:
        unit = told.curve.endpoints[name].unit
        columns.append(Column(f"{_SHORT.get(name, told.curve.endpoints[name].label)}\n{unit}"))
    lines = _lines(told)
    bold = [k for k, line in enumerate(lines) if line[0].startswith("*")]
    screen.put(told.result.title, "bold")
    screen.table(columns, [*lines, _errors(told, frame)], bold=bold, parted=True)
    means = f" {_MEANS}" if "sensitivity" in names else ""
    notes = [
        f"* the scenario's own. ± max: the largest Monte Carlo standard error in the column.{means}",
        COMMON_RANDOM_NUMBERS,
    ]
    for text in told.sentences():
        if text:
            screen.put(text)
    _print_definitions(screen, told)
    run = told.result
    ran = (
        f"seed {run.seed}, {style_numbers.count(run.replicates, 'replicate')} on both ways, {run.engine} engine, "
        f"protocolsim {run.version}, {run.provenance['run time']}"
    )
    for text in ("", *notes, *(f"Caveat: {n}" for n in run.notes), ran):
        screen.put(text, "dim")


def _print_definitions(screen: Screen, told: Told) -> None:
    """The definitions of the measure at the scenario's own threshold, where it declares any."""
    measured = measure_table.rows(told.curve)
    if not measured:
        return
    first = Column(f"what is measured, at {told.drawn.said(told.curve.own)}", words=True)
    columns = [first, *(Column(heading) for heading in measure_table.headings(told.curve))]
    bold = [k for k, (label, _) in enumerate(measured) if label.startswith("*")]
    screen.put()
    screen.table(columns, [[label, *cells] for label, cells in measured], bold=bold)


def _lines(told: Told) -> list[list[str]]:
    """A line for each threshold, its cells without units."""
    frame = told.table.set_index(["threshold", "estimate"])
    lines = []
    for threshold in told.rows.tolist():
        mark = "* " if threshold == told.curve.own else ""
        cells = [_cell(frame.loc[(threshold, name), "value"], told.curve.endpoints[name].unit) for name in told.columns]
        lines.append([mark + style_numbers.plain(told.drawn.shown(threshold)), *cells])
    return lines


def _errors(told: Told, frame: pd.DataFrame) -> list[str]:
    worst = frame.groupby("estimate")["mcse"].max()
    return ["± max", *(_cell(worst[name], told.curve.endpoints[name].unit) for name in told.columns)]


def _cell(value: float, unit: str) -> str:
    number = style_numbers.scaled(float(value), unit)
    return "-" if np.isnan(number) else f"{number:.1f}" if unit == "%" or abs(number) >= 10 else f"{number:.2f}"


# Folder and page -----------------------------------------------------------------------------------------------------


def charts(told: Told) -> dict[str, Any]:
    """Each figure, by the name of its files, that this curve has something to draw for."""
    found = {}
    for room, names in FIGURES.items():
        for name in names:
            try:
                found[name] = getattr(room, name)(told.drawn)
            except UsageError:
                # No price, no true response, no other measure, nobody who reached the decision: no such figure.
                continue
    if told.regret is not None and told.regret.known.any():
        found["regret"] = regret_figures.regret(told.drawn, told.regret)
    return found


def write_thresholds(told: Told, folder: Path) -> None:
    """The curve as parquet and CSV, summary, provenance, scenario, figures and page."""
    frame = told.drawn.frame.drop(columns="at")
    write_frame(frame, folder, "curve")
    if told.regret is not None:
        write_frame(told.regretted, folder, "regret")
    if len(told.curve.definitions) > 1 and len(told.curve.measured):
        along = measure_table.whole(told.curve, told.drawn.thresholds)
        write_frame(along, folder, "definitions")
    write_facts(folder, told.summary(), told.result.scenario, told.provenance, told.result.asked)
    drawn = charts(told)
    for name, chart in drawn.items():
        for form in ("png", "svg", "html"):
            save(chart, folder / f"{name}.{form}")
    (folder / "report.html").write_text(threshold_page(told, drawn), encoding="utf-8")


def threshold_page(told: Told, drawn: dict[str, Any] | None = None) -> str:
    """The page as text; it loads nothing from anywhere, and looks like the page of a run."""
    figures = charts(told) if drawn is None else drawn
    return rendered(
        _TEMPLATE,
        result=told.result,
        style=style(),
        sentences=[s for s in told.sentences() if s],
        axis=told.drawn.axis,
        headings=[
            {"label": told.curve.endpoints[n].label, "counting": told.curve.endpoints[n].counting,
             "unit": told.curve.endpoints[n].unit}
            for n in told.columns
        ],
        rows=[_page_row(told, threshold) for threshold in told.rows.tolist()],
        definitions=measure_table.rows(told.curve),
        definition_headings=[h.replace("-\n", "").replace("\n", " ") for h in measure_table.headings(told.curve)]
        if len(told.curve.measured)
        else [],
        common_random_numbers=COMMON_RANDOM_NUMBERS,
        figures=[
            {
                "title": chart.title["text"],
                "caption": caption(chart),
                "svg": inline(chart, f"figure{place}"),
            }
            for place, chart in enumerate(figures.values())
        ],
        provenance=told.provenance,
    )  # fmt: skip


def _page_row(told: Told, threshold: float) -> dict[str, Any]:
    at = told.curve.at(threshold)
    cells = [style_numbers.bare(style_numbers.simulated(at[n]), at[n]).removesuffix(" %").strip() for n in told.columns]
    return {"threshold": told.drawn.said(threshold), "own": threshold == told.curve.own, "cells": cells}
