"""The steps of a story are checked as everything in a file is: each fault at its line, with the nearest right word."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from protocolsim.cli import main
from protocolsim.errors import ScenarioError
from protocolsim.scenario.check import check_text
from protocolsim.scenario.load import load, load_text

STEP = """extends: ms_daclizumab
beside: [ms_no_drug]
story:
  - heading: Without a drug
    question: How many pass?
    predict: {slider: [0 %, 100 %]}
    answer: ms_no_drug.assigned_monotherapy
    picture: trials
    sentence: "{ms_no_drug.assigned_monotherapy}, and {assigned_monotherapy} with it."
"""


ANSWER = "    answer: ms_no_drug.assigned_monotherapy\n"
OF_STATES = "{choice: {a: monotherpy, b: rescued}}\n    picture: patient"


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(ScenarioError) as refused:
        load_text(text, "story.yaml")
    return [(fault.line, fault.message) for fault in refused.value.faults]


def test_a_step_is_read_as_it_is_written():
    """Numbers in the unit of the answer, a share from 0 to 1; what is not said is not there."""
    (step,) = load_text(STEP, "story.yaml").story
    assert (step.heading, step.kind, step.low, step.high) == ("Without a drug", "slider", 0.0, 1.0)
    assert (step.answer, step.picture, step.given, step.choices) == (
        "ms_no_drug.assigned_monotherapy",
        "trials",
        (),
        (),
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("picture: trials", "picture: lane", 8, "unknown picture 'lane'; did you mean 'lanes'?"),
        ("and {assigned_monotherapy}", "and {assigned_monoterapy}", 9, "did you mean 'assigned_monotherapy'?"),
        ("and {assigned_monotherapy}", "and {ms_nodrug.kept}", 9, "'ms_nodrug' does not stand in `beside`"),
        ("and {assigned_monotherapy}", "and {set.assigned_monotherapy}", 9, "it has no `set`"),
        ("How many pass?", "How many {pass}?", 5, "unknown endpoint 'pass'"),
        ("answer: ms_no_drug.assigned_monotherapy", "answer: asigned_monotherapy", 7, "did you mean"),
        (ANSWER, "", 4, "'answer' is missing here"),
        ("{slider: [0 %, 100 %]}", "{}", 6, "expected one of slider, choice, number; found none of them"),
        ("{slider: [0 %, 100 %]}", "{slider: [0 %, 100 %], number: share}", 6, "found slider and number"),
        ("{slider: [0 %, 100 %]}", "{slide: [0 %, 100 %]}", 6, "unknown key 'slide'; did you mean 'slider'?"),
        ("{slider: [0 %, 100 %]}", "{slider: [90 %, 10 %]}", 6, "is not below the highest, 10 %"),
        ("{slider: [0 %, 100 %]}", "{slider: [0, 1 mg]}", 6, "expected a number in %"),
        ("{slider: [0 %, 100 %]}", "{choice: {few: [0 %, 50 %]}}", 6, "expected from 2 to 9 choices, found 1"),
        ("{slider: [0 %, 100 %]}", "{choice: {a: [0 %, 50 %], b: [40 %, 100 %]}}", 6, "is right for both"),
        ("{slider: [0 %, 100 %]}", "{choice: {a: [60 %, 100 %], b: [0 %, 50 %]}}", 6, "'b' ends at 50 %"),
        ("{slider: [0 %, 100 %]}", "{choice: {a: monotherapy, b: [0, 1]}}", 6, "found both"),
        ("{slider: [0 %, 100 %]}", "{choice: {a: monotherapy, b: rescued}}", 6, "need the picture 'patient'"),
        ("picture: trials", "picture: patient\n    patient: 0", 9, "0 is below 1"),
        ("picture: trials", "picture: trials\n    set: {response_treshold: 1}", 9, "mean 'response_threshold'?"),
        (f"{{slider: [0 %, 100 %]}}\n{ANSWER}    picture: trials", OF_STATES, 6, "did you mean 'monotherapy'?"),
        ("heading: Without a drug", "headin: Without a drug", 4, "did you mean 'heading'?"),
        ("story:\n", "follow: null\nstory:\n", 9, "nothing to show there: `follow` is missing"),
    ],
)  # fmt: skip
def test_a_fault_has_its_line_and_the_nearest_right_word(old: str, new: str, line: int, said: str):
    """Pictures, placeholders, endpoints, states, settings, ranges and keys; and no other fault beside it."""
    text = STEP.replace(old, new)
    if "follow" in new:
        text = text.replace("picture: trials", "picture: lanes")
    assert text != STEP
    found = faults(text)
    assert len(found) == 1, found
    assert found[0][0] == line
    assert said in found[0][1]


def test_all_faults_of_a_story_are_found_at_once():
    """A wrong picture, a wrong placeholder and a wrong setting are three faults, in the order of the file."""
    text = STEP.replace("picture: trials", "picture: trails\n    set: {dose_multipel: 1}").replace(
        "{assigned", "{asigned"
    )
    assert [line for line, _ in faults(text)] == [8, 9, 10]


def test_what_a_companion_does_not_have_is_found_by_check():
    """An answer and a sentence that quote what only this scenario has are faults of this file."""
    checked = check_text(STEP.replace("ms_no_drug.assigned", "ms_no_drug.assined"), "story.yaml")
    found = [(f.line, f.message) for f in checked.findings if f.severity == "fault"]
    assert [line for line, _ in found] == [7, 9]
    assert all("did you mean 'assigned_monotherapy'?, in 'ms_no_drug'" in said for _, said in found)


def test_a_story_is_not_inherited():
    """Like findings, it is about the file it stands in."""
    assert load("ms_daclizumab").story
    assert load("ms_no_drug").story == ()


LOOKS = """extends: ms_group_sequential
beside: [ms_randomised]
story:
  - heading: Looks
    question: How many claim an effect?
    predict: {slider: [0 %, 100 %]}
    answer: trial[claims_effect]
    compare: ["ended[futility]", ms_randomised.passed_between_arms]
    picture: looks
    sentence: "{trial[claims_effect]}."
"""


def test_numbers_to_compare_with_are_read_and_checked():
    """They are named as the answer is; a name that does not exist and a unit without an axis in common are faults."""
    (step,) = load_text(LOOKS, "story.yaml").story
    assert step.compare == ("ended[futility]", "ms_randomised.passed_between_arms")
    for old, new, line, said in (
        ("ended[futility]", "ended[futilty]", 8, "unknown endpoint 'ended[futilty]'"),
        ("ms_randomised.passed", "ms_random.passed", 8, "'ms_random' does not stand in `beside`"),
        ("ended[futility]", "trial[enrolled]", 8, "is in patients and the answer in %: they have no axis in common"),
        ("ms_randomised.passed_between_arms", "ms_randomised.edss_change", 8, "is in points and the answer in %"),
        ("picture: looks", "picture: waiting", 9, "nothing to show there: `cohort.capacity` is missing"),
    ):
        checked = check_text(LOOKS.replace(old, new), "story.yaml")
        found = [(f.line, f.message) for f in checked.findings if f.severity == "fault"]
        assert [place for place, _ in found] == [line], found
        assert said in found[0][1]
    alone = STEP.replace("{slider: [0 %, 100 %]}", OF_STATES.replace("monotherpy", "monotherapy"))
    alone = alone.replace(ANSWER, "    compare: [kept]\n").replace("    picture: trials\n", "")
    assert any("no `answer` to compare" in said for _, said in faults(alone))
    for picture in ("looks", "endings"):
        found = faults(STEP.replace("picture: trials", f"picture: {picture}"))
        assert "`interim` is missing" in found[0][1]


def test_a_patient_who_is_not_enrolled_is_refused_at_the_line(tmp_path):
    """How many there are is known once the trial is simulated; the fault names the file's own place all the same."""
    story = STEP.replace("{slider: [0 %, 100 %]}", "{choice: {a: monotherapy, b: dose_doubled}}").replace(ANSWER, "")
    file = tmp_path / "many.yaml"
    file.write_text(story.replace("picture: trials", "picture: patient\n    patient: 16"))
    ran = CliRunner().invoke(main, ["embed", str(file), "--out", str(tmp_path / "a.html"), "--replicates", "2"])
    assert ran.exit_code == 2
    assert re.search(r"line 8, column 14 +story\[0\].patient: there is no patient 16: 15 are enrolled", ran.output)
    assert not (tmp_path / "a.html").exists()


def test_embed_refuses_what_it_cannot_write(tmp_path):
    """A scenario without a story, a name that is no page, a file that is there: each in words, exit status 2."""
    (tmp_path / "there.html").write_text("mine")
    for arguments, said in (
        (["ms_no_drug", "--out", str(tmp_path / "a.html"), "--replicates", "2"], "has no `story:`"),
        (["ms_daclizumab", "--out", str(tmp_path / "a.pdf")], "end it in .html"),
        (["ms_daclizumab", "--out", str(tmp_path / "there.html")], "there is such a file already"),
        (["ms_daclizumab", "--out", str(tmp_path / "a.html"), "--replicates", "0"], "is not between 1 and"),
    ):
        ran = CliRunner().invoke(main, ["embed", *arguments])
        assert (ran.exit_code, ran.output.count("Traceback")) == (2, 0), ran.output
        assert said in ran.output
    assert [p.name for p in tmp_path.iterdir()] == ["there.html"]
    assert (tmp_path / "there.html").read_text() == "mine"


def test_embed_writes_the_same_file_again(tmp_path):
    """The same scenario, seed and replicates give the same bytes, and the file names nothing outside of itself."""
    files = []
    for name in ("one.html", "two.html"):
        ran = CliRunner().invoke(main, ["embed", "ms_daclizumab", "--out", str(tmp_path / name), "--replicates", "3"])
        assert ran.exit_code == 0, ran.output
        files.append((tmp_path / name).read_text(encoding="utf-8"))
    # The program that draws counts what it clips within a process.
    assert len({re.sub(r"clip\d+", "clip", text) for text in files}) == 1
    assert "http://" not in files[0].replace("http://www.w3.org/", "")
    assert "https://" not in files[0]
    assert len(files[0]) < 1_500_000
