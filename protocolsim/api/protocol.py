"""The verbs that look at a protocol without a simulation: check, describe, diagram."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from protocolsim.api.arguments import checked
from protocolsim.api.display import Figured, SvgFigure, html, presented
from protocolsim.api.simulate import run
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.report.protocol import synopsis
from protocolsim.report.protocol.diagram import diagram as _diagram
from protocolsim.scenario import check as checks
from protocolsim.scenario.load import ScenarioLike, Settings, scenario_of
from protocolsim.scenario.scenario import Scenario
from protocolsim.study import result
from protocolsim.study.conduct import Workers

if TYPE_CHECKING:
    import pandas as pd


def _state_chart(shown: Check | Synopsis) -> Any:
    assert shown.scenario is not None
    drawn = _diagram(shown.scenario, "svg")
    return SvgFigure(str(drawn))


@dataclass(frozen=True)
class Check(Figured, checks.Checked):
    """What can be said of a scenario without a simulation, which `check` returns.

    Attributes
    ----------
    source : str
        The file, or the name.
    findings : tuple of Finding
        In the order of severity and of the file: `line` and `column` (from 1; 0: no place), `path`, `severity`
        (``"fault"``, ``"warning"``, ``"note"``), `kind`, `message`, `patient` (a counterexample) and `possible`.
    given_up : tuple of str
        What could not be decided.
    sound : bool
        Whether there is no fault, so that the scenario can be run; warnings and notes may stand.
    frame : pandas.DataFrame
        The findings, one row each: `line`, `column`, `path`, `severity`, `kind`, `message`.
    scenario : Scenario or None
        The scenario, where it loads.
    figures : tuple of str
        ``"diagram"`` where it loads, else none.

    Methods
    -------
    count(severity)
        How many findings are so bad.
    summary()
        What ``protocolsim check --json`` prints, with every path.
    figure(name=None)
        The state chart.

    Examples
    --------
    >>> found = protocolsim.check("ms_daclizumab")
    >>> found.sound, found.count("fault")
    (True, 0)
    """

    scenario: Scenario | None = None

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {"diagram": _state_chart}

    @property
    def figures(self) -> tuple[str, ...]:
        """The names that `figure` takes."""
        return () if self.scenario is None else tuple(self._FIGURES)

    @property
    def sound(self) -> bool:
        """Whether there is no fault."""
        return self.count("fault") == 0

    @property
    def frame(self) -> pd.DataFrame:
        """The findings, one row each."""
        import pandas as pd

        columns = ["line", "column", "path", "severity", "kind", "message"]
        return pd.DataFrame([[getattr(f, c) for c in columns] for f in self.findings], columns=columns)

    def summary(self) -> dict[str, Any]:
        """As ``protocolsim check --json`` prints it.

        Returns
        -------
        dict
            `counts`, `findings`, `given_up` and `paths`.
        """
        return self.as_dict()

    def __str__(self) -> str:
        from protocolsim.report.protocol.check_console import verdict

        lines = [f"{self.source}: {verdict(self)}"]
        for f in self.findings:
            where = f"line {f.line}, column {f.column}  " if f.line else ""
            lines.append(f"  {f.severity:<8} {where}{f.path + ': ' if f.path else ''}{f.message}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from protocolsim.report.protocol.check_console import verdict

        return html(self.source, [verdict(self)], self.frame if self.findings else None, self.figures)


class Synopsis(Figured, synopsis.Synopsis):
    """The synopsis of a protocol in English, which `describe` returns.

    Attributes
    ----------
    scenario : Scenario
        What is described.
    title : str
        Its title.
    sections : mapping of str to tuple of str
        Sentences by heading, in the order in which protocols have them.
    text : str
        All of it as Markdown.
    html : str
        The sections as HTML, with the schedule of assessments as its table.
    figures : tuple of str
        ``"diagram"``.

    Methods
    -------
    figure(name=None)
        The state chart.
    page()
        All of it as a self-contained HTML page.
    summary()
        What ``protocolsim describe --json`` prints.

    Examples
    --------
    >>> told = protocolsim.describe("ms_daclizumab")
    >>> "Decision rules" in told.sections
    True
    """

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {"diagram": _state_chart}

    def _repr_html_(self) -> str:
        return html(self.title, [], None, self.figures) + self.html


@checked
def check(scenario: ScenarioLike, *, set: Settings | None = None, allow_plugins: bool = False) -> Check:
    """Prove what a scenario's rules do for every patient, and list every path through it.

    A faulty file is no error here: what is wrong with it are findings.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    Check
        `findings` with line, severity and message, `sound`, `frame`; `print` shows them as text.

    Raises
    ------
    UsageError
        For what cannot be found or set, and for nothing else.

    Examples
    --------
    >>> print(protocolsim.check("ms_daclizumab", set={"cohort.size": -1}))
    ms_daclizumab: 1 fault; the file cannot be run, and nothing further was looked at
      fault    cohort.size: -1 is below 1 (subjects) (from --set)
    """
    try:
        loaded = scenario_of(scenario, set, allow_plugins)
    except ScenarioError as error:
        return presented(Check, checks.refused(error), scenario=None)
    return presented(Check, checks.check_scenario(loaded), scenario=loaded)


@checked
def describe(scenario: ScenarioLike, *, set: Settings | None = None, allow_plugins: bool = False) -> Synopsis:
    """Describe a scenario in English: the synopsis of its protocol, written from the file.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    Synopsis
        `sections` of sentences, `text` (Markdown), `html`, `page()`.

    Raises
    ------
    ScenarioError
        For faults of the file.
    UsageError
        For what cannot be found or set.

    Examples
    --------
    >>> print(protocolsim.describe("ms_daclizumab").text.splitlines()[0])
    # Daclizumab where interferon beta fails (NCT00001934)
    """
    return presented(Synopsis, synopsis.describe(scenario_of(scenario, set, allow_plugins)))


@checked
def diagram(
    scenario: ScenarioLike,
    format: str = "mermaid",
    *,
    counts: bool | result.Result = False,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    workers: Workers = 1,
    set: Settings | None = None,
    allow_plugins: bool = False,
) -> str | bytes:
    """Draw a scenario's states and the rules between them.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    format : {"mermaid", "dot", "svg", "png", "html"}, default "mermaid"
        What to write; "html" is a page with the schedule of assessments too.
    counts : bool or Result, default False
        Whether to run the scenario and count its subjects on each arrow; or a run of it to count.
    replicates : int, optional
        With ``counts=True``: how many trials; the scenario's own number unless given.
    seed : int, optional
        With ``counts=True``: the random seed; the scenario's own unless given.
    engine : {"auto", "batch", "des"}, default "auto"
        With ``counts=True``: as for `run`.
    workers : int, str or Executor, default 1
        With ``counts=True``: as for `run`.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    str or bytes
        The text of the drawing; bytes for "png".

    Raises
    ------
    ScenarioError
        For faults of the file.
    UsageError
        For an unknown format, for what cannot be found or set, for a run of another scenario, and for `replicates` or
        `seed` without ``counts=True``.
    SimulationError
        Where a cohort cannot be filled.

    Examples
    --------
    >>> print(protocolsim.diagram("ms_daclizumab").splitlines()[0])
    stateDiagram-v2
    """
    loaded = scenario_of(scenario, set, allow_plugins)
    if counts is not True and (replicates is not None or seed is not None):
        raise UsageError("replicates and seed say nothing without counts=True")
    if counts is True:
        counts = run(loaded, replicates=replicates, seed=seed, engine=engine, workers=workers)
    return _diagram(loaded, format, counts=counts or None)
