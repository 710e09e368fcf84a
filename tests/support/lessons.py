"""Executes the lessons and stores what they show: `python -m tests.support.lessons [NAME ...]` renews `notebooks/`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
KEPT = ("text/plain", "text/html", "image/svg+xml")


def without_noise(notebook: Any) -> None:
    """Take away what differs from one execution to the next: counts, times and forms that are shown nowhere."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        cell.execution_count = None
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = None
            if "data" in output:
                output.data = {form: output.data[form] for form in KEPT if form in output.data}
                if "image/svg+xml" in output.data and isinstance(output.data["image/svg+xml"], list):
                    output.data["image/svg+xml"] = "".join(output.data["image/svg+xml"])


def executed(path: Path) -> Any:
    """The notebook with its outputs, as it is stored."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    without_noise(notebook)
    return notebook


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")):
        place = NOTEBOOKS / f"{name}.ipynb"
        text = nbformat.writes(executed(place), indent=1)
        place.write_text(text + "\n", encoding="utf-8")
        sys.stderr.write(f"{name}: {len(text) // 1024} kB\n")
