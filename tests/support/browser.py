"""A browser and a served page, for the tests that look at what a visitor sees."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
REPLICATES = 10  # of a trial whose numbers are compared with those of a run
PATIENCE = 120_000  # milliseconds: on a fresh machine the first simulation compiles


@dataclass(frozen=True)
class Served:
    """A page that is served: its address, and the token that opens it."""

    address: str
    token: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def opening(self, path: str = "") -> str:
        """The address that opens the page, set up as the path's query says."""
        fields = [f"token={self.token}"] if self.token else []
        return f"{self.address}/?{'&'.join([*fields, path.removeprefix('?')])}"


@contextmanager
def served(*arguments: str, errors: Any = None) -> Iterator[Served]:
    """`protocolsim app` with these arguments on a free port. What it says on standard error goes to `errors`.

    With one process that simulates, unless said: where more are free they make ready what a visitor probably asks for
    next, which the tests that run beside would wait for.
    """
    lone = [] if "--workers" in arguments else ["--workers", "1"]
    start = [sys.executable, "-c", "from protocolsim.cli import main; main()", "app", *arguments, *lone, "--port", "0"]
    with subprocess.Popen(start, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        assert process.stdout is not None
        try:
            found = re.match(r"(http://\S+)/(?:\?token=(\S+))?", process.stdout.readline())
            assert found, "the page did not start"
            yield Served(found[1], found[2] or "", process)
        finally:
            process.terminate()


@contextmanager
def browser(*flags: str) -> Iterator[Any]:
    """A headless Chromium of this machine, with further flags; the test is skipped where there is none."""
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser on this machine (looked for {', '.join(NAMES)}): apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags])
        yield running
        running.close()


class Visit:
    """One visitor's page, and everything that must not happen on it."""

    def __init__(self, running: Any, page: Served, path: str = "") -> None:
        self.context = running.new_context(viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.address = page.address
        self.errors: list[str] = []
        self.left: list[str] = []
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.context.on("request", lambda r: None if self._here(r.url) else self.left.append(r.url))
        self.page.on("websocket", lambda w: None if self._here(w.url) else self.left.append(w.url))
        self.page.goto(page.opening(path))
        self.page.wait_for_selector("#form [data-parameter]", state="attached")  # beside the opening it is hidden

    def _here(self, url: str) -> bool:
        host = self.address.removeprefix("http://")
        return url.startswith((f"http://{host}/", f"ws://{host}/", "data:", "blob:"))

    def view(self, name: str) -> None:
        """Open a tab."""
        self.page.click(f'#view a[data-value="{name}"]')

    def move(self, name: str, value: str, *, settled: bool = True) -> None:
        """Drag a slider there, as a hand does: first input, then change."""
        self.page.eval_on_selector(
            f'[data-parameter="{name}"] [data-role=slider]',
            """(slider, [value, settled]) => {
                slider.value = value;
                slider.dispatchEvent(new Event("input", {bubbles: true}));
                if (settled) slider.dispatchEvent(new Event("change", {bubbles: true}));
            }""",
            [value, settled],
        )

    def value(self, estimate: str, column: int = 0) -> float:
        """The exact value behind a number of the table of the rule."""
        cell = f'#rule-numbers tr[data-estimate="{estimate}"] td[data-column="{column}"]'
        return float(self.page.get_attribute(cell, "data-exact"))

    def idle(self) -> None:
        """Wait until nothing is under way in the tab."""
        self.page.wait_for_function(
            "() => ![...document.querySelectorAll('.status')].some((s) => !s.hidden && s.offsetParent)"
        )

    def close(self) -> None:
        """Leave; nothing may have gone wrong on the way."""
        errors, left = self.errors, self.left
        self.context.close()
        assert errors == []
        assert left == []
