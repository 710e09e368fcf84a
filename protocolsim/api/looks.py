"""One trial's looks at the accumulating data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocolsim.api.arguments import checked
from protocolsim.api.display import html, offline, presented
from protocolsim.errors import UsageError, unknown
from protocolsim.report.looks import story
from protocolsim.scenario.load import ScenarioLike, Settings, scenario_of

if TYPE_CHECKING:
    import pandas as pd


class Looks(story.LooksStory):
    """One trial's looks at the accumulating data as a story, which `looks` returns.

    Attributes
    ----------
    heading, lead : str, tuple of str
        Which trial; how many looks were planned and held, and how it ended.
    looks : tuple of LookLines
        One for each look that was held: `heading`, `why`, `known`, `read`, `tried`, `decided`, and `lines`, all of
        these in order.
    after, if_not : tuple of str
        What became of the trial once it was decided; what would have come at the later looks had it gone on.
    note : str
        What cannot be learnt from it.
    text : str
        The whole story.
    of : TrialLooks
        The same as data, with the records of the trial as it was (`final`) and had it gone on (`full`).
    frame : pandas.DataFrame
        One row for each look that was held or (`as_if`) would have come: weeks of the trial's calendar, how many were
        screened, enrolled, in screening and in the pipeline, each value that its rules read, each boundary, and the
        conclusion.
    figures : tuple of str
        ``"calendar"``, ``"enrolment"``, and ``"boundaries"`` where a statistic is compared with one.

    Methods
    -------
    figure(name=None)
        An altair chart.
    page()
        Figures and story as a self-contained HTML page.
    summary()
        What ``protocolsim looks --json`` prints.

    Examples
    --------
    >>> looks = protocolsim.looks("ms_two_stage", replicate=4)
    >>> looks.looks[0].tried[0].text
    'stop for futility, when successes <= 30 % * followed: 3 <= 30 % * 10 holds'
    """

    @property
    def figures(self) -> tuple[str, ...]:
        """The names that `figure` takes."""
        from protocolsim.report.looks.frames import bounded

        return ("calendar", "enrolment", *(("boundaries",) if bounded(self.of.design) else ()))

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each look that was held or would have come."""
        return self.table

    @checked
    def figure(self, name: str | None = None) -> Any:
        """Draw this trial.

        Parameters
        ----------
        name : str, optional
            One of `figures`; the first of them unless given.

        Returns
        -------
        altair.TopLevelMixin
            An altair chart, which a notebook shows by itself and which has `.save(path)`.

        Raises
        ------
        UsageError
            For an unknown name, and where there is nothing to draw.
        """
        from protocolsim.report.looks import figures, one_trial

        if name is not None and name not in self.figures:
            raise UsageError(unknown("figure", name, self.figures))
        if name == "boundaries":
            return offline(figures.boundaries_of_one(None, self.of))
        draw = one_trial.enrolment if name == "enrolment" else one_trial.calendar_swimmers
        return offline(draw(self.of))

    def page(self) -> str:
        """Figures and story as one self-contained HTML page.

        Returns
        -------
        str
            HTML that loads nothing from anywhere.
        """
        from protocolsim.report.looks.page import looks_page

        return looks_page(self)

    def _repr_html_(self) -> str:
        lines = [*self.lead]
        for look in self.looks:
            lines += [look.heading, *look.lines]
        return html(self.heading, [*lines, *self.after, *self.if_not, self.note], self.table, self.figures)


@checked
def looks(
    scenario: ScenarioLike,
    *,
    replicate: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    set: Settings | None = None,
    allow_plugins: bool = False,
) -> Looks:
    """Tell one trial's looks: when each was held, what it knew, read and decided, and what would have come.

    Parameters
    ----------
    scenario : Scenario, str or Path
        A scenario as loaded, the name of a shipped one, or the path of a file; it must declare looks (`interim:`).
    replicate : int, optional
        Which trial, counted from 0; the first that was stopped early unless given, or else the first.
    seed : int, optional
        The random seed, from 0; the scenario's own unless given.
    engine : {"auto", "batch", "des"}, default "auto"
        "batch" is fast, "des" is the reference; "auto" takes the fast one where it can run the trial.
    set : mapping of str to value, optional
        Values to change, by name, as for `load`.
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    Looks
        The story: `text`, `looks`, `frame`, `page()`, and figures.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    SimulationError
        Where a cohort cannot be filled.
    UsageError
        For impossible arguments, and for what cannot be found or set;
        also where no looks are declared, or there is no such replicate.

    Examples
    --------
    >>> looks = protocolsim.looks("ms_two_stage")
    >>> print(looks.lead[0])
    2 looks planned, 1 held. At stage 1 the trial is stopped for futility.
    """
    loaded = scenario_of(scenario, set, allow_plugins)
    return presented(Looks, story.looks(loaded, replicate, seed=seed, engine=engine))
