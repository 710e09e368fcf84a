"""Boundaries of looks at the accumulating data: what each of them costs and saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from protocolsim.api.arguments import checked
from protocolsim.api.display import Figured, html, presented
from protocolsim.engine.base import Progress
from protocolsim.scenario.load import ScenarioLike, Settings, scenario_of
from protocolsim.study.boundaries import boundaries as study
from protocolsim.study.conduct import Workers


def _trade_off(shown: study.Boundaries) -> Any:
    from protocolsim.report.boundaries.figures import trade_off

    return trade_off(shown)


_SHOWN = ["family", "futility", "type_i_error", "power", "expected_enrolled", "expected_weeks_to_decision"]


class Boundaries(Figured, study.Boundaries):
    """What every boundary of a design brings about, which `boundaries` returns.

    Attributes
    ----------
    scenario : Scenario
        What was simulated.
    seed, replicates : int
        Of the study.
    engine : str
        ``"batch"`` or ``"des"``.
    sets : tuple of BoundarySet
        The boundaries tried, the design's own first: `family`, `futility`, and `values` by boundary.
    effect, null : TriedBoundaries
        What a run with each of them would report, with the scenario's effect and without one (None where the scenario
        does not say how it is without): `values` and `errors` by estimate.
    without : str
        How the trial without an effect is made.
    frame : pandas.DataFrame
        One row for each set of boundaries: `family`, `futility`, `chosen` (the design's own), the bounds,
        `type_i_error`, `power`, `expected_enrolled`, `expected_weeks_to_decision` and others; shares are 0 to 1.
    calibrated : Scaled or None
        The boundary scaled to a type I error: `boundary`, `factor`, `values`, `error`, `mcse`.
    figures : tuple of str
        ``"boundaries"``.

    Methods
    -------
    trying(sets)
        The same trials with other boundaries beside the design's own; nothing is simulated.
    summary()
        What ``protocolsim boundaries --json`` prints.
    figure(name=None)
        An altair chart.

    Examples
    --------
    >>> found = protocolsim.boundaries("ms_group_sequential", replicates=20)
    >>> found.frame["family"][0], bool(found.frame["chosen"][0])
    ('as declared', True)
    >>> other = found.trying([{"efficacy": [2.4, 2.4, 2.4, 2.4]}])
    >>> list(other.frame["family"])
    ['as declared', 'given']
    """

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {"boundaries": _trade_off}

    @checked
    def trying(self, sets: Sequence[Mapping[str, Sequence[float | None]]]) -> Boundaries:
        """Try other boundaries on the same trials.

        Parameters
        ----------
        sets : sequence of mapping of str to sequence of float
            Each: bounds by boundary, one for each look or for each but the last; None for a look without one.

        Returns
        -------
        Boundaries
            The design's own boundaries and these.

        Raises
        ------
        UsageError
            For a boundary that is not there, and for another number of bounds than there are looks.
        """
        return presented(Boundaries, super().trying(sets))

    def _repr_html_(self) -> str:
        table = self.frame[[c for c in _SHOWN if c in self.frame]]
        lead = f"{len(self.sets):,} sets of boundaries on the same {self.replicates:,} trials; the design's own first"
        return html(self.scenario.title, [lead], table, self.figures)


@checked
def boundaries(
    scenario: ScenarioLike,
    sets: Sequence[Mapping[str, Sequence[float | None]]] | None = None,
    *,
    calibrate: float | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    workers: Workers = 1,
    set: Settings | None = None,
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> Boundaries:
    """Show what every boundary of a design costs and saves, from one simulation with the effect and one without.

    Each number is that of a run with that boundary, to the last bit.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file; it declares looks (`interim:`).
    sets : sequence of mapping of str to sequence of float, optional
        Boundaries to try beside the design's own: bounds by boundary, one for each look or for each but the last, None
        for a look without one. Families at the same error, with bounds of futility from none upwards, unless given.
    calibrate : float, optional
        A type I error, such as 0.025: the boundary on success is scaled until the simulated error is that or less.
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
    Boundaries
        A row for each set of boundaries (`frame`), other sets without simulating again (`trying`), and the figure
        ``"boundaries"``.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    SimulationError
        Where a cohort cannot be filled.
    UsageError
        For impossible arguments, and for what cannot be found or set;
        also for a scenario without looks or boundaries, and for bounds that do not fit.

    Examples
    --------
    >>> found = protocolsim.boundaries("ms_group_sequential", [{"efficacy": [3, 2.5, 2.2, 2]}], replicates=20)
    >>> len(found.frame), found.without
    (2, 'equal arms')
    """
    loaded = scenario_of(scenario, set, allow_plugins)
    result = study.boundaries(
        loaded, sets=sets, calibrate=calibrate, replicates=replicates, seed=seed, engine=engine, workers=workers,
        progress=progress,
    )  # fmt: skip
    return presented(Boundaries, result)
