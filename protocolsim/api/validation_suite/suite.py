"""Every published result of the validation suite, with what the whole comes to."""

from __future__ import annotations

from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocolsim.api.arguments import checked
from protocolsim.api.display import html, presented
from protocolsim.engine.base import Progress
from protocolsim.study.conduct import Workers
from protocolsim.study.suite import suite as inner
from protocolsim.study.suite.suite import run_suite, suite_plan
from protocolsim.study.suite.totals import summary

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ["label", "published_as", "median", "lo", "hi", "width_on_scale", "percentile", "verdict", "score", "role"]


class ValidationSuite(inner.Suite):
    """Published results of many trials among simulated ones, which `validate_all` returns.

    Attributes
    ----------
    rows : tuple
        One for each published result: `scenario`, `compared` (the row as `Validation` has it), `datum` (the name of
        the row whose datum it is), `trials` (its value in each simulated trial), `scale` (``"points"``, ``"log"`` or
        None), `own` and `naive` (the simulated range and that of the naive reference, each with `width` and `score`),
        `left_out` (what the other published results say of it, where parameters were drawn).
    frame : pandas.DataFrame
        The same, one row each, by scenario and endpoint: the columns of `Validation.frame`, `median`, `scale`,
        `width_on_scale`, `score`, `naive_lo`, `naive_hi`, `naive_score`, and `without_it_lo`, `without_it_median`,
        `without_it_hi`, `without_it_percentile`, `without_it_by`, `without_it_draws`, `without_it_beyond`,
        `without_it_inside` (undefined where parameters were fixed).
    totals : pandas.DataFrame
        By role and of all: `data`, `inside` and `coverage`, the mean interval `score` beside that of the `naive`
        reference over the `scored` data that have both, their mean `width`, and how many of the `predicted` data lie
        in what the others say of them. A datum that is said twice counts once.
    members : mapping of str to mapping
        Seed and replicates of each scenario.
    seconds : float
        How long it took.

    Methods
    -------
    summary()
        What ``protocolsim validate --all --json`` prints.
    page()
        The report as a self-contained HTML page.

    Examples
    --------
    >>> suite = protocolsim.validate_all(parameters="plausible")  # doctest: +SKIP
    >>> suite.frame[["published_as", "lo", "hi", "width_on_scale", "verdict"]]  # doctest: +SKIP
    """

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each published result."""
        import pandas as pd

        return pd.DataFrame(self._summary["rows"]).set_index(["scenario", "endpoint"])

    @cached_property
    def totals(self) -> pd.DataFrame:
        """One row for each role, and one for all."""
        import pandas as pd

        return pd.DataFrame.from_dict(self._summary["totals"], orient="index")

    @cached_property
    def _summary(self) -> dict[str, Any]:
        return summary(self)

    def summary(self) -> dict[str, Any]:
        """As ``protocolsim validate --all --json`` prints it; None for undefined.

        Returns
        -------
        dict
            `suite`, `version`, `engine`, `nominal_coverage`, `scenarios`, `totals` and `rows`.
        """
        return self._summary

    def page(self) -> str:
        """The report, as ``protocolsim validate --all --out`` writes it.

        Returns
        -------
        str
            A self-contained HTML page.
        """
        from protocolsim.report.suite.files import suite_page

        return suite_page(self)

    def _repr_html_(self) -> str:
        from protocolsim.report.suite.summary import sentences

        return html("Published results against simulated trials", sentences(self._summary), self.frame[_SHOWN])


@checked
def validate_all(
    suite: str | PathLike[str] | None = None,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    parameters: str = "fixed",
    workers: Workers = 1,
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> ValidationSuite:
    """Set every published result of the validation suite among simulated trials, with coverage and interval scores.

    The suite are small scenarios of published trials (`protocolsim list --all` names them) and the shipped scenarios
    that have published results of their own.

    Parameters
    ----------
    suite : str or Path, optional
        A folder of scenario files with published results, in place of the suite that comes with the package.
    replicates : int, optional
        How many trials of each scenario; unless given 600, or of larger cohorts as many as have 30,000 patients, and
        never fewer than the scenario's own number.
    seed : int, optional
        A seed from which each scenario's own is made, with its name; unless given each has the seed of its file.
    engine : {"auto", "batch", "des"}, default "auto"
        "batch" is fast, "des" is the reference; "auto" takes the fast one where it can run the trial.
    parameters : {"fixed", "plausible"}, default "fixed"
        "plausible": also draw the parameters that are uncertain from their plausible ranges, for each pair of trials,
        the same in all scenarios of a model; verdicts are then of the prediction range, and each published result is
        predicted from the others.
    workers : int, str or Executor, default 1
        How many processes; -1 for one on each core, "auto" for as many as pay. The numbers are the same for any.
    progress : callable, optional
        Called with the number of trials done since it was last called.
    allow_plugins : bool, default False
        Whether to load code that the files name (``your.module:COMPONENT``).

    Returns
    -------
    ValidationSuite
        `rows` and `frame` (one for each published result), and `totals`.

    Raises
    ------
    ScenarioError
        For faults of a file, all of them at once.
    SimulationError
        Where a cohort cannot be filled.
    UsageError
        For impossible arguments, and for a folder without published results.

    Examples
    --------
    >>> suite = protocolsim.validate_all(replicates=4)
    >>> suite.frame.loc[("ms_wynn_2010", "low_over_placebo"), ["published_as", "role"]].tolist()
    ['0.75', 'fitted']
    """
    folder = None if suite is None else Path(fspath(suite))
    plan = suite_plan(
        folder, replicates=replicates, seed=seed, engine=engine, parameters=parameters, allow_plugins=allow_plugins
    )
    return presented(ValidationSuite, run_suite(plan, workers=workers, progress=progress))
