"""Parameters fitted to published results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, ClassVar

from protocolsim.api.arguments import checked
from protocolsim.api.display import Figured, html, presented
from protocolsim.engine.base import Progress
from protocolsim.errors import UsageError
from protocolsim.scenario.file.library import targets as shipped_targets
from protocolsim.scenario.load import ScenarioLike, Settings, scenario_of
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.calibration import calibrate as fitting
from protocolsim.study.calibration import targets as published
from protocolsim.study.calibration.targets import load_targets as _load_targets
from protocolsim.study.conduct import Workers
from protocolsim.units import unit_in_words

if TYPE_CHECKING:
    import pandas as pd


def _posterior(shown: fitting.Calibration) -> Any:
    from protocolsim.report.calibration.figures import posteriors

    return posteriors(shown)


def _predicted(shown: fitting.Calibration) -> Any:
    from protocolsim.report.calibration.figures import predicted

    return predicted(shown)


class Targets(published.Targets):
    """What a scenario is to be calibrated to, which `load_targets` returns.

    Attributes
    ----------
    source, title, text : str
        Where it was read, what it is called, and the text of the file.
    notes, warnings : tuple of str
        What a reader must be told, and what is unusual.
    parameters : tuple of SettableParameter
        The free parameters: `name`, `unit`, `low` and `high` (in that unit), `log` (the scale), `value` (the
        scenario's own).
    targets : tuple of Target
        Published results: `endpoint`, `value` (a share is 0 to 1), `text`, `source`, `mark`, `patients`,
        `standard_error`.
    frame : pandas.DataFrame
        The targets, one row each: `value`, `text`, `error`, `source`, `mark`.

    Examples
    --------
    >>> targets = protocolsim.load_targets("ms_daclizumab", "ms_daclizumab")
    >>> all(free.low < free.high for free in targets.parameters)
    True
    """

    @property
    def frame(self) -> pd.DataFrame:
        """The targets, one row each."""
        import pandas as pd

        columns = ["value", "text", "error", "source", "mark"]
        rows = {t.endpoint: [getattr(t, c) for c in columns] for t in self.targets}
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def _repr_html_(self) -> str:
        free = ", ".join(f"{p.name} ({p.low:g} to {p.high:g} {unit_in_words(p.unit)})" for p in self.parameters)
        return html(self.title or self.source, [f"free: {free}"], self.frame)


class Calibration(Figured, fitting.Calibration):
    """Parameters fitted to published results, which `calibrate` returns.

    Attributes
    ----------
    scenario : Scenario
        What was fitted.
    targets : Targets
        What it was fitted to.
    parameters : tuple of Fitted
        Of each free parameter, in its unit: `free` (its name, unit, range and scale), `mean`, `low`, `median` and
        `high` (5th, 50th and 95th percentile of the posterior), `sd_ratio` (posterior to prior), `identified`
        (by criteria that a wider prior does not overturn: spread, edges, twice the prior's width, correlation).
    predicted : tuple of Predicted
        Each published result beside trials at draws from the posterior: `value`, `lo`, `median`, `hi`, `percentile`.
    not_identified : list of str
        The parameters of which the targets say next to nothing.
    draws : pandas.DataFrame
        The posterior: one row for each draw, a column for each parameter in its unit, and `weight`.
    frame : pandas.DataFrame
        The parameters, one row each.
    warnings : tuple of str
        What is unusual.
    seconds : float
        How long it took.
    figures : tuple of str
        ``"posterior"`` and ``"predicted"``.

    Methods
    -------
    figure(name=None)
        An altair chart.
    page()
        The report as a self-contained HTML page.
    summary()
        What ``protocolsim calibrate --json`` prints.

    Examples
    --------
    >>> found = protocolsim.calibrate("ms_daclizumab", points=64)  # doctest: +SKIP
    >>> found.figure("posterior")  # doctest: +SKIP
    """

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {"posterior": _posterior, "predicted": _predicted}

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each parameter: `unit`, `mean`, `low`, `median`, `high`, `sd_ratio`, `identified`, `own`."""
        import pandas as pd

        rows = {
            p.free.name: (p.free.unit, p.mean, p.low, p.median, p.high, p.sd_ratio, p.identified, p.free.value)
            for p in self.parameters
        }
        columns = ["unit", "mean", "low", "median", "high", "sd_ratio", "identified", "own"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def page(self) -> str:
        """The report, as ``protocolsim calibrate --out`` writes it.

        Returns
        -------
        str
            A self-contained HTML page.
        """
        from protocolsim.report.calibration.page import calibration_page

        return calibration_page(self)

    def _repr_html_(self) -> str:
        return html(self.scenario.title, self.warnings, self.frame, self.figures)


@checked
def load_targets(name_or_path: str | PathLike[str], scenario: ScenarioLike) -> Targets:
    """Read and check what a scenario is to be calibrated to.

    Parameters
    ----------
    name_or_path : str or Path
        The name of shipped targets, or the path of a YAML file.
    scenario : Scenario, str or Path
        The scenario that they are of.

    Returns
    -------
    Targets
        `parameters` (which are free, with range, unit and scale), `targets` (published values by endpoint), `title`,
        `notes`, `warnings`, `source` and `text`.

    Raises
    ------
    ScenarioError
        With every fault of the file.
    UsageError
        For a name that no shipped targets have.

    Examples
    --------
    >>> targets = protocolsim.load_targets("ms_daclizumab", "ms_daclizumab")
    >>> len(targets.parameters) > 0 and len(targets.targets) > 0
    True
    """
    return presented(Targets, _load_targets(fspath(name_or_path), scenario_of(scenario)))


@checked
def calibrate(
    scenario: ScenarioLike,
    to: published.Targets | str | PathLike[str] | None = None,
    *,
    points: int = fitting.POINTS,
    trials: int = fitting.TRIALS,
    seed: int | None = None,
    workers: Workers = 1,
    set: Settings | None = None,
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> Calibration:
    """Fit parameters of a scenario to published results: a posterior, what it predicts, what is not identified.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    to : Targets, str or Path, optional
        What to fit to: as loaded, the name of shipped targets, or a file. Unless given, those shipped under the
        scenario's name.
    points : int, default 1024
        How many points of the prior to simulate.
    trials : int, default 64
        How many trials at each of them.
    seed : int, optional
        The random seed, from 0; the scenario's own unless given.
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
    Calibration
        `parameters` and `frame` (one for each free parameter), `draws` of the posterior, `predicted`,
        `not_identified`, and the figures ``"posterior"`` and ``"predicted"``.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    SimulationError
        Where a cohort cannot be filled.
    UsageError
        For impossible arguments, and for what cannot be found or set;
        also where no targets are shipped for the scenario, and for a table that cannot be.

    Examples
    --------
    >>> found = protocolsim.calibrate("ms_daclizumab", points=40, trials=2)
    >>> list(found.frame.columns[:5])
    ['unit', 'mean', 'low', 'median', 'high']
    """
    loaded = scenario_of(scenario, set, allow_plugins)
    wanted = to if isinstance(to, published.Targets) else load_targets(_shipped(loaded) if to is None else to, loaded)
    planned = fitting.calibration_plan(loaded, wanted, points=points, trials=trials, seed=seed)
    return presented(Calibration, fitting.calibrate(wanted, planned, workers=workers, progress=progress))


def _shipped(scenario: Scenario) -> str:
    known = shipped_targets()
    if scenario.name not in known:
        raise UsageError(f"no targets are shipped for '{scenario.name}'; name a file (shipped: {', '.join(known)})")
    return scenario.name
