"""A trial's looks are told, number by number, as the tables of the run and its patients have them."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import numpy as np
import pytest

import protocolsim
from protocolsim.errors import UsageError
from protocolsim.protocol.conduct import NO_RULE
from protocolsim.report.looks.page import looks_page
from protocolsim.report.looks.story import LooksStory, looks
from protocolsim.report.run.page import page as report_page
from protocolsim.scenario.load import load
from protocolsim.study.boundaries.boundaries import boundaries
from protocolsim.study.result import Result
from protocolsim.study.run import run
from tests.cli.test_cli import command, refused

__all__ = ["command"]
FOUR, TWO, TOLD = "ms_group_sequential", "ms_two_stage", "ms_crossover_upon_stopping"
TRIALS = 6
WEEK = 7 * 24 * 60


@cache
def story(name: str, replicate: int | None = None, engine: str = "auto") -> LooksStory:
    return looks(load(name), replicate, engine=engine)


@cache
def ran(name: str) -> Result:
    return run(load(name), replicates=TRIALS)


def held(name: str, replicate: int):
    """The held looks of a trial, as the run's own table has them."""
    frame = ran(name).looks
    return frame[(frame["replicate"] == replicate) & frame["held"]].reset_index(drop=True)


@pytest.mark.parametrize("name", [FOUR, TWO, TOLD])
def test_looks_are_those_of_the_run(name):
    """Every held look stands in the story with the week, the values and the conclusion of the run's tables."""
    for replicate in range(TRIALS):
        told = story(name, replicate).table
        mine, own = told[~told["as_if"]].reset_index(drop=True), held(name, replicate)
        assert mine["look"].tolist() == own["look"].astype(str).tolist()
        for week, minute in (("cutoff_week", "cutoff_minute"), ("decision_week", "decision_minute")):
            np.testing.assert_array_equal(mine[week], own[minute] / WEEK)
        for column in (c for c in own.columns if c.startswith("value_")):
            np.testing.assert_array_equal(mine[column], own[column])
        assert mine["conclusion"].tolist() == [
            "" if c != c or c is None else c for c in own["conclusion"].astype(object)
        ]


def test_who_is_known_is_counted_by_hand():
    """Screened, enrolled, followed, in screening and in the pipeline, from each subject's own dates."""
    for replicate in range(TRIALS):
        subjects = ran(FOUR).subjects
        mine = subjects[subjects["replicate"] == replicate]
        begins = np.rint(mine["arrival_day"] * 1440).astype(np.int64)
        enrols = (begins + mine["enrolled_minute"]).where(mine["enrolled"], np.iinfo(np.int64).max)
        ends = begins + mine["end_minute"]
        for look in (one for one in story(FOUR, replicate).of.looks if one.held):
            at = look.cutoff
            assert look.screened == (begins <= at).sum()
            assert look.enrolled == (enrols <= at).sum() == look.values["enrolled"]
            assert look.pipeline == ((enrols <= at) & (enrols + 26 * WEEK > at)).sum()
            assert look.enrolled - look.pipeline == look.values["followed"]
            assert look.in_screening == ((begins <= at) & (enrols > at) & (ends > at)).sum()
            assert look.enrolled_meanwhile == ((enrols > at) & (enrols <= look.decision)).sum()
            assert look.ended_meanwhile == (mine["enrolled"] & (ends > at) & (ends <= look.decision)).sum()
            seen = ran(FOUR).observations
            seen = seen[seen["replicate"] == replicate]
            made = begins.set_axis(mine["subject"]).loc[seen["subject"]].to_numpy() + seen["minute"].to_numpy()
            assert look.lagging == ((made <= at) & (made > at - 2 * WEEK)).sum()


def test_the_numbers_of_a_rule_say_whether_it_held():
    """Each rule with its numbers, read as arithmetic, is true exactly where the story says that it holds."""
    tried = [t for k in range(TRIALS) for look in story(FOUR, k).looks for t in look.tried]
    assert len(tried) > 2 * TRIALS
    for one in tried:
        if one.condition != "otherwise":
            assert re.fullmatch(r"-?[\d.]+ (>=|<) -?[\d.]+", one.numbers), one.numbers
            assert eval(one.numbers) == one.held  # noqa: S307 - two numbers and a sign, as asserted above
        assert one.text.endswith("does not hold" if not one.held else "holds")


def test_rules_are_told_up_to_the_one_that_held():
    """At a look that ended the trial the last rule told holds; at the others none does and all are told."""
    for k in range(TRIALS):
        whole = story(FOUR, k)
        for look, lines in zip((one for one in whole.of.looks if one.held), whole.looks, strict=True):
            assert [t.held for t in lines.tried[:-1]] == [False] * (len(lines.tried) - 1)
            assert lines.tried[-1].held == (look.rule != NO_RULE)
            assert (lines is whole.looks[-1]) or not lines.tried[-1].held


def test_what_would_have_come_is_the_trial_that_is_never_stopped():
    """Values and dates of all looks as if no rule were obeyed are those of one pass over every boundary."""
    matrix = boundaries(load(FOUR), sets=(), replicates=TRIALS).passes.effect
    for replicate in range(TRIALS):
        for look in story(FOUR, replicate).of.as_if:
            np.testing.assert_array_equal(list(look.values.values()), matrix.values[replicate, look.number])
            assert look.decision == matrix.decision[replicate, look.number]


def test_the_past_of_what_would_have_come_is_the_trial_that_was():
    """Up to the look that ended the trial, both are one; later looks are told only where a rule ended it."""
    for replicate in range(TRIALS):
        of = story(TOLD, replicate).of
        for look, other in zip(of.looks, of.as_if, strict=True):
            if look.held:
                assert (look.values, look.cutoff, look.rule) == (other.values, other.cutoff, other.rule)
        last = of.last_held.number
        assert len(story(TOLD, replicate).if_not) == (len(of.looks) - 1 - last if of.ended else 0)


def test_without_a_number_it_is_the_first_that_was_stopped_early():
    """The default trial is the first of the run's table that was stopped early; with none, trial 0."""
    trials = run(load(TWO), replicates=TRIALS).trials
    first = int(trials.loc[trials["stopped_early"], "replicate"].iloc[0])
    assert story(TWO).of.replicate == first
    none = load(TWO, set={"interim.rules[0].when": "successes < 0", "replicates": 3})
    assert looks(none).of.replicate == 0


def test_the_overrun_analysis_is_told_as_the_table_has_it():
    """A stop that the overrun analysis contradicts is called flipped, one that it confirms is not."""
    seen = set()
    for name, replicates in ((TWO, 12), (FOUR, TRIALS)):
        trials = run(load(name), replicates=replicates).trials
        rows: Any = trials[trials["stopped_early"]].itertuples()
        for row in rows:
            whole = story(name, int(row.replicate))
            assert whole.of.flipped == bool(row.flipped)
            told = [line for line in whole.after if line.startswith("Overrun analysis")]
            assert len(told) == 1
            assert ("contradicted (flipped)" if row.flipped else "confirmed") in told[0]
            assert f"all {row.enrolled} enrolled" in told[0]
            seen.add(bool(row.flipped))
    assert seen == {True, False}


def test_both_engines_tell_the_same_story():
    """The reference engine's looks are those of the fast one, word by word."""
    assert story(TWO, 4, "des").text == story(TWO, 4, "batch").text


def test_a_story_in_full():
    """One trial's looks, word by word: a stop for futility that its own overrun contradicts."""
    text = story(TWO, 4).text
    assert "Stage 1, week 131\n  Held once 10 patients have been followed for 66 weeks.\n" in text
    assert "  stop for futility, when successes <= 30 % * followed: 3 <= 30 % * 10 holds\n" in text
    assert "  Decision in week 131: the trial is stopped for futility.\n" in text
    assert "information 100 %. Now no rule holds: the stop for futility is contradicted (flipped)." in text
    assert "\n\nHad the trial gone on\n  Final in week 208, 21 enrolled: successes 7," in text


def test_told_patients_are_said():
    """Where a transition waits for the stop the story says so, and where none does that nothing waits for it."""
    assert any("told 'stopped for efficacy'" in line for line in story(TOLD, 0).after)
    assert any("nothing in it waits for the stop" in line for line in story(FOUR, 0).after)


def test_the_command_prints_writes_and_refuses(command, tmp_path):
    """`looks` prints the story, --json its numbers, files by their endings; what is not there is refused."""
    status, out, err = command("looks", TWO, "--replicate", "4")
    assert (status, err) == (0, "")
    words = " ".join(out.split())
    for line in story(TWO, 4).text.splitlines():
        assert " ".join(line.split()) in words
    said = json.loads(command("looks", TWO, "--replicate", "4", "--json")[1])
    assert said == json.loads(json.dumps(story(TWO, 4).summary()))
    assert said["overrun_analysis"]["flipped"] is True
    for ending in ("txt", "html", "svg"):
        file = tmp_path / f"looks.{ending}"
        command("looks", TWO, "--replicate", "4", "-o", str(file))
        assert file.stat().st_size > 1000
    assert (tmp_path / "looks.txt").read_text(encoding="utf-8") == story(TWO, 4).text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("looks", "ms_daclizumab"), "no looks at the accumulating data are declared"),
        (("looks", TWO, "--replicate", "400"), "replicate 400: ms_two_stage has replicates 0 to 399"),
        (("looks", TWO, "--replicate", "-1"), "has replicates 0 to 399"),
        (("looks", TWO, "--html", "--json"), "one of them"),
        (("looks", TWO, "-o", "looks.pdf"), "end it in"),
    ],
)
def test_what_cannot_be_told_is_refused(command, asked, said):
    """One line that says what and why."""
    assert said in refused(command, *asked)


def test_the_page_holds_story_and_figures():
    """The page has a section for each figure and every sentence, and nothing that runs."""
    page = looks_page(story(FOUR, 0))
    assert page.count("<figure>") == 3
    assert "<script" not in page
    for look in story(FOUR, 0).looks:
        assert look.heading in page
        assert look.decided[0] in page


def test_the_function_is_the_command():
    """`protocolsim.looks` gives the same story, with a table and figures by name."""
    found = protocolsim.looks(FOUR, replicate=0)
    assert found.text == story(FOUR, 0).text
    assert found.frame.equals(story(FOUR, 0).table)
    assert found.figures == ("calendar", "enrolment", "boundaries")
    with pytest.raises(UsageError, match="no looks"):
        protocolsim.looks("ms_daclizumab")


def test_words_of_a_file_are_words_on_every_page():
    """A title, a reason and a label that look like HTML are shown as they are, in the story and in the report."""
    worst = "<img src=x onerror=alert(1)>"
    scenario = load(
        TWO, set={"title": worst, "interim.rules[0].stop": worst, "findings": [], "story": [], "replicates": 5}
    )
    for page in (looks_page(looks(scenario, 4)), report_page(run(scenario, replicates=5))):
        assert "<img" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page
