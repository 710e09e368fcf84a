"""Every lesson in a real JupyterLab that reaches no network: as it is opened, as it is run, and as it is answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest

from tests.support.browser import browser
from tests.support.jupyterlab import BLOCKED, OpenLesson, served_lab
from tests.support.lessons import NOTEBOOKS, SVG

QUICK = "1_one_patient"
NAMES = sorted((path.stem for path in NOTEBOOKS.glob("*.ipynb")), key=lambda name: int(name.partition("_")[0]))
SEEN = """
async (cell) => {
    const pictures = [...cell.querySelectorAll(".jp-OutputArea-output img, .jp-OutputArea-output svg")];
    await Promise.all(pictures.filter((e) => e.decode).map((e) => e.decode()));
    return pictures.map((e) => {
        const box = e.getBoundingClientRect(), room = e.closest(".jp-OutputArea-output").getBoundingClientRect();
        return {width: box.width, height: box.height, inside: box.width <= room.width + 1};
    });
}
"""


@pytest.fixture(scope="module")
def opened() -> Iterator[Callable[[str], OpenLesson]]:
    """Opens a lesson in a JupyterLab that all share, with one browser."""
    pytest.importorskip("jupyterlab")
    with browser(BLOCKED) as running, served_lab() as lab:
        yield lambda name: OpenLesson(running, lab, name)


def cells(name: str) -> list[Any]:
    found: list[Any] = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    return found


def drawn(cell: Any) -> int:
    """How many pictures are stored with a cell."""
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def pictures_are_seen(lesson: OpenLesson, name: str) -> None:
    """Each picture of the lesson is there, large enough to be read, and as wide as its place at most."""
    for place, cell in enumerate(cells(name)):
        if drawn(cell):
            sizes = lesson.cell(place).evaluate(SEEN)
            assert len(sizes) == drawn(cell), (name, place)
            for size in sizes:
                assert size["width"] > 300, (name, place)
                assert size["height"] > 150, (name, place)
                assert size["inside"], (name, place)


def code_is_folded(lesson: OpenLesson, name: str) -> None:
    """What prepares a question is folded to its first line, which says so; a solution opens when it is clicked at."""
    for place, cell in enumerate(cells(name)):
        if not cell.get("metadata", {}).get("jupyter", {}).get("source_hidden"):
            continue
        shown = lesson.cell(place)
        assert not shown.locator(".jp-InputArea-editor").is_visible(), (name, place)
        assert shown.locator(".jp-Cell-inputWrapper .jp-Placeholder").inner_text().startswith("# "), (name, place)
        if "folded=" in cell.source:
            details = shown.locator("details")
            text = details.locator("p").first
            assert not text.is_visible(), (name, place)
            details.locator("summary").click()
            assert text.is_visible(), (name, place)


def runs(lesson: OpenLesson, name: str) -> None:
    """All cells, without an error or a warning, with as many pictures as are stored."""
    lesson.run()
    outputs = lesson.outputs()
    wrong = [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert wrong == [], name
    assert sum(SVG in o.get("data", {}) for o in outputs) == sum(map(drawn, cells(name))), name


@pytest.mark.long
def test_a_lesson_is_opened_run_and_answered(opened):
    """Its pictures are seen before anything is run and after; an answer typed into its cell is told its mistake."""
    lesson = opened(QUICK)
    pictures_are_seen(lesson, QUICK)
    runs(lesson, QUICK)
    pictures_are_seen(lesson, QUICK)
    code_is_folded(lesson, QUICK)
    place = next(k for k, cell in enumerate(cells(QUICK)) if cell.source == "answer = None")
    for answer, said in (("six and a half", "not yet: "), ("banana", "was not understood"), ("1", "yes: 1")):
        lesson.cell(place).locator(".cm-content").click()
        lesson.page.keyboard.press("Control+A")
        lesson.page.keyboard.type(f'answer = "{answer}"')
        lesson.page.keyboard.press("Shift+Enter")
        lesson.page.keyboard.press("Shift+Enter")
        lesson.cell(place + 1).locator(".jp-OutputArea-output", has_text=re.compile(re.escape(said))).wait_for()
    assert lesson.close() == []


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NAMES if name != QUICK])
def test_every_lesson_is_opened_and_run(opened, name):
    """Pictures are seen before it is run and after, nothing goes wrong, and nothing is asked of another host."""
    lesson = opened(name)
    pictures_are_seen(lesson, name)
    runs(lesson, name)
    pictures_are_seen(lesson, name)
    code_is_folded(lesson, name)
    assert lesson.close() == []
