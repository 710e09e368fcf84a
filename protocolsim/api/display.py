"""How results show themselves in a notebook: figures by name, and tables as HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from protocolsim.api.arguments import checked
from protocolsim.errors import UsageError, unknown
from protocolsim.text.html import unescaped, words

if TYPE_CHECKING:
    import pandas as pd

Shown = TypeVar("Shown")

_MOST_ROWS = 60
_DIGITS = 4


def presented(kind: type[Shown], inner: Any, **changed: Any) -> Shown:
    """The same object, number by number, as its public class, which adds figures and HTML and nothing else."""
    made = object.__new__(kind)
    # Past __init__ and past frozen: the object was checked when it was first made, and is the same.
    vars(made).update({**vars(inner), **changed})
    return made


def offline(chart: Any) -> Any:
    """A chart that a notebook shows as SVG, whatever its renderers: without a script from a network, and kept with it.

    A chart that is derived from it is altair's own again.
    """
    if not isinstance(chart, SvgFigure):
        # Past altair, for which every attribute is a word of Vega-Lite.
        vars(chart)["_repr_mimebundle_"] = partial(_as_svg, chart)
    return chart


def _as_svg(chart: Any, **_asked: object) -> dict[str, str]:
    from protocolsim.report.style.figures import Drawing, alternative
    from protocolsim.report.style.stylesheet import for_notebook

    return {"image/svg+xml": for_notebook(Drawing.of(chart).svg), "text/plain": alternative(chart)}


class Figured:
    """What has figures.

    Attributes
    ----------
    figures : tuple of str
        The names that `figure` takes.
    """

    _FIGURES: ClassVar[Mapping[str, Callable[..., Any]]] = {}

    @property
    def figures(self) -> tuple[str, ...]:
        """The names that `figure` takes."""
        return tuple(self._FIGURES)

    @checked
    def figure(self, name: str | None = None) -> Any:
        """Draw a figure.

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
            For an unknown name (the message has the nearest), and where there is nothing to draw.
        """
        return offline(self._FIGURES[self._chosen(name)](self))

    def _chosen(self, name: str | None) -> str:
        known = self.figures
        if not known:
            raise UsageError("there is nothing to draw here")
        if name is None:
            return known[0]
        if name not in known:
            raise UsageError(unknown("figure", name, known, limit=len(known)))
        return name


class SvgFigure:
    """A drawing as SVG, which a notebook shows by itself.

    Attributes
    ----------
    svg : str
        The text of the drawing.
    """

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def __repr__(self) -> str:
        named = re.search('aria-label="([^"]*)"', self.svg)
        return unescaped(named[1]) if named else "A drawing"

    def _repr_svg_(self) -> str:
        from protocolsim.report.style.stylesheet import for_notebook

        return for_notebook(self.svg)

    @checked
    def save(self, path: str | Path) -> Path:
        """Write the drawing.

        Parameters
        ----------
        path : str or Path
            A file that ends in ``.svg``.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        UsageError
            For another ending.
        """
        target = Path(path)
        if target.suffix.lower() != ".svg":
            raise UsageError(f"'{target.name}': this drawing is written as .svg only")
        target.write_text(self.svg, encoding="utf-8")
        return target


def html(title: str, lead: Sequence[str], frame: pd.DataFrame | None = None, figures: Sequence[str] = ()) -> str:
    """A heading, sentences, a table (of a long one the beginning) and the names of the figures, all escaped."""
    parts = [f"<h4>{words(title)}</h4>", *(f"<p>{words(line)}</p>" for line in lead if line)]
    if frame is not None:
        parts.append(_table(frame))
    if figures:
        parts.append(f"<p>figures: {words(', '.join(figures))}</p>")
    return f"<div>{''.join(parts)}</div>"


def _table(frame: pd.DataFrame) -> str:
    head = "".join(f"<th>{words(str(column))}</th>" for column in frame.columns)
    shown = frame.head(_MOST_ROWS)
    rows = [
        f"<tr><th>{words(str(index))}</th>{''.join(f'<td>{words(_cell(v))}</td>' for v in row)}</tr>"
        for index, row in zip(shown.index, shown.itertuples(index=False), strict=True)
    ]
    more = len(frame) - len(shown)
    rest = f"<p>and {more:,} more rows</p>" if more else ""
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{rest}"


def _cell(value: object) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
