"""Every lesson runs in Jupyter from top to bottom, keeps what it shows, needs no network, and judges answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import protocolsim
from tests.support.browser import browser
from tests.support.lessons import SVG

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"), key=lambda p: int(p.stem.split("_")[0]))
BLANKS = ("answer = None", "guess = None")
FORGET = "%reset -f"
MOST_BYTES = 2_500_000
NAMESPACES = re.compile(r'xmlns(?::\w+)?="[^"]*"')


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def asked(cells: list[Any]) -> list[tuple[int, str, str]]:
    """The blanks of a lesson: the place of the cell that judges what is written there, the question, and the method."""
    places = [k + 1 for k, cell in enumerate(cells) if cell.source.strip() in BLANKS]
    return [(k, *cells[k].source.partition("(")[0].split(".")) for k in places]


def shown(cell: Any) -> str:
    """What a cell shows as text."""
    return "".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in cell.get("outputs", []))


def pictures(cells: list[Any], form: str = "image/png") -> int:
    return sum(form in o.get("data", {}) for cell in cells for o in cell.get("outputs", []))


def told(cells: list[Any]) -> list[str]:
    """Whatever a lesson says in words and numbers of its own: printed lines, questions, notes; not tables of pandas."""
    lines: list[str] = []
    printing = False  # a busy kernel hands over what is printed in pieces
    for output in (o for cell in cells for o in [*cell.get("outputs", []), {}]):
        text, page = output.get("text"), output.get("data", {}).get("text/html", "<table")
        if text and printing:
            lines[-1] += text
        elif text or page.startswith(("<p>", "<details>")):
            lines.append(text or page)
        printing = bool(text)
    return lines


MOST_SIMULATED = ("8_stopping_early", "10_titration")


@pytest.fixture(scope="module")
def execute() -> Iterator[Callable[[Any], None]]:
    """Executes a lesson in Jupyter. All in one kernel, which forgets every name in between: to start one takes long."""
    clients: list[NotebookClient] = []

    def executed(notebook: Any) -> None:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(FORGET))
        kernel = {"km": clients[0].km} if clients else {}
        clients.append(NotebookClient(notebook, timeout=300, kernel_name="python3", **kernel))
        clients[-1].execute(cleanup_kc=False)
        del notebook.cells[0]

    yield executed
    for client in clients[1:]:
        assert client.kc is not None
        client.kc.stop_channels()
    if clients:
        clients[0]._cleanup_kernel()


def test_they_are_numbered():
    """One lesson after another, from 1 on, and not only one."""
    assert len(NOTEBOOKS) > 1
    assert [path.stem.partition("_")[0] for path in NOTEBOOKS] == [str(k + 1) for k in range(len(NOTEBOOKS))]


@pytest.mark.parametrize(
    "path",
    # The two that simulate most take half a minute each.
    [pytest.param(p, marks=pytest.mark.long) if p.stem in MOST_SIMULATED else p for p in NOTEBOOKS],
    ids=lambda p: p.stem,
)
def test_runs_judges_answers_and_shows_what_is_stored(path, execute):
    """Each cell runs after those before it and says what is stored; no answer, the right one and a wrong one differ."""
    notebook = read(path)
    stored = told(notebook.cells), pictures(notebook.cells)
    questions = asked(notebook.cells)
    assert {method for _, _, method in questions} == {"predict", "check"}
    tried = [
        nbformat.v4.new_code_cell(f"print({name}.{method}({name}.right{off}))")
        for _, name, method in questions
        for off in ("", " + 7")
    ]
    whole = len(notebook.cells)
    notebook.cells += tried
    execute(notebook)
    said = [shown(cell) for cell in notebook.cells[whole:]]
    for k, (place, _, method) in enumerate(questions):
        right, wrong = said[2 * k], said[2 * k + 1]
        assert ("put your answer" if method == "check" else "Write what you expect") in shown(notebook.cells[place])
        assert right.startswith("yes: ") if method == "check" else "as near as one can expect" in right
        assert wrong.startswith("not yet: ") if method == "check" else re.search("too (high|low) by", wrong)
    del notebook.cells[whole:]
    assert (told(notebook.cells), pictures(notebook.cells, SVG)) == stored, "renew: python -m tests.support.lessons"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_keeps_its_pictures_and_needs_no_network(path):
    """Who only opens a lesson sees its pictures, in the form that is shown without trust; nothing in it is fetched."""
    cells = read(path).cells
    assert pictures(cells) >= 1
    assert pictures(cells, SVG) == 0
    for cell in cells:
        assert cell.get("execution_count") is None
        for output in cell.get("outputs", []):
            assert output.output_type in ("stream", "display_data", "execute_result")
            texts = [text for form, text in output.get("data", {}).items() if form != "image/png"]
            said = "".join([output.get("text", ""), *texts])
            assert not re.search(r"https?:|cdn\b|<script", NAMESPACES.sub("", said))


def test_they_are_of_a_sensible_size():
    """All lessons together are a few megabytes at most."""
    assert sum(path.stat().st_size for path in NOTEBOOKS) < MOST_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_question_comes_before_its_answer(path):
    """What computes a right answer, and every solution, is hidden but for its first line; a solution is folded too."""
    for cell in read(path).cells:
        if cell.cell_type != "code":
            continue
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            assert cell.source.startswith("# ")
        if "protocolsim.Question(" in cell.source or "folded=" in cell.source:
            assert cell.metadata["jupyter"]["source_hidden"]
        for output in cell.outputs:
            if "olution" in output.get("data", {}).get("text/html", "")[:60]:
                assert output.data["text/html"].startswith("<details><summary>")


def test_a_browser_without_a_network_shows_every_picture():
    """Of a lesson as JupyterLab and nbconvert show it, every picture is there and seen, with all requests refused."""
    nbconvert = pytest.importorskip("nbconvert")
    path = NOTEBOOKS[3]
    html, _ = nbconvert.HTMLExporter(template_name="lab").from_notebook_node(read(path))
    with browser() as running:
        page = running.new_page()
        page.route("**/*", lambda route: route.abort())
        page.set_content(html, wait_until="domcontentloaded")
        sizes = page.evaluate(
            "[...document.querySelectorAll('.jp-OutputArea img')].map(e => e.getBoundingClientRect().width)"
        )
        folded = page.locator(".jp-OutputArea details:not([open])").count()
        page.close()
    assert len(sizes) == pictures(read(path).cells)
    assert min(sizes) > 200
    assert folded >= 2


def inner_imports(source: str) -> list[str]:
    """The modules inside the package that a cell imports or reaches for."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith("protocolsim.")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "protocolsim":
            found.append(node.module or "")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "protocolsim":
            found += [] if node.attr in protocolsim.__all__ else [node.attr]
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_uses_the_public_api_alone(path):
    """A lesson imports `protocolsim` and uses its public names: what it teaches keeps working."""
    cells = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
    assert any("import protocolsim" in source for source in cells)
    assert [found for source in cells for found in inner_imports(source)] == []


@pytest.mark.parametrize(
    "source",
    [
        "from protocolsim.report.run import figures",
        "import protocolsim.study.run",
        "from protocolsim import report",
        "protocolsim.study.run.run()",
    ],
)
def test_an_inner_import_is_found(source):
    """Each way to reach past the public API is found."""
    assert inner_imports(source) != []
