"""Renew the pictures of the page: python docs/page_pictures.py (needs a Chromium and the extra `test`)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent
# The address, what must be there, how high, and the file.
PICTURES = (
    ("view=rule&replicates=1000&set.response_threshold=50%20%25", "#rule-numbers table", 900, "page_rule.png"),
    ("view=fifteen", ".fifteen-trial figure svg", 800, "page_fifteen.png"),
)


def main() -> None:
    """Serve the page, and look at it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    start = [sys.executable, "-c", "from protocolsim.cli import main; main()", "app", "--port", "0"]
    with subprocess.Popen(start, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:  # noqa: S603
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]  # with its token
        browser = playwright.chromium.launch(executable_path=program, args=["--headless", "--no-sandbox"])
        for query, there, height, name in PICTURES:
            page = browser.new_page(viewport={"width": 1280, "height": height})
            page.goto(f"{address}&{query}", timeout=300_000)
            page.wait_for_selector(there, timeout=300_000)
            page.wait_for_timeout(1500)
            page.screenshot(path=str(FOLDER / name))
        browser.close()
        server.terminate()


if __name__ == "__main__":
    main()
