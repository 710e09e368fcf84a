"""A JupyterLab on this machine alone, and a lesson in it as a student sees it.

`python -m tests.support.jupyterlab FOLDER [NAME ...]` runs lessons in it and leaves pictures of them, light and dark.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.browser import browser
from tests.support.lessons import NOTEBOOKS

BLOCKED = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
START = 90.0  # seconds until the server answers
PATIENCE = 180_000  # milliseconds until JupyterLab does what it was asked, on a machine where others work, too
# What JupyterLab itself would ask of the network, and would ask the student about on the first visit.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
}
DARK = {"apputils-extension/themes": {"theme": "JupyterLab Dark"}}


@dataclass(frozen=True)
class ServedLab:
    """A JupyterLab: its address and the token that opens it."""

    address: str
    token: str


@contextmanager
def served_lab(*, dark: bool = False) -> Iterator[ServedLab]:
    """JupyterLab on loopback over a copy of the lessons, with settings of its own and none of this machine's."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copytree(NOTEBOOKS, place / "notebooks")
        for name, settings in (SETTINGS | (DARK if dark else {})).items():
            file = place / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings), encoding="utf-8")
        kept = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
        surroundings = os.environ | {f"JUPYTER_{name}_DIR": str(place / at) for name, at in kept.items()}
        surroundings |= {f"JUPYTERLAB_{name}_DIR": str(place / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
        surroundings |= {"IPYTHONDIR": str(place / "ipython"), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        token = secrets.token_hex(16)
        start = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
            f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={place / 'notebooks'}",
            "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
        ]  # fmt: skip
        with (place / "log").open("w") as log, subprocess.Popen(start, env=surroundings, stderr=log) as process:
            try:
                yield ServedLab(_address(place, process), token)
            finally:
                process.terminate()


def _address(place: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the server is, from the file that it writes as soon as it listens."""
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        for file in (place / "runtime").glob("jpserver-*.json"):
            try:
                return str(json.loads(file.read_text(encoding="utf-8"))["url"]).rstrip("/")
            except ValueError:  # not yet written to its end
                pass
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start: {(place / 'log').read_text()[-2000:]}")


class OpenLesson:
    """One lesson that is open in a browser, and every host that was asked for anything."""

    def __init__(self, running: Any, lab: ServedLab, name: str) -> None:
        self.context = running.new_context(viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.left: list[str] = []
        host = lab.address.removeprefix("http://")
        ours = (f"http://{host}/", f"ws://{host}/", "data:", "blob:")
        self.context.on("request", lambda r: None if r.url.startswith(ours) else self.left.append(r.url))
        self.page.on("websocket", lambda w: None if w.url.startswith(ours) else self.left.append(w.url))
        self.page.goto(f"{lab.address}/lab/tree/{name}.ipynb?token={lab.token}&reset")
        self.page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.content?.model?.cells?.length > 1"
            " && jupyterapp.shell.currentWidget.context.isReady"
        )

    def run(self) -> None:
        """Run all cells in a kernel, as the menu does, and wait for the last."""
        self.page.evaluate(
            """async () => {
                const {context} = jupyterapp.shell.currentWidget;
                await context.sessionContext.ready;
                await jupyterapp.commands.execute("notebook:run-all-cells");
            }"""
        )

    def outputs(self) -> list[dict[str, Any]]:
        """Every output of every cell, as the notebook holds it."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "[...jupyterapp.shell.currentWidget.content.model.cells]"
            ".filter((cell) => cell.type === 'code').flatMap((cell) => cell.outputs.toJSON())"
        )
        return found

    def cell(self, place: int) -> Any:
        """A cell, scrolled to, since JupyterLab keeps only those near the window."""
        self.page.evaluate(
            """async (place) => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = place;
                await notebook.scrollToItem(place, "start");
                await notebook.widgets[place].ready;
            }""",
            place,
        )
        found = self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{place}']")
        found.wait_for(state="attached")
        return found

    def notebook(self) -> dict[str, Any]:
        """The notebook as it would be saved."""
        saved: dict[str, Any] = self.page.evaluate("jupyterapp.shell.currentWidget.content.model.toJSON()")
        return saved

    def height(self) -> int:
        """How high all cells are together, in pixels."""
        high: int = self.page.evaluate(
            "Math.ceil(Math.max(...[...jupyterapp.shell.currentWidget.content.node.querySelectorAll('*')]"
            ".map((e) => e.scrollHeight)))"
        )
        return high

    def close(self) -> list[str]:
        """Leave; what was asked of other hosts."""
        self.page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")
        self.context.close()
        return self.left


def pictured(folder: Path, names: list[str]) -> None:
    """Run lessons and leave pictures of each, whole, light and dark."""
    with served_lab() as lab, browser(BLOCKED) as running:
        for name in names:
            lesson = OpenLesson(running, lab, name)
            lesson.run()
            wrong = [output for output in lesson.outputs() if output["output_type"] in ("error", "stream")]
            for theme in ("JupyterLab Light", "JupyterLab Dark"):
                lesson.page.evaluate("(theme) => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
                lesson.page.set_viewport_size({"width": 1240, "height": 900})
                lesson.page.wait_for_timeout(1000)
                lesson.page.set_viewport_size({"width": 1240, "height": lesson.height() + 200})
                lesson.page.wait_for_timeout(1000)
                lesson.cell(0)
                lesson.page.wait_for_timeout(1000)
                lesson.page.screenshot(path=folder / f"{name}_{theme.split()[1].lower()}.png")
            (folder / f"{name}.ipynb").write_text(json.dumps(lesson.notebook()), encoding="utf-8")
            sys.stderr.write(f"{name}: {len(wrong)} outputs of errors or streams, asked {lesson.close()}\n")


if __name__ == "__main__":
    into = Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    pictured(into, sys.argv[2:] or sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
