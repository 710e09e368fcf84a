"""One patient's story."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocolsim.api.arguments import checked
from protocolsim.api.display import html, offline, presented
from protocolsim.errors import UsageError, unknown
from protocolsim.report.patient import story
from protocolsim.scenario.load import ScenarioLike, Settings, scenario_of

if TYPE_CHECKING:
    import pandas as pd


class Trace(story.Trace):
    """One patient's story, which `trace` returns.

    Attributes
    ----------
    heading, patient : str
        Which subject of which trial; traits and enrolment.
    words : tuple of str
        What the names in it mean.
    lines : tuple of Line
        One for each sentence, in order: `minute`, `kind` (``"visit"``, ``"event"``, ``"decision"``, ``"stay"``),
        `text` and `others` (the other branches of a decision).
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
    >>> story = protocolsim.trace("ms_daclizumab")
    >>> story.lines[0].kind
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

    @checked
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
        from protocolsim.report.patient.figures import trace_figure

        return offline(trace_figure(self))

    def page(self) -> str:
        """Figure and story as one self-contained HTML page.

        Returns
        -------
        str
            HTML that loads nothing from anywhere.
        """
        from protocolsim.report.patient.page import trace_page

        return trace_page(self)

    def _repr_html_(self) -> str:
        lines = [self.patient, *(line.text for line in self.lines), self.end, self.note]
        return html(self.heading, lines, None, self.figures)


@checked
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
    """Tell one patient's story: every visit and decision with its numbers, and the other branch.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file.
    subject : int, optional
        Which patient, counted from 0 in the order of screening; the first enrolled unless given.
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
        Whether to load code that the file names (``your.module:COMPONENT``).

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
    Patient 1 of trial 0: Daclizumab where interferon beta fails (NCT00001934)
    """
    loaded = scenario_of(scenario, set, allow_plugins)
    return presented(Trace, story.trace(loaded, subject, replicate=replicate, seed=seed, engine=engine, truth=truth))
