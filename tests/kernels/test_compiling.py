"""The first run on a machine: what is compiled together is what is called; it is said once; no helper is needed."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from protocolsim import arithmetic, notices
from protocolsim.kernels import compiling
from protocolsim.kernels.compiling import Team, jobs
from protocolsim.kernels.machine_code import MachineCode
from protocolsim.randomness import log_sd, normal_quantile
from tests.support.first_run import nothing_compiled

ROOT = Path(__file__).parents[2]

# Little to compile: a disease of one kernel, called as an engine would.
FIRST = """
import sys
from numba.core import config
from protocolsim.kernels import compiling
from protocolsim import notices
from protocolsim.randomness import log_sd, normal_quantile

listed = [j for j in compiling.jobs() if j.name in ("log_sd", "normal_quantile", "exp", "_normal_below")]
compiling.jobs = lambda: listed
{more}
notices.listen(lambda text: print(text, file=sys.stderr))
print(log_sd(0.5), normal_quantile(0.3))
print(sum(log_sd.stats.cache_hits.values()), sum(normal_quantile.stats.cache_hits.values()))
"""


@pytest.mark.long  # all shipped scenarios, on both engines, in half a minute
def test_the_list_is_what_is_called():
    """kernels.txt names what the engines call, with the types they call it with, and nothing else."""
    stated = [" ".join(job) for job in jobs()]
    # In a process of its own: what another test has worked out already, such as boundaries, is not called again.
    code = "from tests.support.kernels_called import lines; print('\\n'.join(lines()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    called = done.stdout.splitlines()
    assert sorted(stated) == sorted(called), "python -m tests.support.kernels_called writes it anew"
    assert stated == called


def test_every_line_is_a_kernel():
    """Each line of the list can be compiled: the function is there, Numba reads the types, their number is right."""
    found = jobs()
    assert len(found) > 60
    for job in found:
        assert isinstance(job.dispatcher._cache, MachineCode)
        assert len(job.signature) == job.dispatcher.py_func.__code__.co_argcount


CALLED = """
from protocolsim.kernels.compiling import SOME, jobs
from protocolsim.scenario.load import load
from protocolsim.study.companions import companions
from protocolsim.study.run import run
from tests.support.first_run import kernels_asked

with kernels_asked() as asked:
    scenario = load("ms_daclizumab")
    run(scenario, replicates=4, companions=companions(scenario))
    for name in ("ms_daclizumab", *scenario.beside):
        run(load(name), replicates=2, engine="des")
ahead = [j for j in jobs() if j.wanted and j.when != SOME]
keys = [(j.module, j.name, tuple(map(str, j.signature))) for j in ahead]
print(len(ahead), *(f"{module}.{name}" for module, name, types in keys if (module, name, types) not in asked))
listed = {(j.module, j.name, tuple(map(str, j.signature))) for j in jobs()}
print(*(f"{module}.{name}{types}" for module, name, types in sorted(asked - listed)))
"""


def test_a_first_command_compiles_what_it_calls():
    """The README's first command compiles what it or the reference engine calls, and calls nothing else."""
    done = subprocess.run([sys.executable, "-c", CALLED], cwd=ROOT, capture_output=True, text=True, check=True)
    ahead, not_listed = done.stdout.splitlines()
    number, *in_vain = ahead.split()
    assert in_vain == []
    assert not_listed == "", "python -m tests.support.kernels_called writes the list anew"
    assert int(number) > 40


SAME = """
import sys
from protocolsim.scenario.load import load
from protocolsim.study.run import run
from tests.support.first_run import kernels_asked

with kernels_asked() as by_batch:
    run(load(sys.argv[1]), replicates=2, engine="batch")
with kernels_asked() as by_reference:
    run(load(sys.argv[1]), replicates=2, engine="des")
both = {(module, name) for module, name, _ in by_batch}
print(len(both), *sorted(f"{module}.{name}" for module, name, _ in by_reference if (module, name) in both))
"""


@pytest.mark.parametrize("name", ["ms_daclizumab", "maa_daclizumab", "amd_treat_and_extend"])
def test_both_engines_run_the_same_machine_code(name):
    """Of the kernels that both call, the reference engine, which runs second, asks for none with other types."""
    done = subprocess.run([sys.executable, "-c", SAME, name], cwd=ROOT, capture_output=True, text=True, check=True)
    number, *anew = done.stdout.split()
    assert int(number) > 30
    assert anew == []


def first(tmp_path, more="", *words):
    """A process that finds nothing compiled: what it prints and what it says."""
    environment = nothing_compiled(tmp_path / "cache")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST.format(more=more)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    return done.stdout.splitlines(), done.stderr.splitlines()


BROKEN = {
    "helpers": "",
    "none": "compiling._processors = lambda: 1",
    "none can start": "compiling.sys.executable = '/nowhere/python'",
    "all end at once": "compiling._started, made = None, compiling._started\n"
    "def ended():\n    process = made()\n    process.kill()\n    return process\n"
    "compiling._started = ended",
}


@pytest.mark.parametrize("case", BROKEN)
def test_numbers_are_the_same_with_helpers_and_without(tmp_path, case):
    """With helpers, without, and where they cannot start or are killed, the kernels are compiled, and are right."""
    told, said = first(tmp_path, BROKEN[case])
    right = f"{log_sd(0.5)} {normal_quantile(0.3)}"
    assert told[0] == right
    assert said[0].startswith("compiling")
    assert all(line.startswith("compiled") for line in said[1:])  # said where it took long
    kept = {path.name.split(".")[1] for path in (tmp_path / "cache").rglob("*.nbc")}
    assert {"log_sd", "normal_quantile"} <= kept
    told, said = first(tmp_path, BROKEN[case])
    assert told == [right, "1 1"]
    assert said == []


def test_nobody_is_disturbed_who_does_not_listen(monkeypatch):
    """Python's users hear nothing and have no helpers started; whoever listens last hears, and each thing once."""
    monkeypatch.setattr(notices, "_listeners", [])
    monkeypatch.setattr(notices, "_said", set())
    notices.tell("nobody hears this", once="it")
    assert not notices.heard()
    heard: list[str] = []
    notices.listen(heard.append)
    for _ in range(2):
        notices.tell("this", once="it")
        notices.tell("that")
    assert heard == ["this", "that", "that"]


def test_who_asks_waits_for_what_a_helper_has_begun(monkeypatch):
    """A kernel that a helper is compiling is not compiled a second time."""
    job = next(j for j in jobs() if j.name == "log_sd")
    team = Team(helpers=0)
    team.started = 1.0
    team.running.add(job)
    timer = threading.Timer(0.3, lambda: _done(team, job))
    timer.start()
    team.missing(job.dispatcher._cache, job.signature)
    assert not team.running
    timer.join()


def test_helpers_compile_the_package_that_asks(tmp_path, monkeypatch):
    """Where another one can be imported too, as when a checkout runs beside an installation, it is not the other's."""
    other = tmp_path / "protocolsim"
    other.mkdir()
    (other / "__init__.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    job = next(j for j in jobs() if j.name == "log_sd")
    with compiling._started() as process:
        assert compiling._handed(process, job)


def test_a_model_may_reckon_while_it_is_imported(monkeypatch):
    """What a model calls before all of its kernels are made compiles those that are there, and the others later."""
    model = ModuleType("protocolsim.drug.being_imported")
    monkeypatch.setitem(sys.modules, model.__name__, model)
    log_sds = next(j for j in jobs() if j.name == "log_sd")
    other = next(j for j in jobs() if j.name == "exp")
    later = compiling.Job("load", model.__name__, "later", "(float64,)")
    asked: list[str] = []
    for name in ("exp", "later"):
        kernel = SimpleNamespace(compile=lambda signature, name=name: asked.append(f"{name}{signature}"))
        monkeypatch.setattr(arithmetic if name == "exp" else model, name, kernel, raising=False)
    made = model.__dict__.pop("later")
    monkeypatch.setattr(compiling, "jobs", lambda: (later, log_sds, other))
    team = Team(helpers=0)
    team.missing(log_sds.dispatcher._cache, log_sds.signature)
    assert asked == ["exp(float64,)"]
    vars(model)["later"] = made
    team.missing(log_sds.dispatcher._cache, log_sds.signature)
    assert asked == ["exp(float64,)", "later(float64,)"]


def _done(team: Team, job: compiling.Job) -> None:
    with team.changed:
        team.running.discard(job)
        team.changed.notify_all()


@pytest.mark.parametrize("words", [("--quiet",), ()])
def test_the_command_line_says_what_it_does(tmp_path, words):
    """The first command on a machine says why it takes longer, on standard error, also when piped; --quiet does not."""
    environment = nothing_compiled(tmp_path / "cache")
    code = (
        "import sys; from protocolsim import cli\nfrom protocolsim.kernels import compiling\n"
        "compiling.Team._work = lambda self, job: sys.exit(7)\n"  # what is compiled then is tested above
        f"cli.main({['run', 'ms_daclizumab', *words]!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 7
    assert done.stdout == ""
    assert done.stderr.startswith("compiling for this machine, once: about ") is not bool(words)
    assert done.stderr.count("\n") == (0 if words else 1)
