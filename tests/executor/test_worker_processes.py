"""A worker process can be started from anywhere, says what it died of, and always ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from protocolsim.app.work import pool as app_pool
from protocolsim.app.work import worker as app_worker
from protocolsim.app.work.orders import Order
from protocolsim.errors import UsageError, WorkerError
from protocolsim.executor.processes import Processes
from protocolsim.executor.worker import HEAD, Link
from protocolsim.executor.worker_process import WorkerProcess, exchange

ROOT = Path(__file__).parents[2]
SOON = 60.0  # seconds: two or three, on a machine that has nothing else to do
POSIX = pytest.mark.skipif(os.name != "posix", reason="kills by signals")


# Tasks: a worker finds them by name.


def ending(way: str) -> str:
    """End the process in some way, having said something."""
    sys.stderr.write("a first line\nthe last words\n")
    sys.stderr.flush()
    if way.isdigit():
        os._exit(int(way))
    os.kill(os.getpid(), getattr(signal, way))
    return way


def wrong(number: int) -> int:
    return [1, 2][number]


class PrivateError(Exception):
    """An error that cannot be sent: nobody can make it from its arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def refusing(number: int) -> int:
    raise PrivateError(number, number)


def closed_off(_: int) -> object:
    return lambda: 0


def saying(word: str) -> str:
    sys.stdout.write(f"{word}\n")
    return word


def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def large(size: int) -> bytes:
    return bytes(size)


def half_a_message(_: int) -> None:
    """Send the beginning of a message that promises more, and stop."""
    for path in Path("/proc/self/fd").iterdir():
        if path.is_socket():
            os.write(int(path.name), HEAD.pack(1 << 30) + bytes(1000))
    os.kill(os.getpid(), signal.SIGSTOP)


def serve_orders(link: Link, _: int) -> None:
    """As the page's workers, for orders that say what to do."""
    while True:
        order = link.receive()
        if order == "stop":
            continue
        if order.view == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if order.view == "hang":
            link.send(("told", (1, 2)))
            time.sleep(100)
        if order.view == "wait":
            while not link.waiting():
                time.sleep(0.01)
            link.receive()
        link.send(("done", order.view))


def serve_faults(link: Link, memory: int) -> None:
    """As the page's workers, where what some orders make is at fault."""

    def carry_out(order: Order, *_: Any) -> Any:
        if order.view == "fails":
            raise ZeroDivisionError("by nothing")
        return (lambda: None) if order.view == "stays" else os.getpid()

    app_worker.carry_out = carry_out  # type: ignore[assignment]
    app_worker.work(link, memory)


def gone(*pids: int) -> bool:
    """Whether these processes are gone soon."""
    late = time.monotonic() + SOON
    while left := [pid for pid in pids if running(pid)]:
        if time.monotonic() > late:
            raise AssertionError(f"{left} are left")
        time.sleep(0.05)
    return True


def running(pid: int) -> bool:
    """Whether there is such a process; a dead one that nobody has buried is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


SCRIPT = """
import operator
from protocolsim.executor.processes import Processes
with Processes(2) as pool:
    print(sorted(pool.results(operator.neg, [1, 2, 3])))
"""


class TestStarting:
    @pytest.mark.parametrize("way", ["file", "input", "-c", "warnings", "no output"])
    def test_from_wherever(self, tmp_path, way):
        """A script needs no main guard; it may come on standard input, or as a word; its streams may be closed."""
        (tmp_path / "script.py").write_text(SCRIPT)
        words = {
            "file": ["script.py"],
            "input": ["-"],
            "-c": ["-c", SCRIPT],
            "warnings": ["-W", "error", "script.py"],
            "no output": ["script.py"],
        }[way]
        command = [sys.executable, *words]
        if way == "no output":
            command = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", *command]
        found = subprocess.run(
            command, cwd=tmp_path, input=SCRIPT, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert (found.returncode, found.stdout, found.stderr) == (0, "[(1, -1), (2, -2), (3, -3)]\n", "")

    def test_files_of_the_folder_are_not_modules(self, tmp_path, monkeypatch):
        """A file that is called like a module of Python does no harm where one's own process would not read it."""
        (tmp_path / "struct.py").write_text("raise SystemExit('read')")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(tmp_path))])
        with Processes(1) as pool:
            assert list(pool.results(slow, [0.0])) == [(0.0, 0.0)]

    def test_that_fails(self, monkeypatch):
        """Where a worker cannot begin, the message has the error that it died of."""
        monkeypatch.setattr(sys, "path", ["/nowhere"])
        with pytest.raises(WorkerError, match=r"status 1 before it could begin: ModuleNotFoundError: No module"):
            run([1])


def run(tasks, function=slow):
    with Processes(1) as pool:
        return list(pool.results(function, tasks))


class TestDying:
    @POSIX
    @pytest.mark.parametrize(
        ("way", "said"),
        [
            ("SIGKILL", r"was killed \(signal 9\), perhaps for want of memory: fewer --workers"),
            ("SIGSEGV", r"was ended by signal 11 \(SIGSEGV\): the last words"),
            ("7", r"ended with status 7: the last words"),
        ],
    )
    def test_each_cause_is_named(self, way, said):
        """What a worker died of is told: a signal by its name, a status, and its own last words."""
        with pytest.raises(WorkerError, match=rf"died 3 times in a row, .*; at last a worker process {said}"):
            run([way], ending)

    def test_errors_keep_their_place(self):
        """An error in a worker arrives as what it was, with the lines it came from; one that cannot travel as text."""
        with Processes(1) as pool:
            with pytest.raises(IndexError) as caught:
                list(pool.results(wrong, [5]))
            assert "return [1, 2][number]" in "".join(caught.value.__notes__)
            with pytest.raises(WorkerError, match="PrivateError: 3 and 3"):
                list(pool.results(refusing, [3]))
            with pytest.raises(Exception, match="lambda"):
                list(pool.results(closed_off, [3]))

    def test_what_workers_print(self, capfd):
        """What a worker prints is passed on, to standard error: standard output is for results."""
        run(["a word"], saying)
        out, err = capfd.readouterr()
        assert (out, err) == ("", "a word\n")


class TestEnding:
    @POSIX
    @pytest.mark.skipif(sys.platform != "linux", reason="looks for the link in /proc")
    def test_in_the_middle_of_a_message(self):
        """A worker that stopped within a message neither holds up the wait for it, nor its end."""

        def strike(*_):
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, strike)
        try:
            with Processes(2) as pool:
                warm = list(pool.results(slow, [0.5, 0.5]))
                signal.setitimer(signal.ITIMER_REAL, 1.0)
                began, pids = time.monotonic(), pool.pids
                with pytest.raises(KeyboardInterrupt):
                    list(pool.results(half_a_message, [1, 2]))
        finally:
            signal.signal(signal.SIGALRM, before)
        assert len(warm) == len(pids) == 2
        assert gone(*pids)
        assert time.monotonic() - began < SOON

    def test_what_is_large_arrives(self):
        """A message of many times what a link holds arrives whole, both ways."""
        with Processes(2) as pool:
            assert [len(found) for _, found in pool.results(large, [30_000_000, 20_000_000])] != []
            task = bytes(5_000_000)
            assert list(pool.results(len, [task])) == [(task, 5_000_000)]

    def test_what_was_given_up_does_not_come_back(self):
        """Results that nobody waited for do not mix with those of the next tasks."""
        with Processes(2) as pool:
            assert next(pool.results(slow, [0.1, 0.2, 0.3, 0.4]))[0] < 0.3
            assert sorted(pool.results(slow, [0.01, 0.02])) == [(0.01, 0.01), (0.02, 0.02)]
            pids = pool.pids
        assert gone(*pids)

    @POSIX
    def test_with_who_started_it(self, tmp_path):
        """Workers end with the process that started them, though that was killed in the middle of their work."""
        code = (
            "from tests.executor.test_worker_processes import *\n"
            "pool = Processes(2)\n"
            "results = pool.results(slow, [0.0, 0.0, 100.0, 100.0, 100.0])\n"
            "next(results), next(results)\n"
            "print(*pool.pids, flush=True)\n"
            "next(results)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(running, pids))
        process.kill()
        process.communicate()
        assert gone(*pids)

    @POSIX
    def test_idle_workers_may_die(self):
        """A worker that is killed while it has nothing to do costs nothing, and is not worth a word."""
        said: list[str] = []
        with Processes(2, said.append) as pool:
            assert len(list(pool.results(slow, [0.2, 0.2, 0.2]))) == 3
            os.kill(pool.pids[0], signal.SIGKILL)
            time.sleep(0.2)
            assert len(list(pool.results(slow, [0.01] * 5))) == 5
        assert all("nothing is lost" in word for word in said)


class TestThePage:
    """The page's workers are of the same kind."""

    @pytest.fixture
    def pool(self, monkeypatch):
        monkeypatch.setattr(app_pool, "work", serve_orders)
        monkeypatch.setattr(app_pool, "_GRACE", 1.0)
        pool = app_pool.Pool(1, seconds=2.0)
        yield pool
        began = time.monotonic()
        pool.close()
        assert time.monotonic() - began < SOON
        assert not any(thread.is_alive() for thread in pool._threads)

    @POSIX
    def test_a_worker_that_dies_is_replaced(self, pool):
        """Whoever asked is told, and the next order is carried out."""

        async def ask():
            with pytest.raises(UsageError, match=r"was killed \(signal 9\), perhaps for want of memory"):
                await pool.carry_out(order("die"), lambda *_: None)
            return await pool.carry_out(order("this"), lambda *_: None)

        assert asyncio.run(ask()) == "this"

    def test_a_fault_is_said_and_the_worker_goes_on(self, monkeypatch):
        """What cannot travel, or cannot be made, is refused with the true reason, by a process that serves the next."""
        monkeypatch.setattr(app_pool, "work", serve_faults)
        pool = app_pool.Pool(1)

        async def ask():
            first = await pool.carry_out(order("who"), lambda *_: None)
            for what, why in (("stays", "cannot leave the process that made it.*lambda"), ("fails", "by nothing")):
                with pytest.raises(UsageError, match=why):
                    await pool.carry_out(order(what), lambda *_: None)
            return first, await pool.carry_out(order("who"), lambda *_: None)

        try:
            first, last = asyncio.run(ask())
        finally:
            pool.close()
        assert first == last

    def test_stopping(self, pool):
        """Who no longer wants it stops the work; who takes too long is stopped; and others are served after both."""

        async def ask():
            waiting = asyncio.create_task(pool.carry_out(order("wait"), lambda *_: None))
            await asyncio.sleep(0.3)
            waiting.cancel()
            told: list[tuple[int, int]] = []
            with pytest.raises(UsageError, match="longer than"):
                await pool.carry_out(order("hang"), lambda *step: told.append(step))
            assert told == [(1, 2)]
            return await pool.carry_out(order("that"), lambda *_: None)

        assert asyncio.run(ask()) == "that"

    def test_closing_while_it_works(self, pool):
        """The end of the page does not wait for what its workers are at."""

        async def ask():
            waiting = asyncio.create_task(pool.carry_out(order("hang"), lambda *_: None))
            await asyncio.sleep(1.0)
            waiting.cancel()

        asyncio.run(ask())


def order(what: str) -> Order:
    return Order(what, "", None)  # type: ignore[arg-type]


def test_a_link_by_itself():
    """Messages come in order; what is asked of a worker that is gone is refused at once, not waited for."""
    worker = WorkerProcess(serve_orders, 0)
    worker.send(order("a"))
    worker.send(order("b"))
    found: list[object] = []
    while len(found) < 2:
        exchange([worker], 1.0)
        found += worker.arrived()
    assert found == [("done", "a"), ("done", "b")]
    worker.kill()
    worker.end()
    assert gone(worker.pid)
