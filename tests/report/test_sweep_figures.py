"""The figure and the page of a sweep: drawn from its numbers alone, without a browser or a network."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from protocolsim.errors import UsageError
from protocolsim.report.run import figures
from protocolsim.report.style import numbers
from protocolsim.report.sweep.figures import drawable, ordered, sweep_figure
from protocolsim.report.sweep.page import sweep_page, write_report
from protocolsim.scenario.load import load
from protocolsim.study.sweep.sweep import Sweep, carry_out, plan

ONE = {"response_threshold": "25%:75%:25%"}
TWO = {**ONE, "daclizumab_dose": "0.5:1.5:0.5 mg/kg"}
SVG = "{http://www.w3.org/2000/svg}"


# A few endpoints, as each is a panel to draw: with and without a published value, a unit, undefined in small trials.
FEW = ("assigned_monotherapy", "new_cel_inhibition", "controlled_on_monotherapy", "daclizumab_given", "weeks_to_rescue",
       "enrolled_of_screened")  # fmt: skip


def swept(vary: dict[str, str], replicates: int = 4, **settings: Any) -> Sweep:
    whole = load("ms_daclizumab", set={"cohort.size": 5, **settings})
    scenario = dataclasses.replace(whole, endpoints={name: whole.endpoints[name] for name in FEW})
    return carry_out(plan(scenario, vary, replicates=replicates))


@pytest.fixture(scope="module")
def curve() -> Sweep:
    return swept(ONE)


@pytest.fixture(scope="module")
def grid() -> Sweep:
    return swept(TWO)


def texts(chart: Any) -> list[str]:
    drawn = ET.fromstring(figures.svg(chart))  # noqa: S314
    return ["".join(t.itertext()) for t in drawn.iter(f"{SVG}text")]


def rows(chart: Any) -> list[dict[str, Any]]:
    return [row for data in chart.to_dict()["datasets"].values() for row in data]


def test_published_estimates_come_first(curve: Sweep) -> None:
    """Those with a published value stand first, the rest in the scenario's order."""
    names = ordered(curve)
    published = [n for n in curve.own.estimates if curve.own.estimates[n].published is not None]
    assert names[: len(published)] == published
    assert sorted(names) == sorted(curve.own.estimates)
    assert 0 < len(published) < len(names)


def test_curves_are_the_frame(curve: Sweep) -> None:
    """Each panel's line, band and whiskers are the frame's numbers, shares in per cent."""
    drawn = rows(sweep_figure(curve))
    frame = curve.frame
    for name, factor in (("assigned_monotherapy", 100.0), ("daclizumab_given", 1.0)):
        for series, columns in (("all simulated", ("value",)), ("one simulated", ("lo", "hi"))):
            mine = [r for r in drawn if r.get("estimate") == name and r["series"].startswith(series)]
            expected = frame[frame["estimate"] == name]
            for there, row in zip(mine, expected.to_dict("records"), strict=True):
                keys = ("value",) if len(columns) == 1 else ("lower", "upper")
                assert [there[k] for k in keys] == pytest.approx([factor * row[c] for c in columns])
                assert there["at"] == row["response_threshold"]
                if series == "all simulated":
                    assert there["upper"] - there["value"] == pytest.approx(factor * row["mcse"])


def test_published_values_and_the_own_value_are_lines(curve: Sweep) -> None:
    """There is a line for each published value, in per cent, and one for the parameter's own value in each panel."""
    drawn = rows(sweep_figure(curve))
    said = [r["value"] for r in drawn if r.get("series", "").startswith("published")]
    assert sorted(said) == pytest.approx(sorted(100 * v for v in (0.72, 9 / 13)))
    # Equal data are stored once, however many panels draw them.
    assert {r["at"] for r in drawn if r.get("series") == "the scenario's own value"} == {75.0}
    away = swept({"response_threshold": "20%,30%"}, 2)
    assert not any(r.get("series") == "the scenario's own value" for r in rows(sweep_figure(away)))


def test_maps_are_the_frame(grid: Sweep) -> None:
    """Two parameters: each panel has one cell for each point, with the frame's value and the numbers written in."""
    chart = sweep_figure(grid)
    assert len(chart.to_dict()["concat"]) == len(grid.own.estimates)
    cells = [r for r in rows(chart) if r["estimate"] == "assigned_monotherapy" and "text" not in r]
    found = {(r["at"], r["up"]): r["value"] for r in cells}
    frame = grid.frame[grid.frame["estimate"] == "assigned_monotherapy"]
    assert len(found) == 9
    for row in frame.to_dict("records"):
        assert found[row["response_threshold"], row["daclizumab_dose"]] == pytest.approx(100 * row["value"])
    assert {"response threshold (%)", "daclizumab dose (mg/kg)", "0.5", "1.5"} <= set(texts(chart))


def test_a_map_without_colours_says_its_value() -> None:
    """Where all cells are alike there is no scale of colours; the value stands above the map."""
    found = swept({"response_threshold": "10%,90%", "rescue_level": "50%,90%"}, 2)
    (value,) = set(found.frame[found.frame["estimate"] == "enrolled_of_screened"]["value"])
    assert f"{numbers.plain(100 * value)} % everywhere" in texts(sweep_figure(found))


def test_the_scenario_itself_is_framed(grid: Sweep) -> None:
    """A red frame stands around the cell of the scenario's own values, and only there."""
    panel = sweep_figure(grid).to_dict()["concat"][0]
    (red,) = [layer for layer in panel["layer"] if layer["mark"].get("stroke")]
    (cell,) = sweep_figure(grid).to_dict()["datasets"][red["data"]["name"]]
    assert (cell["at"], cell["up"]) == (75.0, 1.0)


def test_three_parameters_are_not_drawn() -> None:
    """A sweep of three parameters has a page and no figure."""
    three = swept({**TWO, "rescue_level": "50%,90%"}, 1)
    assert not drawable(three)
    with pytest.raises(UsageError, match="vary one or two"):
        sweep_figure(three)
    assert "<svg" not in sweep_page(three)


@pytest.mark.parametrize("vary", [ONE, TWO, {"response_threshold": "50%"}])
def test_files(vary: dict[str, str], tmp_path) -> None:
    """Figures are written as PNG, SVG and a page of their own, which load nothing; one replicate is enough."""
    write_report(swept(vary, 1), tmp_path)
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    ET.fromstring((tmp_path / "sweep.svg").read_text())  # noqa: S314
    for name in ("report.html", "sweep.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        # What the inlined library could write itself is no tag of the page.
        assert not re.search(r"<(script|link|iframe)[^>]*(src|href)=", text)
    assert not re.search(r"\b(nan|NaN|undefined(?! everywhere))\b", texts_of(tmp_path / "sweep.svg"))


def texts_of(path) -> str:
    drawn = ET.fromstring(path.read_text())  # noqa: S314
    return " ".join("".join(t.itertext()) for t in drawn.iter(f"{SVG}text"))


def test_the_page(curve: Sweep) -> None:
    """The page has what was varied, a row for each point of each estimate, the figure in words, and its origin."""
    text = sweep_page(curve)
    assert "response_threshold from 25 % to 75 %, 3 values" in text
    assert "The scenario&#39;s own: response_threshold 75 %" in text
    assert text.count("<tbody>") == len(curve.own.estimates)
    assert text.count('<td class="number">50 %</td>') >= len(curve.own.estimates)
    assert 'aria-label="Small line charts for' in text
    assert figures.caption(sweep_figure(curve)).split(".")[1].strip()[:30] in text
    assert "varied: response_threshold" in text
    assert "9/13" in text


def test_the_page_escapes(tmp_path) -> None:
    """What the scenario says is text, never markup."""
    found = swept(ONE, 1, title="<script>alert(1)</script>")
    assert "<script>alert" not in sweep_page(found)
    assert "&lt;script&gt;alert" in sweep_page(found)


def test_the_page_tells_differences(curve: Sweep) -> None:
    """A difference in shares is in points, with its sign and paired error; at the own value it is nothing."""
    text = sweep_page(curve)
    frame = curve.frame[curve.frame["estimate"] == "assigned_monotherapy"]
    first = frame.iloc[0]
    assert first["difference"] > 0
    assert f"+{100 * first['difference']:.0f} ± " in text or f"+{100 * first['difference']:.1f} ± " in text
    assert '<td class="number">0 % points</td>' in text
