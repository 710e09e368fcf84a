"""The verbs that look at a protocol before anybody is simulated, and at one patient afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

from protocolsim.api.display import Figured, Picture, html, presented
from protocolsim.api.given import ScenarioLike, Settings, scenario_of
from protocolsim.api.simulate import run
from protocolsim.errors import ScenarioError, UsageError, unknown
from protocolsim.report.patient import story
from protocolsim.report.protocol import synopsis
from protocolsim.report.protocol.diagram import diagram as _diagram
from protocolsim.scenario import check as checks
from protocolsim.scenario.scenario import Scenario
from protocolsim.study import result
from protocolsim.study.conduct import Workers

if TYPE_CHECKING:
    import pandas as pd


def _state_chart(shown: Check) -> Any:
    assert shown.scenario is not None
    drawn = _diagram(shown.scenario, "svg")
    return Picture(str(drawn))


@dataclass(frozen=True)
class Check(Figured, checks.Checked):
    """What can be said of a scenario before anybody is simulated, which `check` returns.

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


class Synopsis(synopsis.Synopsis):
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

    Methods
    -------
    page()
        All of it as a self-contained HTML page.
    summary()
        What ``protocolsim describe --json`` prints.

    Examples
    --------
    >>> "Decision rules" in protocolsim.describe("ms_daclizumab").sections
    True
    """

    def _repr_html_(self) -> str:
        return html(self.title, []) + self.html


class Trace(story.Trace):
    """One patient's story, which `trace` returns.

    Attributes
    ----------
    heading, who : str
        Of which subject of which trial; traits and enrolment.
    words : tuple of str
        What the names in it mean.
    lines : tuple of Line
        One for each sentence, in order: `minute`, `kind` (``"visit"``, ``"event"``, ``"decision"``, ``"stay"``),
        `text` and `others` (the other ways of a decision).
    end, note : str
        How it ended; what cannot be learnt from it.
    text : str
        The whole story.
    life : Life
        The same as data.
    frame : pandas.DataFrame
        One row for each sentence: `week` (since enrolment), `kind`, `text`.
    figures : tuple of str
        ``"story"``.

    Methods
    -------
    figure(name=None)
        An altair chart.
    page()
        Figure and story as a self-contained HTML page.
    summary()
        What ``protocolsim trace --json`` prints.

    Examples
    --------
    >>> told = protocolsim.trace("ms_daclizumab")
    >>> told.lines[0].kind
    'visit'
    """

    @property
    def figures(self) -> tuple[str, ...]:
        """The names that `figure` takes."""
        return ("story",)

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each sentence."""
        import pandas as pd

        rows = [(line["week"], line["kind"], line["text"]) for line in self.summary()["story"]]
        return pd.DataFrame(rows, columns=["week", "kind", "text"])

    def figure(self, name: str | None = None) -> Any:
        """Draw the story.

        Parameters
        ----------
        name : str, optional
            One of `figures`.

        Returns
        -------
        altair.TopLevelMixin
            An altair chart, which a notebook shows by itself and which has `.save(path)`.

        Raises
        ------
        UsageError
            For an unknown name.
        """
        if name is not None and name not in self.figures:
            raise UsageError(unknown("figure", name, self.figures))
        return super().figure()

    def _repr_html_(self) -> str:
        lines = [self.who, *(line.text for line in self.lines), self.end, self.note]
        return html(self.heading, lines, None, self.figures)


def load(name_or_path: str | PathLike[str], *, set: Settings | None = None, allow_plugins: bool = False) -> Scenario:
    """Read and check a scenario.

    Parameters
    ----------
    name_or_path : str or Path
        The name of a shipped one (see `scenarios`), or the path of a YAML file.
    set : mapping of str to value, optional
        Values to change, by name: one of the scenario's parameters (``"response_threshold"``), a parameter of its
        disease or drugs (``"daclizumab.half_effect_concentration"``), or a dotted path (``"cohort.size"``,
        ``"protocol.transitions[2].when"``). A quantity is a number, or a text with its unit (``"50 %"``).
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:YourClass``).

    Returns
    -------
    Scenario
        Checked, immutable, ready to run.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    UsageError
        For what cannot be found or set.

    Examples
    --------
    >>> protocolsim.load("ms_daclizumab", set={"cohort.size": 20}).trial.cohort.size
    20
    """
    return scenario_of(name_or_path, set, allow_plugins)


def scenarios() -> list[str]:
    """List the scenarios that come with the package.

    Parameters
    ----------
    None

    Returns
    -------
    list of str
        Their names, sorted; every function takes them.

    Raises
    ------
    None

    Examples
    --------
    >>> "ms_daclizumab" in protocolsim.scenarios()
    True
    """
    from protocolsim.scenario.file.library import names

    return names()


def schema() -> dict[str, Any]:
    """Give the JSON Schema of a scenario file, for editors.

    Parameters
    ----------
    None

    Returns
    -------
    dict
        The schema (draft 2020-12).

    Raises
    ------
    None

    Examples
    --------
    >>> protocolsim.schema()["$schema"]
    'https://json-schema.org/draft/2020-12/schema'
    """
    from protocolsim.scenario.json_schema import json_schema

    return json_schema()


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
        Whether to load code that the file names (``your.module:YourClass``).

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


def describe(scenario: ScenarioLike, *, set: Settings | None = None, allow_plugins: bool = False) -> Synopsis:
    """Describe a scenario in English: the synopsis of its protocol, written from the file.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:YourClass``).

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
        Whether to load code that the file names (``your.module:YourClass``).

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


def trace(
    scenario: ScenarioLike,
    subject: int | None = None,
    *,
    replicate: int = 0,
    seed: int | None = None,
    engine: str = "auto",
    truth: bool = False,
    set: Settings | None = None,
    allow_plugins: bool = False,
) -> Trace:
    """Tell one patient's story: every visit and decision with its numbers, and the other way.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    subject : int, optional
        Which patient, counted from 0 in the order of screening; the first who is enrolled unless given.
    replicate : int, default 0
        Of which trial, counted from 0.
    seed : int, optional
        The random seed, from 0; the scenario's own unless given.
    engine : {"auto", "batch", "des"}, default "auto"
        "batch" is fast, "des" is the reference; "auto" takes the fast one where it can run the trial.
    truth : bool, default False
        Whether to tell what no clinic could know, too.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:YourClass``).

    Returns
    -------
    Trace
        The story: `text`, `lines`, `frame`, `page()`, and the figure ``"story"``.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    SimulationError
        Where a cohort cannot be filled.
    UsageError
        For impossible arguments, and for what cannot be found or set;
        also where there is no such subject or replicate.

    Examples
    --------
    >>> print(protocolsim.trace("ms_daclizumab").heading)
    Subject 1 of replicate 0: Daclizumab where interferon beta fails (NCT00001934)
    """
    loaded = scenario_of(scenario, set, allow_plugins)
    return presented(Trace, story.trace(loaded, subject, replicate=replicate, seed=seed, engine=engine, truth=truth))
