"""A command that is killed again and again at random moments, and given again each time.

    python -m tests.support.killing COMMAND FOLDER SEED KILLS

Works in FOLDER: `undisturbed` is what the command leaves without disturbance; `killed0`, `killed1`, ... were killed
KILLS times in all, and then finished. Children are forked from a process that has done the command on a small scale:
what it compiled and loaded is theirs, and a child is soon at work. Each is a whole process that dies by SIGKILL, with
whatever it was writing.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from protocolsim.cli import main
from protocolsim.report.boundaries import files as boundary_files
from protocolsim.report.calibration import files as calibration_files
from protocolsim.report.comparison import files as comparison_files
from protocolsim.report.decision import files as decision_files
from protocolsim.report.run import page
from protocolsim.report.sweep import page as sweep_page
from protocolsim.study.calibration import calibrate
from protocolsim.study.execution import chunks
from protocolsim.study.sweep.sweep import Sweep

_SMALL = ("ms_daclizumab", "--set", "cohort.size=5", "--quiet")
_ALONE = ("--workers", "1")
COMMANDS = {
    "run": ("run", *_SMALL, "--replicates", "400", "--no-companions", *_ALONE),
    "sweep": ("sweep", *_SMALL, "--replicates", "200", "--vary", "response_threshold=25%,50%", *_ALONE),
    "thresholds": ("thresholds", *_SMALL, "--replicates", "80", "--random-streams", "2", *_ALONE),
    "boundaries": (
        "boundaries",
        "ms_group_sequential",
        "--set",
        "cohort.size=40",
        "--set",
        "interim.looks.when.followed=[10, 20, 30, 40]",
        "--quiet",
        "--replicates",
        "120",
        *_ALONE,
    ),
    "validate": ("validate", *_SMALL, "--replicates", "60", *_ALONE),
    "compare": ("compare", "ms_no_drug", *_SMALL, "--replicates", "400", *_ALONE),
    "calibrate": ("calibrate", *_SMALL, "--points", "96", "--trials", "8", *_ALONE),
}
SWEEP = COMMANDS["sweep"]
FINISHED = "summary.json"


def plain_report(sweep: Sweep, folder: Path) -> None:
    """A report that is drawn at once."""
    (folder / "report.html").write_text(sweep.own.title * 1000)


def started(words: tuple[str, ...], folder: Path, *more: str) -> int:
    """A child that does the command; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        main([*words, "--out", str(folder), *more])
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


def finish(words: tuple[str, ...], folder: Path, *more: str) -> float:
    """Do the rest; how long it took."""
    begun = time.monotonic()
    status = os.waitstatus_to_exitcode(os.waitpid(started(words, folder, *more), 0)[1])
    assert status == 0, status
    return time.monotonic() - begun


def drawn_at_once() -> None:
    """Pages and figures take seconds to draw; what is written in their place has no less to lose."""
    stand_in: Any = lambda *_: "a page" * 1000  # noqa: E731 - one for all
    sweep_page.write_report = plain_report
    comparison_files.comparison_page = stand_in
    page.page = stand_in
    vars(decision_files)["charts"] = lambda summary: {}
    vars(decision_files)["threshold_page"] = stand_in
    vars(calibration_files)["calibration_page"] = stand_in
    vars(boundary_files)["charts"] = lambda result: {}
    vars(boundary_files)["boundaries_page"] = stand_in
    calibrate.CHECKED, calibrate.TRIALS_CHECKED, calibrate.FITS = 8, 2, 10


def warm(words: tuple[str, ...], folder: Path) -> None:
    """The command with few trials, in this process."""
    few = list(words)
    for option, number in (("--replicates", "4"), ("--points", "40"), ("--trials", "2")):
        if option in few:
            few[few.index(option) + 1] = number
    with contextlib.suppress(SystemExit):
        main([*few, "--out", str(folder)])
    assert (folder / FINISHED).exists()


def disturb(command: str, work: Path, seed: int, kills: int) -> None:
    """Everything."""
    chunks._SUBJECTS["batch"] = 100  # many chunks
    drawn_at_once()
    words = COMMANDS[command]
    rng = random.Random(seed)  # noqa: S311 - a seed that makes a failure repeatable
    warm(words, work / "warm")
    whole = finish(words, work / "undisturbed")
    number = hit = 0
    while hit < kills:
        folder = work / f"killed{number}"
        if (folder / FINISHED).exists():
            number += 1
            continue
        pid = started(words, folder, *(["--resume"] if folder.exists() else []))
        hit += killed(pid, rng.uniform(0.0, whole / 5))
    for folder in sorted(work.glob("killed[0-9]*")):
        if not (folder / FINISHED).exists():
            finish(words, folder, "--resume")
    sys.stdout.write(f"{hit} kills in {number + 1} studies\n")


if __name__ == "__main__":
    disturb(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
