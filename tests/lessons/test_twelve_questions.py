"""The page for teachers: each of its twelve questions is answered by a view or a step that exists, and by a lesson."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

import protocolsim
from protocolsim.app.described import described
from protocolsim.app.state import VisitorState, other_of, restored, scenario_of
from protocolsim.app.view.catalogue import views
from tests.support.lessons import NOTEBOOKS

PAGE = (Path(__file__).parents[2] / "docs" / "how_to" / "teach.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^### (\d+)\. (.+?)\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"\*([^*]+)\*")


def told(text: str, kind: str) -> list[tuple[str, str]]:
    """What a question names of a kind (Step, Lesson), and of what: ("The decision", "ms_daclizumab")."""
    found = []
    for line in re.findall(rf"^- {kind}: (.+)$", text, re.MULTILINE):
        for names, of in re.findall(r"(.+?) of `(\w+)`", line):
            found += [(name, of) for name in NAMED.findall(names)]
    return found


def headings(lesson: str) -> set[str]:
    """The headings of the sections of a lesson."""
    cells = nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", as_version=4).cells
    return {
        h for cell in cells if cell.cell_type == "markdown" for h in re.findall(r"^## (.+)$", cell.source, re.MULTILINE)
    }


def test_there_are_twelve_and_each_has_a_page_a_step_and_a_lesson():
    """Twelve questions in their order, each answered by a view, by a step of a story and by a lesson."""
    assert [int(number) for number, _, _ in QUESTIONS] == list(range(1, 13))
    for _, question, text in QUESTIONS:
        assert question.endswith("?")
        assert re.search(r"^- Page: `\?scenario=", text, re.MULTILINE), question
        assert told(text, "Step"), question
        assert told(text, "Lesson"), question


@pytest.mark.parametrize(("question", "text"), [(q, t) for _, q, t in QUESTIONS], ids=[n for n, _, _ in QUESTIONS])
def test_what_a_question_names_exists(question: str, text: str):
    """Each address opens a view that its scenario has, with settings that hold; each step and section exists."""
    for address in re.findall(r"`\?(scenario=[^`]+)`", text):
        state = restored(address, VisitorState("ms_daclizumab"))
        scenario_of(state)
        if state.view == "compare":
            other_of(state)
        offered = [view.name for view in views() if view.offered(described(state))]
        assert state.view in offered, (question, address)
    for step, scenario in told(text, "Step"):
        assert step in {s.heading for s in protocolsim.load(scenario).story}, (question, step)
    for section, lesson in told(text, "Lesson"):
        assert section in headings(lesson), (question, section)


def test_the_hours_name_what_exists():
    """The plans speak of steps of the story that is told and of sections of the lessons, and each fills an hour."""
    with_page, with_lessons = PAGE.split("## An hour")[1:]
    steps = {step.heading for step in protocolsim.load("ms_daclizumab").story}
    planned = set(re.findall(r"[Ss]tep \*([^*]+)\*", with_page))
    assert planned <= steps
    for lesson, section in re.findall(r"[Ll]esson (\d+)[^|]*?to \*([^*]+)\*", with_lessons):
        (path,) = NOTEBOOKS.glob(f"{lesson}_*.ipynb")
        assert section in headings(path.stem)
    for plan in (with_page, with_lessons):
        minutes = [tuple(map(int, pair)) for pair in re.findall(r"^\| (\d+) to (\d+) \|", plan, re.MULTILINE)]
        assert [begin for begin, _ in minutes] == [0, *(end for _, end in minutes[:-1])]
        assert minutes[-1][1] == 60
