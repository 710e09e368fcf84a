"""Executes the lessons and stores what they show: `python -m tests.support.lessons [NAME ...]` renews `notebooks/`."""

from __future__ import annotations

import base64
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
KEPT = ("text/plain", "text/html", "image/png")
SVG = "image/svg+xml"
MOST_WORDS = 2000  # letters
FINENESS = 1.5  # pixels of what is stored for each of the drawing


def as_png(svg: str) -> tuple[str, dict[str, int]]:
    """A drawing as it is stored, in few colours, and how large it is shown."""
    import vl_convert
    from PIL import Image

    drawn = Image.open(BytesIO(bytes(vl_convert.svg_to_png(svg, scale=FINENESS)))).convert("RGB")
    shown = {"width": round(drawn.width / FINENESS), "height": round(drawn.height / FINENESS)}
    written = BytesIO()
    drawn.quantize(128, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return base64.b64encode(written.getvalue()).decode(), shown


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
                _stored(output)


def _stored(output: Any) -> None:
    """Keep what JupyterLab shows of a notebook that it does not trust, which one is that was run elsewhere: no SVG."""
    drawn = output.data.get(SVG)
    output.metadata = {}
    if drawn is not None:
        output.data["image/png"], output.metadata["image/png"] = as_png("".join(drawn))
    if len(output.data) > 1 and len(output.data.get("text/plain", "")) > MOST_WORDS:
        del output.data["text/plain"]  # the whole of an object, which is shown as something else
    output.data = {form: output.data[form] for form in KEPT if form in output.data}


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
