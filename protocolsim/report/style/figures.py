"""How every figure looks, the words it carries, and how it is written to a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from protocolsim.errors import UsageError
from protocolsim.report.style.text_width import FONT
from protocolsim.text.html import ScriptJSON, inked, inlined, xml

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd
    from markupsafe import Markup

# Okabe and Ito 2008: told apart by people with any of the common colour deficiencies.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#8A8F96"
BROWN = "#8a5a2b"  # in the place of their yellow, in which no line can be read on white
ROLE_TINTS = {"checked": BLUE, "fitted": ORANGE, "not independent": GREEN}
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, GREY, BROWN)
# How courses end is no treatment and no alarm: greys of their own, told apart by lightness.
ENDS = ("#6f7782", "#b4bac2", "#474e58", "#94897b", "#d6d0c6")
# What is said of a rule is no treatment either.
MULBERRY, OLIVE = "#a4478f", "#8a8a2b"
# The page exchanges these two for its own colours, so that figures can be read in the dark.
INK, FAINT = "#1b1f24", "#d3d7dc"
_INKS = {INK: "var(--ink)", FAINT: "var(--line)"}


# The name of what is read under the pointer, by which a page finds it.
READING = "reading"
# Between the lines of what a mark says of itself.
SEPARATOR = " \u00b7 "


class Drawing:
    """A chart that is written in several forms: to spell it out takes longer than to draw it, and is done once."""

    def __init__(self, chart: Any) -> None:
        self.chart = chart

    @classmethod
    def of(cls, chart: Any) -> Drawing:
        """The drawing of a chart, or the drawing itself."""
        return chart if isinstance(chart, cls) else cls(chart)

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The chart in Vega-Lite. Whoever changes it changes a copy."""
        import altair as alt

        with alt.data_transformers.disable_max_rows():
            # What is drawn is made here, not given: to check it against the whole of Vega-Lite takes half of the time.
            spec: dict[str, Any] = self.chart.to_dict(validate=False)
        return spec

    @cached_property
    def svg(self) -> str:
        """As SVG text, with title and background."""
        return xml(_mime(self.spec, "svg")["image/svg+xml"])

    @property
    def bare(self) -> str:
        """As SVG text without title and background."""
        untitled = {key: value for key, value in self.spec.items() if key != "title"}
        return xml(_mime({**untitled, "background": "transparent"}, "svg")["image/svg+xml"])

    @property
    def page(self) -> str:
        """As a page of its own that loads nothing."""
        # Altair's template puts the chart into a script as it is.
        text: str = _mime(self.spec, "html", template="inline", json_kwds={"cls": ScriptJSON})["text/html"]
        return text


def _mime(spec: dict[str, Any], form: Literal["svg", "html"], **asked: Any) -> Any:
    import altair as alt
    from altair.utils.mimebundle import spec_to_mimebundle

    if form == "html":
        asked |= {"vega_version": alt.VEGA_VERSION, "vegaembed_version": alt.VEGAEMBED_VERSION}
    version = alt.VEGALITE_VERSION if form == "html" else alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    return spec_to_mimebundle(spec, format=form, mode="vega-lite", vegalite_version=version, **asked)


def ready_to_draw() -> None:
    """Import what draws, which otherwise the first figure does."""
    import altair as alt  # noqa: F401
    import vl_convert  # noqa: F401


def title(chart: Any) -> str:
    """What a chart shows."""
    return str(Drawing.of(chart).chart.title["text"])


def caption(chart: Any) -> str:
    """What to see in a chart of this module."""
    return str(Drawing.of(chart).chart.usermeta["caption"])


def alternative(chart: Any) -> str:
    """The chart in words, for those who cannot see it."""
    return str(Drawing.of(chart).chart.usermeta["alternative"])


def save(chart: Any, path: str | Path) -> Path:
    """Write a chart as .png, .svg or self-contained .html. Raises UsageError for another ending."""
    target, drawing = Path(path), Drawing.of(chart)
    form = target.suffix.lower().lstrip(".")
    if form not in ("png", "svg", "html"):
        raise UsageError(f"'{target.name}' does not say what to write; end it in .png, .svg or .html")
    if form == "html":
        target.write_text(drawing.page, encoding="utf-8")
    elif form == "svg":
        target.write_text(drawing.svg, encoding="utf-8")
    else:
        import vl_convert

        target.write_bytes(bytes(vl_convert.svg_to_png(drawing.svg, scale=2)))
    return target


def svg(chart: Any) -> str:
    """A chart as SVG text without its title and with no background, for a page that has its own."""
    return Drawing.of(chart).bare


def inline(chart: Any, name: str, instead: str = "") -> Markup:
    """A chart for a page: `name` keeps its ids apart from those of other figures; `instead` are its words."""
    return inline_svg(svg(chart), name, instead or alternative(chart))


def inline_svg(drawn: str, name: str, instead: str, *, told: bool = False) -> Markup:
    """The same of what was drawn already; `told`: with what each mark says of itself, for who points at it."""
    return inlined(drawn, name, instead, _INKS, told=told)


def on_page(drawn: str) -> str:
    """A drawing whose ink follows the page, light or dark."""
    return inked(drawn, _INKS)


def finish(chart: Any, title: str, told: str, instead: str) -> Any:
    """The chart with its words and the look of all figures."""
    import altair as alt

    heading = {"text": title, "anchor": "start", "fontSize": 15, "color": INK, "offset": 12}
    told_with_chart = {"caption": told, "alternative": instead}
    # In one go: each of Altair's `configure_...` copies the whole chart.
    look = alt.Config(
        font=FONT,
        axis=alt.AxisConfig(
            labelColor=INK, titleColor=INK, titleFontWeight="normal", labelFontSize=11, titleFontSize=12,
            gridColor=FAINT, domainColor=FAINT, tickColor=FAINT,
        ),
        legend=alt.LegendConfig(
            labelColor=INK, titleColor=INK, labelFontSize=12, labelLimit=320, symbolOpacity=1
        ),
        view=alt.ViewConfig(stroke=None),
    )  # fmt: skip
    return chart.properties(
        title=heading, description=instead, usermeta=told_with_chart, background="white", padding=10, config=look
    )


def reading(frame: pd.DataFrame, across: alt.X, width: int) -> alt.Chart:
    """Strips that cannot be seen, side by side over a figure of lines: each says in words (`tip`) what stands there."""
    import altair as alt

    wide = max(2.0, width / max(1, len(frame)))
    strips: alt.Chart = alt.Chart(frame).mark_rule(opacity=0, strokeWidth=wide).encode(x=across, description="tip:N")
    return strips.properties(name=READING)


def legend(labels: Sequence[str], **more: Any) -> alt.Legend:
    """Colours in words under the figure, in as many columns as fit its width; `more` as alt.Legend takes it."""
    import altair as alt

    # About 6.5 pixels a letter and 30 for the mark and the gap.
    columns = max(1, min(len(labels), int(740 / (30 + 6.5 * max(map(len, labels))))))
    return alt.Legend(orient="bottom", direction="horizontal", columns=columns, symbolType="circle", offset=14, **more)


def across_scale(ends: Sequence[float], *, log: bool = False) -> alt.Scale:
    """The scale of an axis over a parameter from its lowest value to its highest. `log`: where that has a log scale."""
    import altair as alt

    if not ends[0] < ends[1]:
        return alt.Scale(zero=False)
    return alt.Scale(type="log", domain=list(ends), nice=False) if log else alt.Scale(domain=list(ends), nice=False)


def colours(states: Sequence[str], shown: Sequence[str], finals: Sequence[bool]) -> alt.Scale:
    """One colour per state; `states` are all of them, in the order of the protocol, and `finals` which of them end."""
    import altair as alt

    tints = state_colours(finals)
    return alt.Scale(domain=list(shown), range=[tints[states.index(s)] for s in shown])


def state_colours(finals: Sequence[bool]) -> list[str]:
    """The colour of every state, the same in every figure: greys for those that end a course.

    Of either kind, each round through the colours is paler than the one before.
    """
    used, tints = {True: 0, False: 0}, []
    for final in finals:
        palette = ENDS if final else PALETTE
        full, rounds = palette[used[final] % len(palette)], used[final] // len(palette)
        tints.append(full if rounds == 0 else _paler(full))
        used[final] += 1
    return tints


def _paler(colour: str) -> str:
    parts = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return "#" + "".join(f"{(p + 255) // 2:02x}" for p in parts)


def rows(chart: Any) -> pd.DataFrame:
    """The rows that a chart draws; where it draws several tables, `table` numbers them."""
    import pandas as pd

    read = [pd.DataFrame(rows) for rows in Drawing.of(chart).spec.get("datasets", {}).values()]
    tables = [t.drop(columns="tip", errors="ignore") for t in read if list(t.columns) != ["at", "tip"]]
    if len(tables) == 1:
        return tables[0]
    return pd.concat([t.assign(table=k + 1) for k, t in enumerate(tables)], ignore_index=True)
