"""Simulated against published: exact intervals, verdicts, and what a verdict is worth."""

from __future__ import annotations

import dataclasses
import html
import io
import json
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy.stats import binom

from protocolsim.endpoint.base import Published
from protocolsim.report.run.console import print_validation
from protocolsim.report.run.page import page
from protocolsim.scenario.load import load
from protocolsim.study.run import run
from protocolsim.study.validation import EVIDENCE, comparisons, exact_interval, inside
from tests.cli.test_cli import command as command  # noqa: PLC0414 - a fixture, used by name
from tests.cli.test_cli import refused
from tests.report.test_report import made, said_of

OWN = """
extends: ms_daclizumab
title: Roles
published:
  adverse_events: {role: not independent, note: made up for this test}
  stopped_for_adverse_event: {value: 15/15, role: checked}
"""


def published_as(value: float, numerator: int | None = None, denominator: int | None = None) -> Published:
    return Published(value, "72 %", "checked", "", "F", numerator, denominator)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_exact_interval_inverts_the_binomial_tails(count):
    """At each end of the interval the published count, or one further out, has a probability of 2.5 %."""
    k, n = count
    low, high = exact_interval(published_as(k / n, k, n)) or (math.nan, math.nan)

    assert low == 0.0 if k == 0 else binom.sf(k - 1, n, low) == pytest.approx(0.025, abs=1e-6)
    assert high == 1.0 if k == n else binom.cdf(k, n, high) == pytest.approx(0.025, abs=1e-6)


def test_exact_interval_is_the_known_one():
    """9 of 13 has the exact 95 % interval 39 to 91 %, 5 of 15 has 12 to 62 %; a plain value has none."""
    for (x, n), known in {(9, 13): (0.386, 0.909), (5, 15): (0.118, 0.616)}.items():
        assert exact_interval(published_as(x / n, x, n)) == pytest.approx(known, abs=5e-4)
    assert exact_interval(published_as(0.72)) is None
    assert exact_interval(None) is None


def test_ends_of_the_range_are_inside_it():
    """A published value equal to an end of the range lies inside; beyond it, outside."""
    assert inside(said_of(lo=1 - 7 / 10, published=published_as(0.3)))
    assert inside(said_of(lo=0.3, published=published_as(1 - 7 / 10)))
    assert inside(said_of(published=published_as(0.86))) is False
    assert inside(said_of()) is None
    assert inside(said_of(lo=math.nan, hi=math.nan, published=published_as(0.8))) is None


def test_one_row_for_each_published_result():
    """What has no published value has no row; what too few trials have a value of has no verdict."""
    found = [
        said_of(name="a", published=published_as(0.72)),
        said_of(name="b"),
        said_of(name="c", published=published_as(0.9)),
        said_of(name="d", published=published_as(0.72), n_undefined=199),
        said_of(name="e", published=published_as(0.72), n_replicates=1),
    ]
    assert [(r.estimate.name, r.verdict) for r in comparisons(found)] == [
        ("a", "inside"),
        ("c", "outside"),
        ("d", "undefined"),
        ("e", "undefined"),
    ]


def test_every_role_says_what_its_verdict_is_worth(tmp_path):
    """Terminal and page give each row its verdict and its role, and do not call anything else a test of the model."""
    file = tmp_path / "roles.yaml"
    file.write_text(OWN)
    result = run(load(str(file)), replicates=60)
    out = io.StringIO()
    print_validation(result, Console(file=out, width=160, color_system=None))
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert [w[-2:] for w in lines if w[:4] == ["Stopped", "for", "an", "adverse"]] == [["outside", "checked"]]
    assert [w[-3:] for w in lines if w[:3] == ["Any", "adverse", "event"]] == [["inside", "not", "independent"]]
    text = html.unescape(page(result))
    assert all(f">{meaning}<" in text for meaning in EVIDENCE.values())
    assert "1 of the 4 comes from patients among those the parameters were taken from and so tests little" in text
    assert "2 of the 4 were used to choose the model's parameters and so test nothing" in text
    assert "the 1 not so used lies outside" in text


def test_nothing_published_is_no_table():
    """A page of a result without published values has no rows to compare."""
    plain = {"a": said_of(name="a")}
    assert 'class="validation"' not in page(dataclasses.replace(made(), estimates=plain))


class TestCommand:
    def test_json_and_folder(self, command):
        """--json and --out hold one row for each published result; outside is an answer, with exit status 0."""
        words = ("validate", "ms_no_drug", "--replicates", "20")
        status, out, err = command(*words, "--json", "--out", "results")
        assert (status, err) == (0, "")
        rows = json.loads(out)["rows"]
        assert set(rows) == set(load("ms_no_drug").document.data["published"])
        assert rows["new_cel_inhibition"]["verdict"] == "outside"
        assert json.loads(out) == json.loads(Path("results/summary.json").read_text())
        table = pd.read_csv("results/validation.csv").set_index("estimate")
        assert table["verdict"].to_dict() == {name: row["verdict"] for name, row in rows.items()}
        assert {p.name for p in Path("results").iterdir()} == {
            "report.html", "validation.csv", "validation.parquet", "summary.json", "scenario.yaml", "provenance.json",
            "manifest.json", "ledger.jsonl", "chunks",
        }  # fmt: skip
        assert command(*words, "--quiet", "--out", "results", "--overwrite") == (0, "", "")

    def test_nothing_to_compare(self, command):
        """A scenario that publishes nothing is refused, as is one that does not exist."""
        Path("bare.yaml").write_text("extends: ms_daclizumab\ntitle: Bare\npublished: null\n")
        assert "no published results" in refused(command, "validate", "bare.yaml")
        assert "did you mean 'ms_no_drug'" in refused(command, "validate", "ms_no_drag")
