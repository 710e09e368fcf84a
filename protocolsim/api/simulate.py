"""The verbs that simulate: run, sweep, compare, validate."""

from __future__ import annotations

from collections.abc import Mapping

from protocolsim.api.arguments import checked
from protocolsim.api.display import presented
from protocolsim.api.results import Comparison, Result, Sweep, Validation, result_of, sweep_of
from protocolsim.engine.base import Progress
from protocolsim.scenario.load import ScenarioLike, Settings, scenario_of
from protocolsim.study.companions import companions as _companions
from protocolsim.study.compare import compare as _compare
from protocolsim.study.compare import draws_of_both
from protocolsim.study.conduct import Workers
from protocolsim.study.levels import NO_NULL_TRIALS, null_trials, with_levels
from protocolsim.study.parameters.asked import ParametersLike, draws_asked
from protocolsim.study.run import run as _run
from protocolsim.study.sweep.sweep import carry_out, plan
from protocolsim.study.validation import published_rows, validation_plan


@checked
def run(
    scenario: ScenarioLike,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    workers: Workers = 1,
    companions: bool = False,
    set: Settings | None = None,
    parameters: ParametersLike = "fixed",
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> Result:
    """Simulate a scenario; the same arguments give the same result, to the last bit, on either engine.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    replicates : int, optional
        How many trials; the scenario's own number unless given.
    seed : int, optional
        The random seed, from 0; the scenario's own unless given.
    engine : {"auto", "batch", "des"}, default "auto"
        "batch" is fast, "des" is the reference; "auto" takes the fast one where it can run the trial.
    workers : int, str or Executor, default 1
        How many processes; -1 for one on each core, "auto" for as many as pay. The numbers are the same for any.
    companions : bool, default False
        Whether to run the scenarios that this one names beside itself too, which its report quotes, and trials without
        an effect, in which its tests show their levels (`levels` of the result).
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    parameters : {"fixed", "plausible"} or path, default "fixed"
        "plausible" simulates as many trials again with the parameters that are uncertain drawn from their plausible
        ranges, each draw for two trials; the path of a posterior that `calibrate` wrote draws from that.
    progress : callable, optional
        Called with the number of trials done since it was last called.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    Result
        Estimates (`estimates`, `table()`, `summary()`), tables (`subjects`, `observations`, `doses`, `moves`,
        `events`), and figures.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    UsageError
        For impossible arguments, and for what cannot be found or set.
    SimulationError
        Where a cohort cannot be filled.

    Examples
    --------
    >>> result = protocolsim.run("ms_daclizumab", replicates=20, set={"response_threshold": "50 %"})
    >>> result.estimates["assigned_monotherapy"].n_replicates
    20
    """
    loaded = scenario_of(scenario, set, allow_plugins)
    nulls = null_trials(loaded) if companions else NO_NULL_TRIALS
    beside = {**(_companions(loaded) if companions else {}), **nulls.trials}
    result = _run(
        loaded, replicates=replicates, seed=seed, engine=engine, workers=workers, companions=beside, progress=progress,
        draws=draws_asked(loaded, parameters, seed),
    )  # fmt: skip
    return result_of(with_levels(result, nulls))


@checked
def sweep(
    scenario: ScenarioLike,
    vary: Mapping[str, object],
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    workers: Workers = 1,
    set: Settings | None = None,
    parameters: ParametersLike = "fixed",
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> Sweep:
    """Simulate a scenario at every point of a grid of settings, with common random numbers.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    vary : mapping of str to str or sequence of float
        A parameter by any name that `set` takes, and its values: ``"25%:95%:5%"`` (from, to, step), ``"1,2,5"``, or a
        sequence of numbers or of texts with units.
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
    parameters : {"fixed", "plausible"} or path, default "fixed"
        "plausible" simulates as many trials again with the parameters that are uncertain drawn from their plausible
        ranges, each draw for two trials; the path of a posterior that `calibrate` wrote draws from that.
    progress : callable, optional
        Called with the number of trials done since it was last called.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    Sweep
        `frame` has one row for each point and endpoint, with the paired difference from the scenario's own value.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    SimulationError
        Where a cohort cannot be filled.
    UsageError
        For impossible arguments, and for what cannot be found or set;
        also, before anything runs, for what cannot be varied so.

    Examples
    --------
    >>> found = protocolsim.sweep("ms_daclizumab", {"response_threshold": ["50 %", "75 %"]}, replicates=10)
    >>> rows = found.frame.query("estimate == 'assigned_monotherapy'")
    >>> float(rows["difference"].iloc[1])  # at the scenario's own threshold
    0.0
    """
    base = scenario_of(scenario, set, allow_plugins)
    planned = plan(base, vary, replicates=replicates, seed=seed, engine=engine, parameters=parameters)
    return sweep_of(carry_out(planned, progress, workers=workers))


@checked
def compare(
    a: ScenarioLike,
    b: ScenarioLike,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    workers: Workers = 1,
    set: Settings | None = None,
    parameters: ParametersLike = "fixed",
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> Comparison:
    """Compare two scenarios: their files place by place, and their results with common random numbers.

    Parameters
    ----------
    a : Scenario, str or Path
        The first: as loaded, the name of a shipped one, or the path of a file.
    b : Scenario, str or Path
        The second, likewise.
    replicates : int, optional
        How many trials of each; those of `a` unless given.
    seed : int, optional
        The random seed of both; that of `a` unless given.
    engine : {"auto", "batch", "des"}, default "auto"
        "batch" is fast, "des" is the reference; "auto" takes the fast one where it can run the trial.
    workers : int, str or Executor, default 1
        How many processes; -1 for one on each core, "auto" for as many as pay. The numbers are the same for any.
    set : mapping of str to value, optional
        Values to change in both, by name, as for `load`.
    parameters : {"fixed", "plausible"} or path, default "fixed"
        "plausible" simulates as many trials again with the parameters that are uncertain drawn from their plausible
        ranges, each draw for two trials; the path of a posterior that `calibrate` wrote draws from that.
    progress : callable, optional
        Called with the number of trials done since it was last called.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    Comparison
        `differences` of the files, `pairs` of results (B minus A, with paired errors), `frame`, and a figure.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    UsageError
        For impossible arguments, and for what cannot be found or set.
    SimulationError
        Where a cohort cannot be filled.

    Examples
    --------
    >>> found = protocolsim.compare("ms_daclizumab", "ms_threshold_50", replicates=10)
    >>> [(place.path, place.b) for place in found.differences if place.path.endswith("threshold.value")]
    [('parameters.response_threshold.value', '50 %')]
    """
    one, other = (scenario_of(given, set, allow_plugins) for given in (a, b))
    draws = draws_of_both(one, other, parameters, one.seed if seed is None else seed)
    result = _compare(
        one, other, replicates=replicates, seed=seed, engine=engine, workers=workers, draws=draws, progress=progress
    )
    return presented(Comparison, result)


@checked
def validate(
    scenario: ScenarioLike,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    workers: Workers = 1,
    set: Settings | None = None,
    parameters: ParametersLike = "fixed",
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> Validation:
    """Set published results among simulated trials, one by one: inside the 5-95 % range or not.

    A published count n/N is set among trials that count exactly N, where that can be done.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    replicates : int, optional
        How many trials; unless given as many as the ends of the ranges need: 2,000, or of large cohorts as many as
        have 100,000 patients, and never fewer than the scenario's own number.
    seed : int, optional
        The random seed, from 0; the scenario's own unless given.
    engine : {"auto", "batch", "des"}, default "auto"
        "batch" is fast, "des" is the reference; "auto" takes the fast one where it can run the trial.
    workers : int, str or Executor, default 1
        How many processes; -1 for one on each core, "auto" for as many as pay. The numbers are the same for any.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    parameters : {"fixed", "plausible"} or path, default "fixed"
        "plausible" simulates as many trials again with the parameters that are uncertain drawn from their plausible
        ranges, each draw for two trials; the path of a posterior that `calibrate` wrote draws from that.
    progress : callable, optional
        Called with the number of trials done since it was last called.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    Validation
        `rows` and `frame` (one for each published result), `result` (the run), and the figure ``"published"``.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    SimulationError
        Where a cohort cannot be filled.
    UsageError
        For impossible arguments, and for what cannot be found or set;
        also where the scenario has no published results to be held against.

    Examples
    --------
    >>> found = protocolsim.validate("ms_daclizumab", replicates=50)
    >>> found.frame.loc["controlled_on_monotherapy", "published_as"]
    '9/13'
    """
    loaded = scenario_of(scenario, set, allow_plugins)
    asked = validation_plan(loaded, replicates, seed, engine, where=loaded.name)
    result = result_of(
        _run(
            loaded, replicates=asked.replicates, seed=asked.seed, engine=engine, workers=workers, progress=progress,
            published_size=asked.published_size, draws=draws_asked(loaded, parameters, asked.seed),
        )
    )  # fmt: skip
    return Validation(result, tuple(published_rows(result)))


@checked
def embed(
    scenario: ScenarioLike,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    set: Settings | None = None,
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> str:
    """The story of a scenario as one HTML page, for a course: it needs no server and no network.

    Parameters
    ----------
    scenario : str, path or Scenario
        A shipped scenario by name, a file, or what `load` returned.
    replicates : int, optional
        How many trials; the scenario's own number if left out, fewer where its patients are many or queue.
    seed : int, optional
        The seed of all random numbers; the scenario's own if left out.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    progress : callable, optional
        Called with the number of trials done since it was last called.
    allow_plugins : bool, default False
        Whether the file may name Python modules.

    Returns
    -------
    str
        The opening and every step of the scenario's `story:`, its numbers, curves and lanes computed beforehand.

    Raises
    ------
    ScenarioError
        Where the scenario cannot be read.
    UsageError
        Where it has no story, or a number is out of range.

    Examples
    --------
    >>> page = protocolsim.embed("maa_daclizumab", replicates=20)
    >>> page[:15], "<script src" in page
    ('<!doctype html>', False)
    """
    from protocolsim.report.story.page import story_page
    from protocolsim.study.arguments import replicates_and_seed
    from protocolsim.study.story_runs import StoryRuns, story_replicates

    loaded = scenario_of(scenario, set, allow_plugins)
    number, chosen = replicates_and_seed(loaded, story_replicates(loaded) if replicates is None else replicates, seed)
    return story_page(StoryRuns(loaded, replicates=number, seed=chosen, progress=progress))
