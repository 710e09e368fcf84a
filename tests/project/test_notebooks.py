"""Every lesson runs in Jupyter from top to bottom, is kept without outputs, and tells right answers from wrong ones."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import protocolsim

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
BLANK = "answer = None"
FORGET = "%reset -f"


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def check_cell(cells: list[Any]) -> int:
    """The place of the cell that judges the reader's answer: the one after the blank."""
    (blank,) = (k for k, cell in enumerate(cells) if cell.source.strip() == BLANK)
    return blank + 1


def printed(cell: Any) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_runs_and_judges_answers(path, execute):
    """Each cell runs after those before it; no answer, the right one and a wrong one are told apart."""
    notebook = read(path)
    cells = notebook.cells
    at = check_cell(cells)
    judge = cells[at].source
    added = [nbformat.v4.new_code_cell(f"answer = {answer}\n{judge}") for answer in ("right", "right + 7")]
    cells[at + 1 : at + 1] = added
    execute(notebook)
    said = [printed(cell) for cell in cells[at : at + 3]]
    assert "put your answer" in said[0]
    assert said[1].splitlines()[-1] == "yes"
    assert said[2].splitlines()[-1].startswith("not yet")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_is_kept_without_outputs(path):
    """No output and no count is stored."""
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


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
