"""The results kept in a folder."""

from __future__ import annotations

from functools import cached_property
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from protocolsim.api.arguments import checked
from protocolsim.api.display import Figured, SvgFigure, html, presented
from protocolsim.api.results import Result, result_of
from protocolsim.errors import UsageError
from protocolsim.study import opened
from protocolsim.study.opened import open_study

if TYPE_CHECKING:
    pass

from protocolsim.api.results import OF_RUN

_SIMULATED = ("run", "validate")


class Study(Figured, opened.Study):
    """The results in a folder that ``--out`` wrote, which `open` returns. Tables are read when they are asked for.

    Attributes
    ----------
    folder : Path
        Where they are.
    manifest : Manifest
        `kind` (the command), `scenario`, `seed`, `replicates`, `engine`, `version`, and the checksum of each file.
    tables : tuple of str
        The names that `table` takes.
    subjects, observations, doses, moves, events : pandas.DataFrame
        The tables of a run, with the columns that `Result` has.
    looks, trials : pandas.DataFrame
        Likewise, of a scenario with looks at the accumulating data.
    summary : dict
        What the command's ``--json`` prints.
    result : Result
        Of ``run`` and ``validate``: the same study, simulated again to the same bits; it takes as long as it took.
    figures : tuple of str
        Of ``run`` and ``validate`` those of `Result` (drawn from `result`), else the figures in the folder.

    Methods
    -------
    table(name, columns=None)
        A table, or some of its columns.
    path(table)
        The Parquet file itself, checked, for polars, duckdb or R.
    scenario(allow_plugins=False)
        The scenario that gives these results again.
    figure(name=None)
        An altair chart, or the drawing that the folder keeps.

    Examples
    --------
    >>> study = protocolsim.open("results")  # doctest: +SKIP
    >>> study.table("observations", columns=["subject", "variable", "value"])  # doctest: +SKIP
    """

    @cached_property
    def result(self) -> Result:
        """The study simulated again. Raises UsageError where it is no run."""
        if self.manifest.kind not in _SIMULATED:
            raise UsageError(f"{self.folder}: {self.manifest.kind} has no result of one run; take its tables")
        from protocolsim.study.run import run

        kept = self.manifest
        return result_of(run(self.scenario(), replicates=kept.replicates, seed=kept.seed, engine=kept.engine))

    @property
    def figures(self) -> tuple[str, ...]:
        """The names that `figure` takes."""
        if self.manifest.kind in _SIMULATED:
            return tuple(OF_RUN)
        return tuple(sorted(name.removesuffix(".svg") for name in self.manifest.files if name.endswith(".svg")))

    @checked
    def figure(self, name: str | None = None) -> Any:
        """Draw a figure of a run, or take one from the folder.

        Parameters
        ----------
        name : str, optional
            One of `figures`; the first of them unless given.

        Returns
        -------
        altair.TopLevelMixin or SvgFigure
            A chart, or a drawing as SVG; a notebook shows both, and both have `.save(path)`.

        Raises
        ------
        UsageError
            For an unknown name (the message has the nearest), and for a file that is damaged or gone.
        """
        chosen = self._chosen(name)
        if self.manifest.kind in _SIMULATED:
            return self.result.figure(chosen)
        return SvgFigure(self._checked(f"{chosen}.svg").read_text(encoding="utf-8"))

    def _repr_html_(self) -> str:
        facts = f"{self.manifest.kind} of {self.manifest.scenario}, {self.manifest.replicates:,} trials, seed"
        tables = f"tables: {', '.join(self.tables)}" if self.tables else ""
        return html(str(self.folder), [f"{facts} {self.manifest.seed}", tables], None, self.figures)


@checked
def open(folder: str | PathLike[str]) -> Study:  # noqa: A001 - protocolsim.open
    """Open the finished results in a folder that a command wrote with ``--out``.

    Parameters
    ----------
    folder : str or Path
        Its path.

    Returns
    -------
    Study
        `tables`, `table(name)`, `summary`, `scenario()`, and figures.

    Raises
    ------
    UsageError
        Where there are no results, or where the manifest is damaged; a damaged table is refused when it is asked for.

    Examples
    --------
    >>> try:
    ...     protocolsim.open("nowhere")
    ... except protocolsim.UsageError as error:
    ...     print(error)
    nowhere: No such file or directory
    """
    return presented(Study, open_study(fspath(folder)))
