"""A threshold curve in numbers and sentences: its summary, the rows of its table, what it says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.errors import UsageError
from protocolsim.report.decision import captions, cut_table, figures, measure_table, regret_figures
from protocolsim.report.decision.series import Drawn
from protocolsim.report.protocol import text as protocol_text
from protocolsim.report.style import numbers as style_numbers
from protocolsim.scenario.measures import MEASURES
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.regret import Regret
from protocolsim.study.decision.thresholds import decision_of
from protocolsim.study.estimation.estimate import nan_as_none
from protocolsim.study.result import Result
from protocolsim.study.sweep.sweep import Sweep, paired_mcse
from protocolsim.units import rounded, unit_product

if TYPE_CHECKING:
    import pandas as pd

COMMON_RANDOM_NUMBERS = (
    "Every threshold has the same subjects with the same random numbers, each simulated once per branch. The ± is the "
    "Monte Carlo standard error; how one patient would have fared on the other branch is a matter of the model, not of "
    "data."
)
_ROWS, _OTHERS = 11, 8
_NUMBERS = ("value", "mcse", "lo", "hi")


@dataclass(frozen=True)
class CurveSummary:
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
        summary = curve_json(self.curve.parameter, self.curve.own, self.drawn.frame, "threshold")
        if len(self.curve.definitions) > 1 and len(self.curve.measured):
            summary["definitions"] = measure_table.as_json(self.curve)
        if self.curve.decision is not None and len(self.curve.measured):
            summary["true_responder"] = cut_table.as_json(self.curve)
        if self.regret is not None:
            in_json = curve_json(self.curve.parameter, self.curve.own, self.regretted, "threshold", ("value", "mcse"))
            summary["regret"] = {
                "random_streams": self.regret.streams,
                "replicates": self.regret.replicates,
                **in_json["estimates"],
            }
        return summary

    @cached_property
    def regretted(self) -> pd.DataFrame:
        """What was found of regret, at the thresholds that are drawn."""
        assert self.regret is not None
        return self.regret.frame(self.drawn.thresholds)

    def sentences(self) -> list[str]:
        """What the numbers say, in words; the first says who is a true responder, where the scenario says so."""
        defined = cut_table.definition(self.curve)
        return [*([defined] if defined else []), *self._found()]

    def said(self) -> tuple[list[str], list[str]]:
        """What a page opens with (the decision, who is a true responder, what the rule is worth), and all else."""
        first = [cut_table.definition(self.curve), *self._worth]
        everything = [line for line in self.sentences() if line]
        lead = [line for line in everything if line in first]
        others = [line for line in everything if line not in first]
        decided = self._decided()
        return ([decided, *lead], others) if decided else (lead or everything[:1], others if lead else everything[1:])

    def _decided(self) -> str:
        """The rule, and what it does at the scenario's own threshold; '' where no subject reached it."""
        curve = self.curve
        rule = curve.rule.transition.rule
        if rule is None or len(curve.measured) == 0:
            return ""
        at = curve.at(curve.own)
        measures = [
            f"{word} {style_numbers.simulated(at[name])}"
            for name, word in (("sensitivity", "sensitivity"), ("specificity", "specificity"))
            if name in at
        ]
        state = curve.scenario.trial.protocol.states[curve.rule.transition.source].label
        shown = [f"{style_numbers.simulated(at['share_sent'])} pass", *measures]
        words = protocol_text.rule(rule.words, curve.scenario)
        return f"After '{state}': {words}? At the scenario's own threshold {protocol_text.listed(shown)}."

    def _found(self) -> list[str]:
        curve, drawn = self.curve, self.drawn
        number, undefined = len(curve.measured), int(np.isnan(curve.measured).sum())
        trials = style_numbers.count(curve.replicates, "simulated trial")
        if number == 0:
            return [f"No patient reached the decision in {trials}."]
        state = curve.scenario.trial.protocol.states[curve.rule.transition.source].name
        each = style_numbers.plain(number / curve.replicates)
        rule = curve.rule.transition.rule.words if curve.rule.transition.rule is not None else ""
        subjects = style_numbers.count(number, "subject") + f" of {trials} {'reaches' if number == 1 else 'reach'}"
        said = [f"{subjects} the decision at the end of '{state}', {each} in each trial."]
        if undefined:
            said.append(f"For {undefined:,} of them there is nothing to compare; they never pass.")
        said.append(f"The scenario's own threshold is {drawn.said(curve.own)} ({rule}).")
        moving = [e.label for n, e in curve.scenario.endpoints.items() if n not in curve.endpoints]
        if moving:
            said.append(f"Left out, as the threshold itself defines it: {'; '.join(moving)}.")
        if curve.scenario.analyses:
            said.append("Tests are of whole trials and have no curve: 'protocolsim sweep' shows them.")
        if uncurved := captions.without_curve(curve.scenario):
            said.append(uncurved)
        try:
            drawn.priced()
        except UsageError as error:
            return [*said, f"What the rule is worth is not told: {error}."]
        lost = [] if self.regret is None else regret_figures.says(drawn, self.regret)
        return [*said, *self._cheapest(), *lost]

    def _cheapest(self) -> list[str]:
        drawn = self.drawn
        prices_are = "Prices are assumptions, so look at a range of them (the figure of the loss)."
        return [self._priced(*drawn.weights()), *self._worth, figures.stop_says(drawn), prices_are]

    @cached_property
    def _worth(self) -> list[str]:
        """Where the loss is smallest, at the scenario's prices and without them; [] where nothing is priced."""
        drawn, curve = self.drawn, self.curve
        if len(curve.measured) == 0:
            return []
        try:
            drawn.priced()
        except UsageError:
            return []
        stop, dose = drawn.weights()
        place = drawn.cheapest(stop, dose)
        best = float(drawn.thresholds[place])
        endpoint = curve.endpoints["expected_loss"]
        here, there = (self._sums(t) for t in (curve.own, best))
        loss = {t: curve.frame(np.array([t])).set_index("estimate").loc["expected_loss"] for t in (curve.own, best)}
        at_own, at_best = (f"{loss[t].value:.2f}" for t in (curve.own, best))
        if best == curve.own:
            said = f"At the scenario's prices its own threshold has the smallest expected loss, {at_own}."
        else:
            error = paired_mcse(endpoint, there, endpoint, here)
            about = f" ± {error:.2f}" if error > 0 else ""
            end = ", an end of the range" if drawn.at_an_end(place) else ""
            lower = f"{loss[curve.own].value - loss[best].value:.2f}{about}"
            least = f"the expected loss is smallest at {drawn.said(best)}{end}: {at_best}, against {at_own}"
            said = f"At the scenario's prices {least} at the scenario's own, {lower} lower with common random numbers."
        return [said, figures.free_says(drawn)]

    def _priced(self, stop: float, dose: float) -> str:
        """What is counted, and in what unit the loss is."""
        worth = decision_of(self.curve.scenario, self.curve.rule)
        assert worth is not None
        over = self.curve.scenario.spoken.time(worth.horizon)
        labels, spoken = self.curve.scenario.trial.labels, self.curve.scenario.spoken
        unit = labels.dose_units[labels.drugs.index(worth.drug)] or "mg/kg"
        return (
            f"Expected of each patient over {over} after the decision: count, of {spoken.variable(worth.count)}; stop, "
            f"the probability of '{worth.stop}'; dose, of {spoken.drug(worth.drug)}. The loss is in counts: a stop "
            f"weighs {style_numbers.plain(stop)} of them, 1 {unit} {style_numbers.plain(dose)}. Counts and doses are "
            "those of a patient who goes on as before for all of that time; a stop is priced by itself."
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
                **{key: nan_as_none(v) for key, v in zip(numbers_of, numbers, strict=True)},
            }
            for at, *numbers in rows[[where, *numbers_of]].itertuples(index=False)
        ]
        for name, rows in frame.groupby("estimate", sort=False)
    }
    thresholds = [float(t) for t in frame[where].unique()]
    return {"parameter": parameter, "own": own, "thresholds": thresholds, "estimates": estimates}


def sweep_json(sweep: Sweep) -> dict[str, Any]:
    """The same of a sweep over one parameter."""
    (axis,) = sweep.axes
    internal = [rounded(v * unit_product(axis.unit).value) for v in sweep.frame[axis.name]]
    own = sweep.own.scenario.named[axis.name].value
    return curve_json(axis.name, own, sweep.frame.assign(threshold=internal), "threshold")
