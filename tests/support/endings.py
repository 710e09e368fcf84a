"""Studies and the page, each with two workers, ended again and again at random moments, in every way there is.

    python -m tests.support.endings FOLDER SEED ENDINGS

The ways: Ctrl-C to all processes of the terminal, SIGTERM and SIGKILL to the command, SIGKILL to one of its workers,
and a disk that is full. Whatever the moment: the command ends within seconds, with the status of its ending, without a
traceback; none of its processes is left; and a study that keeps its parts goes on to the results of an undisturbed
one. Prints a line for each study and way. Commands are forked from a process that has compiled already, so that an
ending takes a second or two; each is a session of its own, by which its workers are found. Needs Linux.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocolsim import __main__ as command
from protocolsim.cli import main as commands
from protocolsim.report.calibration import files as calibration_files
from protocolsim.report.decision import files as decision_files
from protocolsim.report.run import page
from protocolsim.report.sweep import page as sweep_page
from protocolsim.study.execution import chunks

SCENARIO = """\
title: A trial
parameters:
  least: {value: 1, meaning: how much is enough}
cohort: {size: 5, disease: relapsing_ms, arrives_on: nothing}
protocol:
  summaries: {seen: {count of: cel}}
  states:
    treated: {enrolled: true, assessments: {mri: {every: 4 weeks}}, lasts: 52 weeks}
    done: {final: completed}
  transitions:
    - {from: treated, to: done, when: seen >= least}
    - {from: treated, to: done, otherwise: true}
"""
TWO = ("--quiet", "--workers", "2")
SMALL = ("ms_daclizumab", "--set", "cohort.size=3")
STUDIES = {
    "run": ("run", "trial.yaml", "--replicates", "200", *TWO),
    "sweep": ("sweep", "trial.yaml", "--replicates", "300", "--vary", "least=1,2", *TWO),
    "thresholds": ("thresholds", *SMALL, "--replicates", "60", "--random-streams", "2", *TWO),
    "calibrate": ("calibrate", *SMALL, "--points", "40", "--trials", "2", *TWO),
    "app": ("app", "--port", "0"),
}
RESUMED = ("run", "sweep", "thresholds", "calibrate")
WAYS = ("SIGINT", "SIGTERM", "SIGKILL", "worker", "disk")
STATUS = {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}
MOST_SECONDS = 60.0  # on a machine that has much else to do; an ending that hangs takes for ever
TIMED = ("provenance.json", "report.html")


@dataclass
class Ended:
    """What was seen of one study and way."""

    seconds: list[float] = field(default_factory=list)
    early: int = 0  # it was done before
    resumed: int = 0


def begun(words: tuple[str, ...], said: Path, most: int | None = None) -> int:
    """The command as a process of its own; its number. `most`: no file may be longer, as on a full disk."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        if most is not None:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        sys.argv = ["protocolsim", *words]
        command.main()
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    finally:
        os._exit(99)


def members(session: int) -> list[int]:
    """The processes of a session that are not dead."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, sid = path.read_text().rpartition(")")[2].split()[:4]
            if int(sid) == session and state != "Z":
                found.append(int(path.parent.name))
    return found


def status_of(pid: int, seconds: float) -> int | None:
    """The status with which a command ends within so many seconds, or None."""
    late = time.monotonic() + seconds
    while time.monotonic() < late:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


def results(folder: Path) -> dict[str, bytes]:
    """The final results, without what tells when and how fast they were made."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name not in TIMED}


def plainly() -> None:
    """Let pages be written at once: to draw them takes longer than all the rest."""

    def page_of(found: Any, folder: Path) -> None:
        (folder / "report.html").write_text("a page")

    def summary_of(found: Any, folder: Path) -> None:
        (folder / "summary.json").write_text(json.dumps(found.summary()))

    for module, name, plain in (
        (sweep_page, "write_report", page_of),
        (page, "page", lambda _: "a page"),
        (decision_files, "write_thresholds", summary_of),
        (calibration_files, "write_calibration", summary_of),
    ):
        assert hasattr(module, name)
        setattr(module, name, plain)


class Endings:
    """All of them, in a folder."""

    def __init__(self, work: Path, seed: int) -> None:
        self.work, self.said = work, work / "said.txt"
        self.rng = random.Random(seed)  # noqa: S311 - a seed that makes a failure repeatable
        self.whole: dict[str, float] = {}
        self.counts: dict[tuple[str, str], int] = defaultdict(int)
        self.seen: dict[tuple[str, str], Ended] = defaultdict(Ended)

    def prepare(self) -> None:
        """Each study undisturbed; the first of them compiles."""
        os.chdir(self.work)
        Path("trial.yaml").write_text(SCENARIO)
        for name, words in STUDIES.items():
            if name == "app":
                self.whole[name] = 4.0
                continue
            with contextlib.suppress(SystemExit):  # here, and in one process: what is compiled and loaded is inherited
                commands([*words[:-1], "1"])
            began = time.monotonic()
            status = status_of(begun((*words, "--out", str(self.work / name)), self.said), 600)
            assert status == 0, (name, status, self.said.read_text())
            self.whole[name] = time.monotonic() - began

    def one(self, name: str, way: str) -> None:
        """One ending."""
        words, out = STUDIES[name], self.work / "out"
        with self.disk(way) as (folder, most):
            out = folder / "out"
            kept = () if name == "app" else ("--out", str(out))
            pid = begun((*words, *kept), self.said, most)
            expected, waits = self.act(pid, name, way)
            began = time.monotonic()
            status = status_of(pid, max(MOST_SECONDS, 30 * self.whole[name]) if waits else MOST_SECONDS)
            took = time.monotonic() - began
            self.judge(pid, name, way, status, expected)
            seen = self.seen[name, way]
            seen.early += status == 0 and way != "worker"
            if not waits:
                seen.seconds.append(took)
            if name in RESUMED and status and out.exists() and self.rng.random() < 0.5:
                self.go_on(name, out)
                seen.resumed += 1
            elif name in RESUMED and status == 0:
                assert results(out) == results(self.work / name), f"{name} ({way}): other results"

    def act(self, pid: int, name: str, way: str) -> tuple[tuple[int, ...], bool]:
        """End it; which statuses that may have, and whether it goes on working before it ends."""
        moment = self.rng.uniform(0.0, 1.1 * self.whole[name])
        if way == "disk":
            return (2, 0), True
        early = status_of_soon(pid, moment)
        if early is not None:
            return (early,), False
        if way == "worker":
            workers = [p for p in members(pid) if p != pid]
            if workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.rng.choice(workers), signal.SIGKILL)
            if name != "app":
                return (0,), True
            time.sleep(0.2)
            way = "SIGTERM"
        number = getattr(signal, way)
        os.killpg(pid, number) if way == "SIGINT" else os.kill(pid, number)
        if way == "SIGINT" and self.rng.random() < 0.3:  # somebody is impatient
            time.sleep(self.rng.uniform(0.0, 0.2))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)
        return (STATUS[way], 0) if name != "app" else (STATUS[way],), False

    def judge(self, pid: int, name: str, way: str, status: int | None, expected: tuple[int, ...]) -> None:
        """Whether it ended as it should."""
        said, at = self.said.read_text(errors="replace"), f"{name} ({way})"
        if status is None:
            stack = subprocess.run(["ps", "-eo", "pid,sid,stat,wchan:20,args"], capture_output=True, check=False).stdout
            os.killpg(pid, signal.SIGKILL)
            raise AssertionError(f"{at}: it does not end\n{said}\n{stack.decode()}")
        assert status in expected, f"{at}: status {status}, not {expected}\n{said}"
        for word in ("Traceback", "Exception ignored", "Error:", "Aborted"):
            assert word not in said, f"{at}: {word}\n{said}"
        late = time.monotonic() + MOST_SECONDS
        while left := members(pid):
            assert time.monotonic() < late, f"{at}: {left} are left"
            time.sleep(0.02)

    def go_on(self, name: str, out: Path) -> None:
        """The same study, resumed where it can be."""
        again = (*STUDIES[name], "--out", str(out), "--resume")
        status = status_of(begun(again, self.said), MOST_SECONDS + 10 * self.whole[name])
        if status == 2 and ("No space" in self.said.read_text() or "nothing to go on from" in self.said.read_text()):
            return
        assert status == 0, f"{name}: resumed with status {status}\n{self.said.read_text()}"
        assert results(out) == results(self.work / name), f"{name}: other results after it went on"

    @contextlib.contextmanager
    def disk(self, way: str) -> Iterator[tuple[Path, int | None]]:
        """Where results go: for a full disk one of 1 MB or less, where one can be mounted; else bounded files."""
        folder = self.work / "disk"
        folder.mkdir()
        size, most, mounted = int(4 * 250 ** self.rng.random()), None, False  # small ones as often as large
        if way == "disk":
            mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)]
            mounted = not subprocess.run(mount, capture_output=True, check=False).returncode
            most = None if mounted else size * 200
        try:
            yield folder, most
        finally:
            if mounted:
                subprocess.run(["umount", str(folder)], check=True)
            shutil.rmtree(folder)

    def report(self) -> str:
        """A line for each study and way."""
        lines = [f"{'study':<11}{'way':<9}{'endings':>8}{'done before':>12}{'resumed':>8}{'slowest s':>10}"]
        for (name, way), seen in sorted(self.seen.items()):
            number, slowest = self.counts[name, way], f"{max(seen.seconds, default=0):.2f}"
            lines.append(f"{name:<11}{way:<9}{number:>8}{seen.early:>12}{seen.resumed:>8}{slowest:>10}")
        return "\n".join(lines)

    def all(self, number: int) -> None:
        """So many endings, of every study in every way in turn."""
        self.prepare()
        pairs = [(s, w) for s in STUDIES for w in WAYS if (s, w) != ("app", "disk")]
        self.rng.shuffle(pairs)
        for k in range(number):
            name, way = pairs[k % len(pairs)]
            self.counts[name, way] += 1
            try:
                self.one(name, way)
            except AssertionError as error:
                error.add_note(f"ending {k}")
                raise
            (self.work / "so_far.txt").write_text(f"{self.report()}\n{k + 1} endings\n")


def status_of_soon(pid: int, seconds: float) -> int | None:
    """The status, if the command ends in so short a time; it is left to be waited for."""
    late = time.monotonic() + seconds
    while time.monotonic() < late:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is not None:
            return 0 if found.si_status == 0 else None
        time.sleep(0.005)
    return None


def main() -> None:
    """Everything, and what was seen."""
    work, seed, number = Path(sys.argv[1]).absolute(), int(sys.argv[2]), int(sys.argv[3])
    chunks._SUBJECTS["batch"] = 100  # many chunks
    plainly()
    endings = Endings(work, seed)
    endings.all(number)
    sys.stdout.write(f"{endings.report()}\n{number} endings\n")


if __name__ == "__main__":
    main()
