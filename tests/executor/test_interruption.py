"""Ctrl-C and SIGTERM end a command within a second, whatever runs when they arrive; nothing swallows them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.first_run import nothing_compiled

ROOT = Path(__file__).parents[2]
SOON = 15.0  # seconds: one, on a machine that has nothing else to do
# What a shell starts in the background ignores Ctrl-C, and so would these processes there.
BEGIN = """
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
NUMBER = signal.{number}

def strike():
    sys.stdout.write("struck\\n")
    sys.stdout.flush()
    os.killpg(0, NUMBER)
"""
COMMAND = """
from protocolsim.__main__ import main
sys.argv = ["protocolsim", *{words}]
main()
"""
WHEN_IMPORTED = """
class Striking:
    def find_spec(self, name, *_):
        if name == {module!r}:
            sys.meta_path.remove(self)
            {act}

sys.meta_path.insert(0, Striking())
"""
SIGNALS = {"SIGINT": (130, "interrupted"), "SIGTERM": (143, "terminated")}

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX signals")


def ended(code: str, cwd: Path, number: str = "SIGINT", **environment: str) -> tuple[int, str, float]:
    """A process that strikes itself: its status, its standard error, and how long it lived after the blow."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN.format(number=number) + code],
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        while process.stdout.readline() not in ("struck\n", ""):
            pass
        began = time.monotonic()
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    seconds = time.monotonic() - began
    for _ in range(200):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return process.returncode, said, seconds
        time.sleep(0.05)
    raise AssertionError("some of its processes are still there")


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("module", ["protocolsim.interruption", "click", "shlex", "protocolsim.cli.list", "pydantic"])
def test_while_it_starts(tmp_path, module, number):
    """Asked to end while it imports, the command ends at once with one line, be it before or after it can unwind."""
    words = ["list"] if module != "pydantic" else ["check", "ms_no_drug"]
    code = WHEN_IMPORTED.format(module=module, act="strike()") + COMMAND.format(words=words)
    status, said, seconds = ended(code, tmp_path, number)
    assert (status, said.partition(";")[0].strip()) == SIGNALS[number], said
    assert len(said.splitlines()) == 1
    assert seconds < SOON


SWALLOWING = {
    "a finaliser": """
class Thing:
    def __del__(self):
        strike()
        time.sleep(0.01)
Thing()
""",
    "the callback of a weak reference": """
import weakref
class Thing: pass
thing = Thing()
weakref.finalize(thing, strike)
del thing
""",
    "a callback of compiled code": """
import ctypes
kind = ctypes.CFUNCTYPE(ctypes.c_int)
function = kind(lambda: strike() or 0)
function()
""",
    "an except that is too wide": """
try:
    strike()
    time.sleep(1)
except BaseException:
    pass
""",
    "several in a row": """
for _ in range(3):
    try:
        strike()
        time.sleep(0.2)
    except BaseException:
        pass
""",
}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("place", SWALLOWING)
def test_swallowed(tmp_path, place, number):
    """A signal whose exception is swallowed is raised again, without a word about the first time."""
    code = """
from protocolsim import interruption
try:
    with interruption.ending_in_order(to_the_end=True):
        {}
        began = time.monotonic()
        while time.monotonic() < began + 30:
            sum(range(100))
except KeyboardInterrupt as error:
    assert interruption.requested()
    sys.exit(interruption.ending(error)[1])
"""
    status, said, seconds = ended(code.format(SWALLOWING[place].replace("\n", "\n        ")), tmp_path, number)
    assert (status, said) == (SIGNALS[number][0], "")
    assert seconds < SOON


def test_impatience_breaks_nothing(tmp_path):
    """What is written while it unwinds becomes whole, however often and in whatever way it is asked again."""
    code = """
from protocolsim import interruption
from pathlib import Path
try:
    with interruption.ending_in_order(to_the_end=True):
        try:
            strike()
            time.sleep(10)
        finally:
            for k in range(40):
                os.killpg(0, signal.SIGINT if k % 2 else signal.SIGTERM)
                with open("whole", "a") as file:
                    try:
                        raise ValueError("and other errors come and go meanwhile")
                    except ValueError:
                        time.sleep(0.01)
                    file.write("line\\n")
except KeyboardInterrupt as error:
    sys.exit(interruption.ending(error)[1])
"""
    assert ended(code, tmp_path)[:2] == (130, "")
    assert (tmp_path / "whole").read_text() == "line\n" * 40


def test_held_for_a_few_lines(tmp_path):
    """What must not be cut in two is not: the request is raised right after it."""
    code = """
from protocolsim import interruption
done = []
try:
    with interruption.ending_in_order(to_the_end=True):
        with interruption.held():
            with interruption.held():
                strike()
                done.append(1)
            time.sleep(0.2)
            done.append(2)
        done.append(3)
except KeyboardInterrupt:
    sys.exit(77 if done == [1, 2] else 1)
"""
    assert ended(code, tmp_path)[:2] == (77, "")


def test_afterwards_all_is_as_before(tmp_path):
    """In a process that goes on, its own handlers are back afterwards; what was ignored has stayed so."""
    code = """
from protocolsim import interruption
signal.signal(signal.SIGTERM, signal.SIG_IGN)
hook = sys.unraisablehook
with interruption.ending_in_order():
    os.kill(os.getpid(), signal.SIGTERM)
    assert not interruption.requested()
    try:
        strike()
        time.sleep(1)
    except KeyboardInterrupt:
        pass
assert not interruption.requested()
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0) and sys.unraisablehook is hook
"""
    assert ended(code, tmp_path)[:2] == (0, "")


@pytest.mark.parametrize("number", SIGNALS)
def test_while_workers_start(tmp_path, number):
    """Ctrl-C to all of a terminal's processes while workers start ends them all, and none has a word to say."""
    code = """
from protocolsim.executor import worker_process
real = worker_process._started
def started(*words):
    process = real(*words)
    threading.Timer({}, strike).start()
    return process
worker_process._started = started
"""
    words = ["run", "ms_no_drug", "--replicates", "200000", "--workers", "2", "--out", "out"]
    for seconds in (0.0, 0.1):
        status, said, lived = ended(code.format(seconds) + COMMAND.format(words=words), tmp_path, number)
        assert (status, said) == (SIGNALS[number][0], f"{SIGNALS[number][1]}; nothing was written\n")
        assert lived < SOON
        assert not list(tmp_path.iterdir())


def test_while_a_figure_is_drawn(tmp_path):
    """Asked to end in the middle of drawing, the command leaves no file, and says one line."""
    code = """
import vl_convert
real = vl_convert.svg_to_png
def drawn(*words, **more):
    threading.Timer(0.02, strike).start()
    for _ in range(50):
        found = real(*words, **more)
    return found
vl_convert.svg_to_png = drawn
"""
    words = ["diagram", "ms_no_drug", "-o", "chart.png"]
    status, said, seconds = ended(code + COMMAND.format(words=words), tmp_path)
    assert (status, said) == (130, "interrupted\n")
    assert seconds < SOON
    assert not list(tmp_path.iterdir())


def test_while_kernels_are_compiled(tmp_path):
    """Asked to end while kernels are compiled, by callbacks from the compiler, the command ends; it says one line."""
    code = WHEN_IMPORTED.format(
        module="numba.core.codegen", act="threading.Timer(2.5, strike).start()"
    ) + COMMAND.format(words=["run", "ms_no_drug", "--replicates", "100000", "--workers", "1"])
    status, said, seconds = ended(code, tmp_path, **nothing_compiled(tmp_path / "kernels"))
    assert status == 130, said
    assert said.splitlines()[-1] == "interrupted"
    assert "Traceback" not in said
    assert "ignored" not in said
    assert seconds < SOON
