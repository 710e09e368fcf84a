from __future__ import annotations

import dataclasses
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocolsim.errors import UsageError
from protocolsim.report.run import figure_data, figures
from protocolsim.study.result import Result
from tests.endpoint.test_endpoint import LABELS, Course, made_records
from tests.report.test_report import course, made, of_records, of_scenario, read


@pytest.fixture(scope="module")
def result() -> Result:
    """One result for the tests that only look."""
    return made()


def test_states_by_week_are_those_of_each_patient(result: Result) -> None:
    """The stacked shares are, week by week, what following each patient's moves gives, and add to one."""
    frame = figure_data.occupancy(result)
    rng = np.random.default_rng(4)
    everybody = [course(rng) for _ in range(60 * 16)]
    enrolled = [c for c in everybody if c.enrolled is not None]
    names = dict(zip(LABELS.states, figure_data.state_labels(result), strict=True))
    for week in (0, 1, 17, 18, 30, 41, 42):
        at = [next(s for s, t in reversed(c.path) if t <= 12 + week) for c in enrolled]
        for state, label in names.items():
            drawn = frame.loc[(frame["week"] == week) & (frame["state"] == label), "share"].sum()
            assert drawn == pytest.approx(at.count(state) / len(enrolled), abs=1e-9)
    assert frame.groupby("week")["share"].sum().to_numpy() == pytest.approx(1.0)
    assert frame["week"].max() > 42


def test_each_mark_of_a_patient_is_one_record(result: Result) -> None:
    """A panel holds as many dots, crosses and ticks as that patient had assessments, missed ones and doses."""
    rng = np.random.default_rng(4)
    trial = [course(rng) for _ in range(16)]
    chosen, number = figure_data.patients(result.records, 0)
    frame, step = figure_data.patient_frame(result, chosen)
    real = [c for c in trial if c.enrolled is not None]

    assert (number, step) == (len(real), 0.0)
    for row, one in zip(chosen, real, strict=True):
        mine = frame[frame["row"] == row]["kind"].value_counts()
        assert mine.get("seen", 0) == sum(v is not None for *_, v in one.seen)
        assert mine.get("missed", 0) == sum(v is None for *_, v in one.seen)
        assert mine.get("dose", 0) == len(one.given)
        assert mine["enrolment"] == 1
    seen = frame[frame["kind"] == "seen"]
    assert seen["week"].min() == -12


def test_at_most_two_dozen_patients_are_drawn() -> None:
    """A large trial shows its first 24 enrolled patients and says of how many."""
    large = made(1, 60)
    chart = figures.patients_over_time(large)
    enrolled = int(large.records["subjects"]["enrolled"].sum())

    assert enrolled > 24
    assert f"the first 24 of {enrolled} enrolled patients" in figures.caption(chart)
    assert len({row["panel"] for data in chart.to_dict()["datasets"].values() for row in data}) == 24


def test_every_round_number_of_a_panel_is_labelled(result: Result) -> None:
    """The axis shows each of its few round numbers, from zero to the highest value, and not only the first."""
    alone = made_records([[Course(seen=(("baseline", 0, 15.0), ("treated", 16, 1.0)))]])
    chart = figures.patients_over_time(of_records(result, alone))
    drawn = ET.fromstring(figures.svg(chart))  # noqa: S314
    said = {"".join(text.itertext()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")}

    assert {"0", "5", "10", "15"} <= said
    assert figures._ticks(0.0, 15.0) == [0.0, 5.0, 10.0, 15.0]
    assert figures._ticks(-2.0, 3.3) == [-2.0, 0.0, 2.0]


def test_too_many_points_become_means(monkeypatch: pytest.MonkeyPatch, result: Result) -> None:
    """Above the limit the drawn values are means that keep each patient's sum, and the caption says so."""
    chosen, _ = figure_data.patients(result.records, 0)
    full, _ = figure_data.patient_frame(result, chosen)
    monkeypatch.setattr(figure_data, "MOST_POINTS", 150)
    thin, step = figure_data.patient_frame(result, chosen)

    assert step >= 2
    assert len(thin) <= 150 + len(chosen) < len(full)
    assert thin["value"].min() >= full["value"].min()
    assert thin["value"].max() <= full["value"].max()
    bins = full[full["kind"] == "seen"].assign(bin=lambda f: np.floor(f["week"] / step))
    expected = bins.groupby(["row", "state", "bin"])["value"].mean().sum()
    assert thin["value"].sum() == pytest.approx(expected)
    assert f"means over {step:g} weeks" in figures.caption(figures.patients_over_time(result))


def test_a_state_has_one_colour_in_all_figures(result: Result) -> None:
    """The colour of a state is the same in both figures that show states, and no two share one."""

    def colours_of(chart: Any) -> dict[str, str]:
        spec = str(chart.to_dict())
        found = re.search(r"'field': 'state'.*?'scale': \{'domain': (\[.*?\]), 'range': (\[.*?\])\}", spec)
        assert found
        return dict(zip(re.findall("'(.*?)'", found[1]), re.findall("'(.*?)'", found[2]), strict=True))

    one, other = colours_of(figures.patients_over_time(result)), colours_of(figures.through_states(result))

    assert {"Both drugs", "Rescue"} <= one.keys() & other.keys()
    assert all(one[s] == other[s] for s in one.keys() & other.keys())
    assert len(set({**one, **other}.values())) == len({**one, **other})


def test_comparison_draws_the_numbers_of_the_table(result: Result) -> None:
    """Bars are the ranges of single trials, diamonds the published values, and lines the exact intervals."""
    group = [e for e in result.estimates.values() if e.published is not None]
    ranges, points = figures._marks("%", group, {e.name: e.name for e in group})
    diamonds = {p["label"]: p["at"] for p in points if p["lane"] == "published"}
    bars = {r["label"]: (r["lo"], r["hi"]) for r in ranges if r["lane"] == "simulated"}
    lines = {r["label"]: (r["lo"], r["hi"]) for r in ranges if r["lane"] == "published"}

    assert diamonds == pytest.approx({"reduction": 72, "alone": 900 / 13, "stops": 80})
    assert bars == {e.name: (100 * e.lo, 100 * e.hi) for e in group}
    assert set(lines) == {"alone", "stops"}
    assert lines["alone"] == pytest.approx((38.6, 90.9), abs=0.05)


def test_figures_without_anything_to_draw_are_refused(result: Result) -> None:
    """Each figure says why it cannot be drawn, instead of drawing nothing."""
    with pytest.raises(UsageError, match="no variable to follow"):
        figures.patients_over_time(of_scenario(result, follow=None))
    with pytest.raises(UsageError, match="not assessed"):
        figures.patients_over_time(of_scenario(result, follow="cuont"))
    with pytest.raises(UsageError, match="replicates are 0 to 59"):
        figures.patients_over_time(result, 60)
    with pytest.raises(UsageError, match="no endpoint"):
        figures.simulated_against_published(dataclasses.replace(result, estimates={}))
    nobody = made_records([[Course(path=(("baseline", 0), ("screen_failure", 8)))]])
    with pytest.raises(UsageError, match="nobody was enrolled"):
        figures.through_states(of_records(result, nobody))


def test_figures_are_saved_without_a_network(result: Result, tmp_path: Path) -> None:
    """PNG is twice the size on screen, SVG is XML with words, HTML loads nothing; other endings are refused."""
    chart = figures.simulated_against_published(result)
    png = figures.save(chart, tmp_path / "a.png").read_bytes()
    svg = ET.fromstring(figures.save(chart, tmp_path / "a.svg").read_text(encoding="utf-8"))  # noqa: S314
    html = figures.save(chart, tmp_path / "a.html").read_text(encoding="utf-8")

    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, _ = struct.unpack(">II", png[16:24])
    assert width == pytest.approx(2 * float(svg.attrib["width"]), abs=3)
    assert "Never needed rescue" in "".join(svg.itertext())
    assert len(html) > 100_000
    assert read(html).fetched == []
    with pytest.raises(UsageError, match=r"\.png, \.svg or \.html"):
        figures.save(chart, tmp_path / "a.docx")
