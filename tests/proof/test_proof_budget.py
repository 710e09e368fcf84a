"""Proving ends: within seconds, whatever a rule says; at once where it is interrupted. What was given up is said."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import pytest

from protocolsim.errors import ScenarioError
from protocolsim.proof.symbolic import budget
from protocolsim.proof.symbolic.budget import in_thread
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.check import check_text
from protocolsim.scenario.file.yaml_reader import parse

PATIENCE = 30.0  # seconds, on a machine where others work too; alone it takes a third
TRIAL = """
title: A rule that multiplies
cohort: {size: 20, disease: relapsing_ms, arrives_on: nothing}
protocol:
  summaries:
    before: {mean of: cel, during: baseline}
    now: {last of: cel, within: 4 weeks}
    fall: 1 - now / before
FORMULAS
  states:
    baseline: {assessments: {mri: {weeks: [0, 4]}}, lasts: 4 weeks}
    treated: {enrolled: true, assessments: {mri: {weeks: [4, 8, 12]}}, lasts: 12 weeks}
    alone: {assessments: {mri: {every: 4 weeks}}, lasts: 12 weeks}
    out: {final: not eligible}
    done: {final: completed}
  transitions:
    - {from: baseline, to: treated, when: before > 0}
    - {from: baseline, to: out, otherwise: true}
    - {from: treated, to: alone, when: RULE}
    - {from: treated, to: done, LAST}
    - {from: alone, to: done}
"""


def _trial(rule: str, formulas: str = "", last: str = "otherwise: true") -> str:
    return TRIAL.replace("RULE", rule).replace("FORMULAS", formulas).replace("LAST", last)


def _power(degree: int) -> str:
    return f"{' * '.join(['fall'] * degree)} < fall"


def _squared(times: int) -> str:
    """Formulas, each the square of the one before."""
    return "\n".join(f"    g{k}: {f'g{k - 1}' if k else 'fall'} * {f'g{k - 1}' if k else 'fall'}" for k in range(times))


@pytest.mark.parametrize("degree", [3, 5, 9])
def test_a_rule_of_any_power_is_answered_within_seconds(degree):
    """A check ends, whatever a rule multiplies, and each question that was not answered is named with its budget."""
    began = time.process_time()

    checked = check_text(_trial(_power(degree)))

    assert time.process_time() - began < PATIENCE
    assert checked.count("fault") == 0
    assert all("no answer within" in what for what in checked.given_up)
    assert checked.given_up or degree < 4


@pytest.mark.parametrize("times", [5, 8, 30])
def test_formulas_that_square_each_other_are_not_even_asked_about(times):
    """A degree beyond what z3 can be interrupted in is seen before it is asked: the same everywhere, and at once."""
    began = time.process_time()

    checked = check_text(_trial(f"g{times - 1} < 50 %", _squared(times)))

    assert time.process_time() - began < PATIENCE / 3
    (given_up,) = checked.given_up
    assert "at the end of 'treated'" in given_up
    assert "multiplies more than 16 times" in given_up
    assert checked.routes is not None
    assert checked.routes.whole


def test_a_fault_at_load_says_that_time_ran_out(monkeypatch):
    """That a state's rules cover everybody is refused as not proven within so many seconds, not as if it were false."""
    rules = _trial(_power(3), last=f"when: not ({_power(3)})")
    assert check_text(rules).count("fault") == 0

    monkeypatch.setattr(budget, "SECONDS", 0.0)

    with pytest.raises(ScenarioError, match="could not be proven within 0 seconds"):
        build(parse(rules, "trial.yaml"))


def test_all_questions_share_one_budget_of_seconds(monkeypatch):
    """Where the time for all questions is over, the rest is given up, and says so."""
    monkeypatch.setattr(budget, "SECONDS_IN_ALL", 0.0)

    checked = check_text(_trial("fall > 50 %"))

    assert checked.given_up
    assert all("within 0 seconds for all questions" in what for what in checked.given_up)


SCRIPT = """
import random
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
import sys
from protocolsim.proof.symbolic import budget
budget.SECONDS = budget.SECONDS_IN_ALL = 60.0
from protocolsim.scenario.check import check_text
from protocolsim.proof.symbolic import logic
asked = logic.Solver._check
def ask(self):
    print("asked", flush=True)
    return asked(self)
logic.Solver._check = ask
check_text(sys.stdin.read())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
@pytest.mark.parametrize("questions", [1, 4, 10])
def test_an_interrupt_while_proving_is_an_interrupt(questions):
    """Ctrl-C reaches Python though z3 is at work: the process ends by it within a second, and proves nothing less."""
    command = [sys.executable, "-c", SCRIPT]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdin.write(_trial(_power(5)))
            process.stdin.close()
            for _ in range(questions):
                assert process.stdout.readline() == "asked\n"
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            said = process.stderr.read()
            process.wait(timeout=PATIENCE)
            assert time.monotonic() - began < PATIENCE / 2  # a second on a machine of its own
        finally:
            process.kill()
    assert process.returncode == -signal.SIGINT  # Python's own way of ending by KeyboardInterrupt
    assert said.rstrip().endswith("KeyboardInterrupt")


# The thread ----------------------------------------------------------------------------------------------------------


def test_what_the_work_raises_is_raised_where_it_was_asked_for():
    """An error in the thread is the caller's error."""
    with pytest.raises(KeyError):
        in_thread(lambda: dict.__getitem__({}, 0), lambda: None, 5.0)


def test_work_in_time_tells_what_it_took():
    """Its own processor time: waiting costs nothing."""
    took = in_thread(lambda: time.sleep(0.2), lambda: None, 5.0)

    assert took is not None
    assert took < 0.1


def _waited(stop: threading.Event) -> None:
    stop.wait(60.0)


def test_work_that_heeds_no_interrupt_is_left_behind():
    """The caller gets away within the grace, and has asked more than once."""
    asked: list[int] = []
    stop = threading.Event()
    began = time.monotonic()

    took = in_thread(partial(_waited, stop), lambda: asked.append(1), 0.1)

    assert took is None
    assert time.monotonic() - began < PATIENCE  # and not the minute that the work waits
    assert len(asked) > 1
    stop.set()


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """An interrupt of this process after so long, as Ctrl-C is one: a signal that raises wherever Python is."""

    def handle(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(sys.platform == "win32", reason="no timer that signals")
def test_an_interrupted_caller_interrupts_the_work_first():
    """The work has ended when the interrupt goes on: nobody else may use what it uses before that."""
    stop, ended = threading.Event(), threading.Event()

    def work() -> None:
        stop.wait(60.0)
        ended.set()

    with pytest.raises(KeyboardInterrupt), interrupted_after(0.1):
        in_thread(work, stop.set, 60.0)
    assert ended.is_set()


@pytest.mark.skipif(sys.platform == "win32", reason="no timer that signals")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one that comes as Python tidies up
def test_no_moment_of_an_interrupt_hangs():
    """Whenever the interrupt comes, as the thread starts, works or ends, the caller is free soon and hears of it."""
    moments = random.Random(1)  # noqa: S311 - moments, no secrets
    heard = 0
    for _ in range(400):
        with suppress(KeyboardInterrupt), interrupted_after(moments.uniform(1e-5, 3e-3)):
            began = time.monotonic()
            try:
                in_thread(partial(time.sleep, 1e-3), lambda: None, 5.0)
                time.sleep(0.01)  # where it had ended before
            except KeyboardInterrupt:
                heard += 1
                raise
            finally:
                assert time.monotonic() - began < PATIENCE
    assert heard > 350
