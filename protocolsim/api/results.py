"""What the simulating functions return: results with figures by name, tables, and HTML for notebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from protocolsim.api.arguments import checked
from protocolsim.api.display import Figured, html, offline, presented
from protocolsim.errors import UsageError, unknown
from protocolsim.study import result
from protocolsim.study.compare import DRAWN_COLUMNS, drawn_cell
from protocolsim.study.compare import Comparison as StudyComparison
from protocolsim.study.sweep import sweep
from protocolsim.study.validation import PublishedComparison as PublishedRow
from protocolsim.study.validation import as_json

if TYPE_CHECKING:
    import pandas as pd

    from protocolsim.arrays import Floats


_SHOWN = ["label", "value", "mcse", "lo", "median", "hi", "published"]


def _patients(shown: result.Result, replicate: int = 0) -> Any:
    from protocolsim.report.run.figures import patients_over_time

    return patients_over_time(shown, replicate)


def _swimmer(shown: result.Result, replicate: int = 0) -> Any:
    from protocolsim.report.run.swimmers import swimmers

    return swimmers(shown, replicate)


def _states(shown: result.Result) -> Any:
    from protocolsim.report.run.figures import through_states

    return through_states(shown)


def _flow(shown: result.Result) -> Any:
    from protocolsim.report.run.flow import flow

    return flow(shown)


def _published(shown: result.Result) -> Any:
    from protocolsim.report.run.figures import simulated_against_published

    return simulated_against_published(shown)


_OF_ONE_TRIAL: Mapping[str, Callable[..., Any]] = {"patients": _patients, "swimmer": _swimmer}


def _variance(shown: result.Result) -> Any:
    from protocolsim.report.parameters.figures import variance_shares

    return variance_shares(shown)


_OF_ALL_TRIALS: Mapping[str, Callable[..., Any]] = {
    "states": _states,
    "flow": _flow,
    "published": _published,
}


_OF_DRAWN_PARAMETERS: Mapping[str, Callable[..., Any]] = {"variance": _variance}


OF_RUN: Mapping[str, Callable[..., Any]] = {**_OF_ONE_TRIAL, **_OF_ALL_TRIALS}


class Result(Figured, result.Result):
    """The outcome of running a scenario, which `run` returns.

    Tables are made on first access, one row for each thing that happened, over all replicates; columns named
    ``truth_*`` hold what no clinic could know. Times are in days or minutes, as the column says.

    Attributes
    ----------
    scenario : Scenario
        What was run.
    seed : int
        The random seed.
    replicates : int
        How many trials were simulated.
    engine : str
        ``"batch"`` or ``"des"``.
    estimates : mapping of str to Estimate
        By endpoint or analysis: `value` (all replicates taken together), `mcse` (its Monte Carlo standard error), `lo`,
        `median` and `hi` (the 5th, 50th and 95th percentile of single trials), `n_undefined`, `n_replicates`, `unit`,
        `published`, `percentile` (0 to 100: where the published value lies among trials). Shares are 0 to 1. `lo` to
        `hi` is the sampling range at fixed parameters.
    levels : mapping of str to EmpiricalLevel
        Of ``run(..., companions=True)``, by analysis: how often it rejects in trials without an effect (`value`,
        `mcse`, `nominal`, `of`; where there are none, `reason`).
    drawn : Result or None
        As many trials with the uncertain parameters drawn (`run(..., parameters="plausible")`); `lo` to `hi` of its
        estimates is the prediction range, parameters included.
    shares : mapping of str to VarianceShares
        Of each endpoint, where parameters are drawn: which share of the variance of single trials is the `parameters`',
        the `trial`'s and the `patients`' (each with `share` and `error`), and by parameter (`first_order`).
    draws_frame : pandas.DataFrame
        Where parameters are drawn, one row for each such trial: `replicate`, `draw`, the value of each parameter
        (``parameter.NAME``), and what the trial would have reported (``value.ENDPOINT``).
    seconds : float
        How long it took.
    rows : int
        How many rows all tables have together.
    subjects, observations, doses, moves, events : pandas.DataFrame
        Every subject screened; every variable of every planned assessment; every planned dose (mg/kg) and what arrived
        (mg); every change of state with the reason in the rule's own words; every event with a clock of its own.
    looks, trials : pandas.DataFrame
        Of a scenario with looks at the accumulating data: every planned look of every trial, with what it read and what
        ended the trial there; and of every trial how it ended and what would have come.
    figures : tuple of str
        ``"patients"`` and ``"swimmer"`` (of one trial), ``"states"``, ``"flow"`` and ``"published"`` (of all); where
        parameters are drawn also ``"variance"``.

    Methods
    -------
    figure(name=None, *, replicate=0)
        An altair chart.
    table()
        The estimates as a frame.
    by_trial(name)
        An estimate in each trial by itself.
    page()
        The report as a self-contained HTML page.
    summary()
        What ``protocolsim run --json`` prints.

    Examples
    --------
    >>> result = protocolsim.run("ms_daclizumab", replicates=20)
    >>> sorted(result.figures)
    ['flow', 'patients', 'published', 'states', 'swimmer']
    >>> result.subjects["replicate"].nunique()
    20
    """

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {**OF_RUN, **_OF_DRAWN_PARAMETERS}

    @property
    def figures(self) -> tuple[str, ...]:
        """The names that `figure` takes."""
        return tuple(self._FIGURES if self.drawn is not None else OF_RUN)

    @checked
    def figure(self, name: str | None = None, *, replicate: int = 0) -> Any:
        """Draw a figure.

        Parameters
        ----------
        name : str, optional
            One of `figures`; the first of them unless given.
        replicate : int, default 0
            Which trial, counted from 0; for ``"patients"`` and ``"swimmer"``.

        Returns
        -------
        altair.TopLevelMixin
            An altair chart, which a notebook shows by itself and which has `.save(path)`.

        Raises
        ------
        UsageError
            For an unknown name (the message has the nearest), and where there is nothing to draw.
        """
        chosen = self._chosen(name)
        if chosen in _OF_ONE_TRIAL:
            return offline(self._FIGURES[chosen](self, replicate))
        return offline(self._FIGURES[chosen](self))

    @checked
    def by_trial(self, name: str) -> Floats:
        """An estimate in each trial by itself.

        Parameters
        ----------
        name : str
            An endpoint or analysis, as in `estimates`.

        Returns
        -------
        numpy.ndarray of float, shape (replicates,)
            In the order of the replicates; shares 0 to 1; nan where a trial has no value.

        Raises
        ------
        UsageError
            For an unknown name.
        """
        if name not in self.scenario.reported:
            raise UsageError(unknown("endpoint", name, self.scenario.reported))
        endpoint = self.scenario.reported[name]
        trials: Floats = endpoint.value(endpoint.completed(self.sums[name]))
        return trials

    def page(self) -> str:
        """The report, as ``protocolsim run --out`` writes it.

        Returns
        -------
        str
            A self-contained HTML page.
        """
        from protocolsim.report.run.page import page

        return page(self)

    def _repr_html_(self) -> str:
        trials = f"{self.replicates:,} simulated trials, seed {self.seed}, engine {self.engine}"
        return html(self.scenario.title, [trials], self.table()[_SHOWN], self.figures)


def result_of(inner: result.Result) -> Result:
    """A result and its companions in public dress."""
    beside = {name: presented(Result, other) for name, other in inner.companions.items()}
    drawn = None if inner.drawn is None else presented(Result, inner.drawn)
    return presented(Result, inner, companions=beside, drawn=drawn)


def _sweep_figure(shown: sweep.Sweep) -> Any:
    from protocolsim.report.sweep.figures import drawable, sweep_figure

    if not drawable(shown):
        raise UsageError("a sweep over more than two parameters is not drawn; take its frame")
    return sweep_figure(shown)


class Sweep(Figured, sweep.Sweep):
    """One scenario at every point of a grid of settings, which `sweep` returns.

    Attributes
    ----------
    own : Result
        The scenario at its own values, without tables.
    axes : tuple of Axis
        What is varied: `name`, `unit`, `values`, `own` (the scenario's own value in that unit, or None).
    outcomes : tuple of Outcome
        In the order of the grid: `values`, `settings`, `estimates` and `differences` by endpoint.
    frame : pandas.DataFrame
        One row for each point and endpoint. Columns: one for each parameter (in its unit), `estimate`, `label`,
        `value`, `mcse`, `lo`, `hi`, `median`, `n_undefined`, `difference` (from the scenario's own value),
        `difference_mcse` (its paired Monte Carlo standard error), `unit` and `published`. Shares are 0 to 1. Where
        parameters are drawn also `prediction_lo`, `prediction_hi`, `drawn_value`, `drawn_difference` and its error.
    figures : tuple of str
        ``"sweep"``, of one or two parameters.

    Methods
    -------
    figure(name=None)
        An altair chart.
    page()
        The report as a self-contained HTML page.
    summary()
        What ``protocolsim sweep --json`` prints.

    Examples
    --------
    >>> found = protocolsim.sweep("ms_daclizumab", {"response_threshold": "50%,75%"}, replicates=10)
    >>> found.frame["response_threshold"].unique().tolist()
    [50.0, 75.0]
    """

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {"sweep": _sweep_figure}

    def page(self) -> str:
        """The report, as ``protocolsim sweep --out`` writes it.

        Returns
        -------
        str
            A self-contained HTML page.
        """
        from protocolsim.report.sweep.page import sweep_page

        return sweep_page(self)

    def _repr_html_(self) -> str:
        varied = ", ".join(f"{a.name} at {len(a.values)} values" for a in self.axes)
        shown = self.frame.drop(columns=["label", "n_undefined"])
        return html(self.own.scenario.title, [f"{varied}; {self.own.replicates:,} trials each"], shown, self.figures)


def sweep_of(inner: sweep.Sweep) -> Sweep:
    """A sweep in public dress."""
    return presented(Sweep, inner, own=result_of(inner.own))


def _differences(shown: StudyComparison) -> Any:
    from protocolsim.report.comparison.figures import differences

    return differences(shown)


class Comparison(Figured, StudyComparison):
    """Two scenarios side by side, which `compare` returns.

    Attributes
    ----------
    a, b : Scenario
        The two.
    seed, replicates : int
        Of both.
    differences : tuple of Difference
        Each place at which the files differ: `path`, `a`, `b` (None where absent), `matters` (not only words).
    pairs : tuple of Pair
        Each endpoint of both: `name`, the estimates `a` and `b`, `difference` (B minus A; a share is 0 to 1) and
        `mcse`, its paired Monte Carlo standard error.
    only_a, only_b : tuple of str
        Endpoints that the other has not, or has of another kind.
    seconds : float
        How long it took.
    frame : pandas.DataFrame
        The pairs, one row each. Where parameters are drawn also `drawn_a`, `drawn_b`, `drawn_difference`, its
        `drawn_difference_mcse`, and `drawn_difference_sd`: how far the parameters leave the difference open.
    figures : tuple of str
        ``"differences"``.

    Methods
    -------
    figure(name=None)
        An altair chart.
    summary()
        What ``protocolsim compare --json`` prints.

    Examples
    --------
    >>> found = protocolsim.compare("ms_daclizumab", "ms_no_drug", replicates=10)
    >>> [place.path for place in found.differences if place.matters][0]
    'drugs.daclizumab.median_rate_ratio'
    """

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {"differences": _differences}

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each shared endpoint: `label`, `unit`, `a`, `b`, `difference`, `difference_mcse`."""
        import pandas as pd

        rows = {p.name: (p.a.label, p.a.unit, p.a.value, p.b.value, p.difference, p.mcse) for p in self.pairs}
        columns = ["label", "unit", "a", "b", "difference", "difference_mcse"]
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        for column in DRAWN_COLUMNS if any(p.drawn is not None for p in self.pairs) else ():
            frame[column] = [drawn_cell(p, column) for p in self.pairs]
        return frame

    def _repr_html_(self) -> str:
        matters = [f"{d.path}: {d.a} / {d.b}" for d in self.differences if d.matters]
        return html(f"{self.a.title} (A) and {self.b.title} (B)", matters, self.frame, self.figures)


def _validated(shown: Validation) -> Any:
    return _published(shown.result)


@dataclass(frozen=True)
class Validation(Figured):
    """Published results among simulated trials, which `validate` returns.

    Attributes
    ----------
    result : Result
        The run that they are held against.
    rows : tuple
        One for each published result: `estimate`, `published`, `interval` (the exact 95 % confidence interval of a
        published count, else None), `verdict` (``"inside"``, ``"outside"`` or ``"undefined"``), `within_error` (whether
        the Monte Carlo error of an end of the range could turn it), `range`, `size` (the published denominator of the
        trials it is judged among, else None), `why_not` and `evidence`.
    frame : pandas.DataFrame
        The same by endpoint. Columns: `label`, `among`, `unit`, `published`, `published_as`, `exact_low`,
        `exact_high`, `simulated`, `mcse`, `lo`, `hi`, `percentile`, `verdict`, `range_used` (which range the verdict
        rests on), `width`, `fixed_lo`, `fixed_hi` (the range at fixed parameters, if another), `within_error_of_end`,
        `lo_error_low`, `lo_error_high`, `hi_error_low`, `hi_error_high` (the 95 % intervals of both ends), `holds` (the
        share of trials that the range really holds), `trials_of`, `why_not_of_published_size`, `same_as`, `role`,
        `evidence`, `source`, `mark` and `note`. Shares are 0 to 1, percentiles 0 to 100.
    figures : tuple of str
        ``"published"``.

    Methods
    -------
    figure(name=None)
        An altair chart.
    summary()
        What ``protocolsim validate --json`` prints.

    Examples
    --------
    >>> found = protocolsim.validate("ms_daclizumab", replicates=50)
    >>> found.frame.loc["controlled_on_monotherapy", ["published_as", "role"]].tolist()
    ['9/13', 'fitted']
    """

    result: Result
    rows: tuple[PublishedRow, ...]

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {"published": _validated}

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each published result."""
        import pandas as pd

        return pd.DataFrame.from_dict({row.estimate.name: as_json(row) for row in self.rows}, orient="index")

    def summary(self) -> dict[str, Any]:
        """As ``protocolsim validate --json`` prints it; None for undefined.

        Returns
        -------
        dict
            The facts of the run, and `rows` by endpoint.
        """
        facts = {key: value for key, value in self.result.summary().items() if key != "estimates"}
        return facts | {"rows": {row.estimate.name: as_json(row) for row in self.rows}}

    def _repr_html_(self) -> str:
        columns = ["label", "published_as", "simulated", "lo", "hi", "percentile", "verdict", "role"]
        return html(self.result.scenario.title, [], self.frame[columns], self.figures)
