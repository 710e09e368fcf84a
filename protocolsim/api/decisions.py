"""Decision rules: the curve over a threshold, and what the rule loses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from protocolsim.api.arguments import checked
from protocolsim.api.display import Figured, html, presented
from protocolsim.engine.base import Progress
from protocolsim.errors import UsageError
from protocolsim.scenario.load import ScenarioLike, Settings, scenario_of
from protocolsim.study.conduct import Workers
from protocolsim.study.decision import curve
from protocolsim.study.decision import regret as losses
from protocolsim.study.decision.thresholds import thresholds as _thresholds

_CURVES = ("curves", "roc", "what_follows", "loss")


_MEASURES = ("definitions", "definitions_roc")


def _of_curve(name: str) -> Callable[..., Any]:
    def drawn(shown: curve.ThresholdCurve) -> Any:
        from protocolsim.report.decision import figures, measure_figures
        from protocolsim.report.decision.series import Drawn

        room = figures if name in _CURVES else measure_figures
        return getattr(room, name)(Drawn(shown))

    return drawn


class ThresholdCurve(Figured, curve.ThresholdCurve):
    """Every threshold of one decision rule, which `thresholds` returns.

    Thresholds are in internal units (a share is 0 to 1, a time in minutes); shares are 0 to 1.

    Attributes
    ----------
    scenario : Scenario
        What was simulated.
    rule : ThresholdRule
        The rule: `parameter`, `transition`, `op`, `measure`.
    parameter : str
        The threshold's name.
    own : float
        The scenario's own threshold.
    seed, replicates : int
        Of the study.
    measured : numpy.ndarray of float, shape (subjects,)
        What the rule compared for each subject who reached it; nan where nothing was measured.
    replicate, subject : numpy.ndarray of int, shape (subjects,)
        The keys of that subject.
    endpoints : mapping of str to Endpoint
        What has a curve: the measures of the decision, and the endpoints that only its branch changes.
    steps : numpy.ndarray of float
        The thresholds at which anything changes, within the parameter's range.
    grid : numpy.ndarray of float
        At most 51 of them to show.
    definitions : dict of str to str
        Definitions of the measure, and what a reader calls them; the rule's own first.
    figures : tuple of str
        ``"curves"``, ``"roc"``, ``"what_follows"``, ``"loss"``, ``"definitions"``, ``"definitions_roc"``.

    Methods
    -------
    at(threshold, names=None)
        Every estimate at a threshold, equal to that of a run at that setting; of those named alone.
    frame(thresholds=None, names=None)
        One row per threshold and estimate, of those named alone: `threshold`, `estimate`, `label`, `value`, `mcse`,
        `lo`, `hi`, `median`, `unit`.
    values(name, thresholds=None)
        One estimate at many thresholds, without its error.
    area()
        The area under the ROC curve, and its Monte Carlo standard error.
    by(definition)
        The curve had the rule compared another definition of the measure.
    figure(name=None)
        An altair chart.

    Examples
    --------
    >>> curve = protocolsim.thresholds("ms_daclizumab", replicates=20)
    >>> curve.parameter, curve.own
    ('response_threshold', 0.75)
    >>> rows = curve.frame([0.5, 0.75]).query("estimate == 'share_sent'")
    >>> list(rows["threshold"])
    [0.5, 0.75]
    """

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {name: _of_curve(name) for name in (*_CURVES, *_MEASURES)}

    def _repr_html_(self) -> str:
        table = self.frame(np.array([self.own])).set_index("estimate").drop(columns="threshold")
        lead = f"{self.parameter} at {self.own:g}, the scenario's own; {len(self.measured):,} subjects reach the rule"
        return html(self.scenario.title, [lead], table, self.figures)


def _of_regret(shown: losses.Regret) -> Any:
    from protocolsim.report.decision.regret_figures import regret as drawn
    from protocolsim.report.decision.series import Drawn

    return drawn(Drawn(shown.curve), shown)


class Regret(Figured, losses.Regret):
    """How much each threshold loses against the better branch for each subject, which `regret` returns.

    Attributes
    ----------
    curve : ThresholdCurve
        The curve that the subjects are taken from.
    streams : int
        How many random streams losses are averaged over.
    replicates : int
        How many trials the subjects are of.
    number : numpy.ndarray of float, shape (2, subjects)
        In how many random streams of each half a subject's loss is known.
    sums : numpy.ndarray of float, shape (2 branches, 2 halves, subjects, 3)
        The count, the probability of a stop and the dose (mg/kg), added over the random streams; those who pass first.
    known : numpy.ndarray of bool, shape (subjects,)
        The subjects with a known loss.
    figures : tuple of str
        ``"regret"``.

    Methods
    -------
    frame(thresholds=None, stop_weight=None, dose_weight=None)
        One row per threshold and measure: `threshold`, `estimate` (``"regret"``, ``"regret_at_least"``,
        ``"share_better"``, ``"loss"``, ``"smallest_loss"``), `label`, `value`, `mcse`, `unit`.
    losses(stop_weight=None, dose_weight=None)
        The expected loss of each known subject on either branch.
    better_off(stop_weight=None, dose_weight=None)
        The share of the known subjects for whom it is better to pass.
    figure(name=None)
        An altair chart.

    Examples
    --------
    >>> found = protocolsim.regret("ms_daclizumab", replicates=5, random_streams=2)
    >>> found.streams, found.replicates
    (2, 5)
    """

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {"regret": _of_regret}

    def _repr_html_(self) -> str:
        table = self.frame(np.array([self.curve.own])).set_index("estimate").drop(columns="threshold")
        lead = f"{self.curve.parameter} at {self.curve.own:g}; {self.streams} random streams"
        return html(self.curve.scenario.title, [lead], table, self.figures)


@checked
def thresholds(
    scenario: ScenarioLike,
    rule: str | None = None,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    workers: Workers = 1,
    set: Settings | None = None,
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> ThresholdCurve:
    """Show every threshold of a decision rule, from one simulation of both branches; it costs two runs.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    rule : str, optional
        The parameter that is the threshold; the only one there is unless given.
    replicates : int, optional
        How many trials; the scenario's own number unless given.
    seed : int, optional
        The random seed, from 0; the scenario's own unless given.
    engine : {"auto", "batch", "des"}, default "auto"
        "batch" is fast, "des" is the reference; "auto" takes the fast one where it can run the trial.
    workers : int, str or Executor, default 1
        How many processes; -1 for one on each core, "auto" for as many as pay. The numbers are the same for any.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    progress : callable, optional
        Called with the number of trials done since it was last called.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    ThresholdCurve
        Every estimate at any threshold (`at`, `frame`, `values`), `area()` under the ROC curve, and figures.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    SimulationError
        Where a cohort cannot be filled.
    UsageError
        For impossible arguments, and for what cannot be found or set;
        also where the parameter is more than the bound of one comparison that each subject meets once: then a `sweep`
        answers.

    Examples
    --------
    >>> curve = protocolsim.thresholds("ms_daclizumab", replicates=20)
    >>> curve.at(0.75)["share_sent"].n_replicates
    20
    """
    loaded = scenario_of(scenario, set, allow_plugins)
    result = _thresholds(
        loaded, rule, replicates=replicates, seed=seed, engine=engine, workers=workers, progress=progress
    )
    return presented(ThresholdCurve, result)


@checked
def regret(
    scenario: ScenarioLike | curve.ThresholdCurve,
    rule: str | None = None,
    *,
    random_streams: int = losses.STREAMS,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    workers: Workers = 1,
    set: Settings | None = None,
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> Regret:
    """Say what a decision rule loses against the better branch for each subject, averaged over random streams.

    Parameters
    ----------
    scenario : Scenario, str, Path or ThresholdCurve
        A scenario as loaded, the name of a shipped one, or the path of a file; or a curve of `thresholds`, whose
        subjects are then taken (and `rule`, `seed` and `set` are its own).
    rule : str, optional
        The parameter that is the threshold; the only one there is unless given.
    random_streams : int, default 20
        How many other random streams each subject is simulated with, on both branches; 2 to 10,000.
    replicates : int, optional
        How many trials; the scenario's own number unless given. Of a curve, its first so many. More than 200 only where
        it is given with a curve.
    seed : int, optional
        The random seed, from 0; the scenario's own unless given.
    engine : {"auto", "batch", "des"}, default "auto"
        "batch" is fast, "des" is the reference; "auto" takes the fast one where it can run the trial.
    workers : int, str or Executor, default 1
        How many processes; -1 for one on each core, "auto" for as many as pay. The numbers are the same for any.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    progress : callable, optional
        Called with the number of trials done since it was last called.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    Regret
        The regret at any threshold (`frame`), the losses of each subject, and the figure ``"regret"``.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    SimulationError
        Where a cohort cannot be filled.
    UsageError
        For impossible arguments, and for what cannot be found or set;
        also where the scenario does not say what the decision costs (`decisions:`), and for settings beside a curve.

    Examples
    --------
    >>> found = protocolsim.regret("ms_daclizumab", replicates=5, random_streams=2)
    >>> row = found.frame([0.75]).query("estimate == 'regret'").iloc[0]
    >>> bool(row["value"] >= 0)
    True
    """
    if isinstance(scenario, curve.ThresholdCurve):
        if rule is not None or seed is not None or set or allow_plugins:
            raise UsageError("a curve has its own rule, seed and settings: give the scenario to have others")
        whole, most = scenario, replicates
    else:
        whole = thresholds(
            scenario, rule, replicates=replicates, seed=seed, engine=engine, workers=workers, set=set,
            progress=progress, allow_plugins=allow_plugins,
        )  # fmt: skip
        most = None
    result = losses.regret(
        whole, streams=random_streams, replicates=most, engine=engine, workers=workers, progress=progress
    )
    return presented(Regret, result, curve=presented(ThresholdCurve, whole))
