"""What a terminal shows at any width: every number and every label whole, whatever the width."""

from __future__ import annotations

import io
import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from protocolsim.report.comparison.console import print_comparison
from protocolsim.report.decision.console import print_thresholds
from protocolsim.report.decision.summary import CurveSummary
from protocolsim.report.looks.console import print_looks
from protocolsim.report.looks.story import looks
from protocolsim.report.patient.console import print_trace
from protocolsim.report.patient.story import trace
from protocolsim.report.protocol.check_console import print_checked
from protocolsim.report.protocol.schedule import print_schedule, schedule
from protocolsim.report.protocol.synopsis import describe, print_synopsis
from protocolsim.report.run.console import print_summary, print_validation
from protocolsim.report.style.console import Column, Screen, cells
from protocolsim.report.sweep.console import print_sweep
from protocolsim.scenario.check import check
from protocolsim.scenario.load import load
from protocolsim.study.compare import compare
from protocolsim.study.decision.thresholds import thresholds
from protocolsim.study.run import run
from protocolsim.study.sweep.sweep import carry_out, plan

WIDTHS = (20, 27, 34, 50, 60, 72, 80, 96, 101, 130)
WORDS = st.text(alphabet="abcxyz012é漢[]= ", min_size=1, max_size=24).filter(str.strip)
NUMBERS = st.sampled_from(["", "0", "72 ± 3 %", "1,234,567", "5-95 %", "9/13 (69 %) [F]", "-0.00001"])


def shown(printed, what, width: int) -> str:
    """What is printed at this width."""
    out = io.StringIO()
    printed(what, Console(file=out, width=width, color_system=None))
    return out.getvalue()


def tokens(text: str) -> list[str]:
    """Words and numbers, without the rules of tables and what parts names from values."""
    found = (word.strip("─|").removesuffix(":") for word in text.split())
    return sorted(word for word in found if word)


@pytest.fixture(scope="module")
def things():
    """Whatever a command prints, small."""
    scenario = load("ms_daclizumab", set={"cohort.size": 4})
    result = run(scenario, replicates=3)
    told = CurveSummary(thresholds(scenario, "response_threshold", replicates=3), "batch", 0.0)
    other = load("ms_no_drug", set={"cohort.size": 4})
    return {
        "run": (print_summary, result),
        "run explained": (partial(print_summary, explain=True), result),
        "validate": (print_validation, result),
        "sweep": (print_sweep, carry_out(plan(scenario, {"dose_multiple": "1,2.5"}, replicates=2))),
        "thresholds": (print_thresholds, told),
        "compare": (print_comparison, compare(scenario, other, replicates=2)),
        "check": (print_checked, check("ms_smart")),
        "schedule": (print_schedule, schedule(scenario)),
        "describe": (print_synopsis, describe(scenario)),
        "trace": (print_trace, trace(scenario)),
        "looks": (print_looks, looks(load("ms_two_stage"), 4)),
        "run with looks": (print_summary, run(load("ms_two_stage"), replicates=3)),
    }


@pytest.mark.parametrize(
    "name",
    [
        "run",
        "run explained",
        "validate",
        "sweep",
        "thresholds",
        "compare",
        "check",
        "schedule",
        "describe",
        "trace",
        "looks",
        "run with looks",
    ],
)
def test_every_width_says_the_same(things, name):
    """All numbers and words of 200 columns stand at every width, whole; no line is wider but for a single word."""
    printed, what = things[name]
    # The names of columns are parted, and shortened, where there is little room; everything else is the same words.
    names = set(tokens("sensi- tivity speci- ficity Percentile Pctl. Of"))
    wide = [word for word in tokens(shown(printed, what, 200)) if word not in names]
    for width in WIDTHS:
        text = shown(printed, what, width)
        left = tokens(text)
        for word in wide:
            assert word in left, (width, word)
            left.remove(word)
        assert "…" not in text
        for line in text.splitlines():
            assert cells(line) <= width or len(line.strip(" ").split(" ")) == 1, (width, line)


@given(st.lists(st.lists(WORDS, min_size=2, max_size=2), min_size=2, max_size=5), st.data())
def test_any_table(columns, data):
    """A table of any words, numbers and keys has every cell in it at every width, each number in one piece."""
    count = len(columns)
    words = [k == 0 or data.draw(st.booleans()) for k in range(count)]
    cell = [WORDS if w else NUMBERS for w in words]
    rows = data.draw(st.lists(st.tuples(*cell), min_size=1, max_size=4))
    width, keys = data.draw(st.integers(20, 200)), data.draw(st.integers(1, count - 1))
    out = io.StringIO()
    heads = [Column(name, words=w, short=short) for (name, short), w in zip(columns, words, strict=True)]
    Screen(Console(file=out, width=width, color_system=None)).table(
        heads, rows, keys=keys, parted=data.draw(st.booleans()), expand=data.draw(st.booleans())
    )
    left = tokens(out.getvalue())
    for word in (w for row in rows for c in row for w in tokens(c)):
        assert word in left
        left.remove(word)


def test_words_that_command_a_terminal():
    """Markup, links and escapes of a text are shown, in lines and in tables, and do nothing."""
    out = io.StringIO()
    screen = Screen(Console(file=out, width=60, force_terminal=True, color_system="truecolor"))
    text = "[red]a[/red] [link=x]b[/] :smile: \x1b[31mc\x1b]0;t\x07 \u202ed"
    screen.put(text)
    screen.table([Column(text, words=True), Column("n")], [[text, "1"]])
    screen.listed([(text, [text])])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert not re.search("[\x1b\x07\u202e]", plain)
    assert plain.count("[red]a[/red]") == 5
    assert plain.count(":smile:") == 5
    assert plain.count("\\x1b[31mc\\x1b]0;t\\x07") == 5
