"""How soon the page shows its views and answers a slider, and whether twenty visitors stay served and its memory stays.

Measured in a browser, from the page's own event to the frame in which the new numbers or the next patient stand. Each
round is about ten minutes of twenty people's use without their pauses: each drags the threshold, changes the drug's
effect (which is simulated anew), looks at a trial, draws another one, and goes back. Memory is that of the server and
its workers; what they share counts once. Beside each measure stands its limit; the status is 1 where one is not kept.

Run it on an idle machine of two cores: python benchmarks/page.py [--replicates 2000] [--visitors 20] [--rounds 6]
[--moves 60]; with `--rounds 1` it takes a few minutes. It needs a Chromium on this machine, and Linux for the memory.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
PATIENCE = 600_000  # milliseconds
COLD, WARM = 5.0, 2.0  # seconds to a view's first picture: of work not done yet, and done
NEXT, DRAGGED, TOGETHER = 300.0, 200.0, 1000.0  # milliseconds: 95 % of next patients, the median of one, 95 % of many
MOST_MEMORY, STEADY = 3000.0, 1.2  # MB after any round, and as a multiple of the first
PICTURES = {
    "design": ".design-chart figure svg",
    "patient": ".patient-story figure svg",
    "walk": "#walk .walker",
    "fifteen": ".fifteen-trial figure svg",
    "rule": ".rule-curve figure svg",
    "compare": ".compare-pairs figure svg, .compare-pairs p",
}

_DRIVER = """
window.drive = async (moves) => {
    const slider = document.querySelector('[data-parameter="response_threshold"] [data-role=slider]');
    const times = [];
    for (let k = 0; k < moves; k++) {
        const shown = new Promise((done) => document.addEventListener("rule-shown", done, {once: true}));
        const start = performance.now();
        slider.value = 10 + (k * 37) % 85;
        slider.dispatchEvent(new Event("input", {bubbles: true}));
        await shown;
        await new Promise(requestAnimationFrame);
        times.push(performance.now() - start);
    }
    return times;
};
"""
_SETTLE = """
([name, value]) => {
    const slider = document.querySelector(`[data-parameter="${name}"] [data-role=slider]`);
    slider.value = value;
    for (const kind of ["input", "change"]) slider.dispatchEvent(new Event(kind, {bubbles: true}));
}
"""


_NEXT = """
async (place) => {
    const start = performance.now(), frame = () => new Promise(requestAnimationFrame);
    document.querySelector(`[data-step=patient][data-by="1"]`).click();
    const there = () => [...document.querySelectorAll(".patient-story p")]
        .some((p) => p.textContent.includes(`number ${place} of`));
    while (!there()) await frame();
    await frame();
    return performance.now() - start;
}
"""


class Table:
    """The lines that are printed, and whether all limits are kept."""

    kept = True

    def line(self, what: str, measures: str, *limits: tuple[float, float, str]) -> None:
        """What was measured, and beside it each limit: the measure, the most that it may be, and in words."""
        said = []
        for measure, most, words in limits:
            kept = measure <= most
            self.kept = self.kept and kept
            said.append(f"{words} {most:,.0f}{'' if kept else ': NOT KEPT'}")
        print(f"{what:<46}{measures}" + (f"   (limit: {', '.join(said)})" if said else ""), flush=True)

    def times(self, what: str, times: list[float], *, median: float | None = None, most: float | None = None) -> None:
        """Times in milliseconds, with limits of their median and of 95 % of them."""
        tail, middle = sorted(times)[int(0.95 * (len(times) - 1))], statistics.median(times)
        limits = [(middle, median, "median"), (tail, most, "95 %")]
        told = f"{middle:>8.0f}{tail:>8.0f}{max(times):>8.0f}   ms: median, 95 %, longest"
        self.line(what, told, *[(measure, limit, words) for measure, limit, words in limits if limit is not None])


@contextlib.contextmanager
def served() -> Iterator[tuple[str, int]]:
    """The page on a free port: its address with the token, and the server's process."""
    start = [sys.executable, "-c", "from protocolsim.cli import main; main()", "app", "--port", "0"]
    with subprocess.Popen(start, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own server
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[0], process.pid
        finally:
            process.terminate()


def memory(server: int) -> float:
    """MB of the server and its workers, what they share counted once."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    family = {server}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    total = 0
    for pid in family:
        with contextlib.suppress(OSError):
            total += _own(Path("/proc") / str(pid))
    return total / 1e6


def _own(process: Path) -> int:
    """Bytes of a process, its part of what it shares with others."""
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return 1024 * int(line.split()[1])
    return 0


def opened(browser: Any, address: str, replicates: int) -> Any:
    """A visitor with the rule in front of them."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}&view=rule&replicates={replicates}")
    page.wait_for_selector("#rule-numbers table")
    page.evaluate(_DRIVER)
    return page


def together(pages: list[Any], moves: int) -> list[float]:
    """The milliseconds of every move, of all visitors who drag at the same time."""
    for page in pages:
        page.evaluate(f"() => {{ window.times = null; drive({moves}).then((t) => {{ window.times = t; }}); }}")
    found: list[float] = []
    for page in pages:
        page.wait_for_function("() => window.times !== null")
        found += page.evaluate("() => window.times")
    return found


def used(page: Any, number: int) -> None:
    """One visitor's other business: another effect, a trial, another draw, and back."""
    page.evaluate(_SETTLE, ["daclizumab.median_rate_ratio", f"{0.1 + 0.01 * (number % 80):.2f}"])
    page.click('#view a[data-value="fifteen"]')
    page.wait_for_selector(".fifteen-trial h2")
    page.click("text=New trial >> nth=0")
    page.click('#view a[data-value="rule"]')


def first_pictures(table: Table, browser: Any, address: str, replicates: int) -> None:
    """From the opening of each view, in a page of its own, to its first picture: of work not done yet, and done."""
    for view, picture in PICTURES.items():
        times = []
        for _ in range(2):
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE)
            start = time.perf_counter()
            # Another seed is other work, so that no view finds what another one has left.
            page.goto(f"{address}&view={view}&replicates={replicates}&seed={len(view) + 100}")
            page.wait_for_selector(picture, state="attached")
            times.append(time.perf_counter() - start)
            page.context.close()
        told = f"{times[0]:>8.1f}{times[1]:>8.1f}   s: cold, warm"
        table.line(f"first picture of '{view}'", told, (times[0], COLD, "cold"), (times[1], WARM, "warm"))


def next_patients(browser: Any, address: str, number: int) -> list[float]:
    """Milliseconds from the click to the next patient's story, one after the other, each looked at for a while."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}&view=patient")
    page.wait_for_selector(".patient-story figure svg")
    times = []
    for place in range(2, number + 2):
        page.wait_for_timeout(4000)
        times.append(page.evaluate(_NEXT, place))
    page.context.close()
    return times


def rounds(table: Table, pages: list[Any], asked: argparse.Namespace, server: int) -> None:
    """Everybody's use, round by round: the times of dragging meanwhile, and the memory after each."""
    number, before = 0, float("inf")
    for k in range(asked.rounds):
        start, times = time.perf_counter(), []
        for page in pages:
            number += 1
            used(page, number)
            times += together([page], max(1, asked.moves // 10))
        table.times(f"round {k + 1}, others simulating", times, median=TOGETHER, most=TOGETHER)
        now = memory(server)
        told = f"{now:>8,.0f} MB after {time.perf_counter() - start:.0f} s"
        table.line("", told, (now, min(MOST_MEMORY, STEADY * before), "at most"))
        before = min(before, now)


def main() -> None:
    """Print the table."""
    ask = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    ask.add_argument("--replicates", type=int, default=2000)
    ask.add_argument("--visitors", type=int, default=20)
    ask.add_argument("--rounds", type=int, default=6)
    ask.add_argument("--moves", type=int, default=60)
    asked = ask.parse_args()
    program = next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)
    if program is None:
        sys.exit("no Chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with served() as (address, server), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        table = Table()
        first_pictures(table, browser, address, 200)
        table.times("the next patient, who was made ready", next_patients(browser, address, 8), most=NEXT)
        first = opened(browser, address, asked.replicates)
        together([first], 5)
        one = together([first], asked.moves)
        table.times(f"one visitor, {asked.replicates:,} replicates", one, median=DRAGGED)
        pages = [first, *(opened(browser, address, asked.replicates) for _ in range(asked.visitors - 1))]
        all_at_once = together(pages, max(1, asked.moves // 4))
        table.times(f"{asked.visitors} visitors at once", all_at_once, median=TOGETHER, most=TOGETHER)
        rounds(table, pages, asked, server)
        browser.close()
    sys.exit(0 if table.kept else 1)


if __name__ == "__main__":
    main()
