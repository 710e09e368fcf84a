"""Both branches of each subject who reaches a decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from protocolsim.api.arguments import checked
from protocolsim.api.display import Figured, html, presented
from protocolsim.engine.base import Progress
from protocolsim.scenario.load import ScenarioLike, Settings, scenario_of
from protocolsim.study.decision import potential_outcomes as outcomes


def _of_outcomes(shown: outcomes.PotentialOutcomes) -> Any:
    from protocolsim.report.decision.outcome_figures import outcomes_by_branch

    return outcomes_by_branch(shown)


class PotentialOutcomes(Figured, outcomes.PotentialOutcomes):
    """The same subjects on either branch of a decision (potential outcomes), which `potential_outcomes` returns.

    Attributes
    ----------
    scenario : Scenario
        What was simulated.
    rule : ThresholdRule
        The decision.
    seed : int
        The random seed.
    branches : mapping of str to Records
        The records of ``"passes"`` and of ``"does not pass"``.
    measured : numpy.ndarray of float, shape (subjects,)
        What the rule compared for each subject.
    note : str
        What cannot be learnt from two branches of one subject.
    frame : pandas.DataFrame
        One row for each subject and branch: `replicate`, `subject`, `branch`, `measured`, `went` (whether the subject
        takes this branch at the scenario's own threshold), `entered` (the state it leads to), `outcome`, `end_day`;
        where the scenario prices the decision, what follows it (`*_after`); and every endpoint of a trial of this
        subject alone.
    joint : pandas.DataFrame
        How both branches of one subject differ, passing minus not passing.
    figures : tuple of str
        ``"outcomes"``.

    Methods
    -------
    table(name)
        A table of both branches, such as ``"observations"``, with the branch in the first column.
    figure(name=None)
        An altair chart.

    Examples
    --------
    >>> both = protocolsim.potential_outcomes("ms_daclizumab", replicates=5)
    >>> sorted(set(both.frame["branch"]))
    ['does not pass', 'passes']
    """

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {"outcomes": _of_outcomes}

    def _repr_html_(self) -> str:
        return html(self.scenario.title, [self.note], self.frame, self.figures)


@checked
def potential_outcomes(
    scenario: ScenarioLike,
    rule: str | None = None,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    replicate: int | None = None,
    subject: int | None = None,
    engine: str = "auto",
    set: Settings | None = None,
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> PotentialOutcomes:
    """Simulate the subjects who reach a decision on both of its branches, with the same random numbers.

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
    replicate : int, optional
        Only the subjects of this trial, counted from 0.
    subject : int, optional
        Only this one, counted from 0 in the order of screening (of trial 0 unless `replicate` is given).
    engine : {"auto", "batch", "des"}, default "auto"
        "batch" is fast, "des" is the reference; "auto" takes the fast one where it can run the trial.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    progress : callable, optional
        Called with the number of trials done since it was last called.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    PotentialOutcomes
        Both branches of each subject: `frame`, `joint`, `table(name)`, and the figure ``"outcomes"``.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    SimulationError
        Where a cohort cannot be filled.
    UsageError
        For impossible arguments, and for what cannot be found or set;
        also where the parameter is more than a threshold, where a subject asked for never reaches the decision, and
        beyond ten million rows.

    Examples
    --------
    >>> both = protocolsim.potential_outcomes("ms_daclizumab", replicate=0)
    >>> both.frame.groupby("subject").size().unique().tolist()
    [2]
    """
    loaded = scenario_of(scenario, set, allow_plugins)
    result = outcomes.potential_outcomes(
        loaded, rule, replicates=replicates, seed=seed, replicate=replicate, subject=subject, engine=engine,
        progress=progress,
    )  # fmt: skip
    return presented(PotentialOutcomes, result)
