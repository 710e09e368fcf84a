"""The verdicts of the validation suite stay what they were, and the documentation shows those that it gave."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from protocolsim.report.suite.documentation import PAGE, golden, page
from protocolsim.study.suite.suite import run_suite, suite_plan, suite_scenarios
from protocolsim.study.suite.totals import by_datum, total
from tests.support import golden_suite

DOCS = Path(__file__).resolve().parents[2] / "docs"
QUICK = 60  # trials: enough for a verdict that is far from an end
# Their cohorts or models make a trial dear; `-m long` runs them.
DEAR = ("amd_treat_and_extend", "amd_treat_and_extend_year_1", "hcv_advance", "hcv_response_guided", "ms_kappos_2015")


@cache
def rows() -> dict[str, dict[str, Any]]:
    """The golden rows, by scenario and endpoint."""
    return {f"{row['scenario']}.{row['endpoint']}": row for row in golden()["rows"]}


def far(row: dict[str, Any]) -> str | None:
    """The verdict of a golden row that few trials must give too; None where it is near an end."""
    room = 0.25 * (row["hi"] - row["lo"])
    if row["verdict"] == "inside" and 20.0 <= row["percentile"] <= 80.0:
        return "inside"
    beyond = max(row["lo"] - row["published"], row["published"] - row["hi"])
    return "outside" if row["verdict"] == "outside" and beyond > room > 0.0 else None


def test_the_page_is_made_from_these_results():
    """The page of the documentation is what the golden results give, to the letter."""
    assert (DOCS / PAGE).read_text(encoding="utf-8") == page(), "renew with: protocolsim docs --pages docs"


def test_the_golden_results_are_of_this_suite():
    """They have every published result of the suite, as the files say it now, and no other."""
    known = {}
    for scenario, own in suite_scenarios():
        for name in own:
            said = scenario.endpoints[name].published
            assert said is not None
            known[f"{scenario.name}.{name}"] = (said.text, said.role, said.mark, said.explanation)
    kept = {n: (row["published_as"], row["role"], row["mark"], row["explanation"]) for n, row in rows().items()}
    assert kept == known, f"renew with: {golden_suite.RENEW}"


def test_every_miss_is_explained():
    """What lies outside says why, and so does what the other results alone would put elsewhere; nothing else does."""
    for name, row in rows().items():
        missed = row["verdict"] == "outside" or row["without_it_inside"] is False
        assert bool(row["explanation"]) == missed, name


def test_misses_are_shown():
    """The page tells each miss, with the width of its range, and no total is better than its rows."""
    text = page()
    for row in rows().values():
        assert row["label"] in text.replace("\\", "")
    inside = sum(1 for row in rows().values() if row["verdict"] == "inside")
    assert golden()["totals"]["all"]["inside"] <= inside


def test_verdicts_stay():
    """A quick run gives the golden verdict of every row that is far from an end, and most are."""
    plan = suite_plan(replicates=QUICK, parameters="plausible")
    plan = replace(plan, members=tuple(m for m in plan.members if m.scenario.name not in DEAR))
    found = {row.name: row.compared.verdict for row in run_suite(plan).rows}
    expected = {name: far(row) for name, row in rows().items() if row["scenario"] not in DEAR}
    assert found.keys() == expected.keys()
    sure = {name: verdict for name, verdict in expected.items() if verdict is not None}
    assert {name: found[name] for name in sure} == sure, f"a verdict changed: {golden_suite.RENEW}"
    assert len(sure) > len(expected) / 3


@pytest.mark.long
def test_the_whole_suite():
    """A run as large as the golden one gives the same numbers, and the same verdict with and without each row."""
    assert golden_suite.measured() == golden()


def test_a_datum_counts_once():
    """Two rows of one datum are one: inside where both are, and their mean score."""
    plan = suite_plan(replicates=40)
    plan = replace(plan, members=tuple(m for m in plan.members if m.scenario.name in ("ms_jnnp_1996", "ms_frank_2004")))
    found = run_suite(plan).rows
    data = by_datum(found)
    assert [len(d) for d in data] == [1, 1, 1, 2]
    of_pair = total(data[3:])
    assert of_pair.data == 1
    assert of_pair.inside == all(row.inside for row in data[3])
    scores = [row.own.score for row in data[3] if row.own is not None]
    assert of_pair.alone == pytest.approx(sum(scores) / 2)
