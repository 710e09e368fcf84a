"""A sweep that is killed again and again at random moments, and gone on with each time.

    python -m tests.killing FOLDER SEED KILLS

Works in FOLDER: `undisturbed` is the sweep without disturbance; `killed0`, `killed1`, ... were killed KILLS times in
all, and then finished. Children are forked from a process that has compiled already, so that a child is soon at work;
each is a whole process that dies by SIGKILL, with whatever it was writing.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from protocolsim.cli import main
from protocolsim.report import sweep_page
from protocolsim.study import chunk
from protocolsim.study.sweep import Sweep

SWEEP = (
    *("sweep", "ms_daclizumab", "--set", "cohort.size=5", "--replicates", "500", "--quiet"),
    *("--vary", "response_threshold=25%,50%", "--workers", "1"),
)
FINISHED = "summary.json"


def plain_report(found: Sweep, folder: Path) -> None:
    """A report that is drawn at once."""
    (folder / "report.html").write_text(found.own.title * 1000)


def started(folder: Path, *more: str) -> int:
    """A child that does the sweep; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        main([*SWEEP, "--out", str(folder), *more])
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    finally:
        os._exit(99)


def killed(pid: int, seconds: float) -> bool:
    """Kill the child after so long; whether it was still at work."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0, status
            return False
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def finish(folder: Path, *more: str) -> float:
    """Do the rest; how long it took."""
    begun = time.monotonic()
    status = os.waitstatus_to_exitcode(os.waitpid(started(folder, *more), 0)[1])
    assert status == 0, status
    return time.monotonic() - begun


def disturb(work: Path, seed: int, kills: int) -> None:
    """Everything."""
    chunk._SUBJECTS["batch"] = 100  # many chunks
    sweep_page.write_report = plain_report
    luck = random.Random(seed)  # noqa: S311 - a seed that makes a failure repeatable
    finish(work / "warm")  # compiles
    whole = finish(work / "undisturbed")
    number = hit = 0
    while hit < kills:
        folder = work / f"killed{number}"
        if (folder / FINISHED).exists():
            number += 1
            continue
        pid = started(folder, *(["--resume"] if folder.exists() else []))
        hit += killed(pid, luck.uniform(0.0, whole / 5))
    for folder in sorted(work.glob("killed[0-9]")):
        if not (folder / FINISHED).exists():
            finish(folder, "--resume")
    sys.stdout.write(f"{hit} kills in {number + 1} studies\n")


if __name__ == "__main__":
    disturb(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
