"""Compiled kernels on the disk: found again where nothing changed, never believed where damaged, never needed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import llvmlite.binding
import numpy as np
import pytest

from protocolsim.arithmetic import kernel
from protocolsim.kernels import machine_code
from protocolsim.kernels.machine_code import MachineCode

KERNEL = """
from protocolsim.arithmetic import kernel
import second

@kernel
def outer(x):
    return 10.0 * second.inner(x)
"""
SECOND = """
from protocolsim.arithmetic import kernel
FACTOR = {factor}

@kernel
def inner(x):
    return x + FACTOR
"""
ASK = "from first import outer; print(outer(1.0), sum(outer.stats.cache_hits.values()))"


@pytest.fixture
def plugin(tmp_path):
    """A kernel, and in a second file one that it calls; run in a new process with a folder for what is compiled."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "first.py").write_text(KERNEL)

    def run(factor=1.0, *, cache=tmp_path / "cache", ask=ASK, check=True):
        (folder / "second.py").write_text(SECOND.format(factor=factor))
        environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        environment["NUMBA_CACHE_DIR"] = str(cache)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", ask], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.split()

    return run


def test_an_edit_in_a_second_file_compiles_anew(plugin):
    """What is compiled in one process serves the next, until a constant in another file of the plugin changes."""
    assert plugin(1.0) == ["20.0", "0"]
    assert plugin(1.0) == ["20.0", "1"]
    assert plugin(2.0) == ["30.0", "0"]
    assert plugin(1.0) == ["20.0", "1"]


@kernel
def tripled(x):
    """A kernel whose file the tests damage."""
    return 3.0 * x


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """How to ask the kernel again, which says whether it was found, and the one file that it was found in."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))

    dispatcher: Any = tripled

    def again():
        dispatcher._cache = MachineCode(dispatcher.py_func)
        dispatcher._reset_overloads()
        before = sum(dispatcher.stats.cache_hits.values())
        assert tripled(2.0) == 6.0
        return sum(dispatcher.stats.cache_hits.values()) > before

    assert not again()
    assert again()
    (path,) = tmp_path.rglob("*.nbc")
    return again, path


def damages(content: bytes):
    """Every way of damaging a file: cut, longer, empty, one bit flipped, zeros where something stood."""
    rng = np.random.default_rng(15)
    yield b""
    yield b"\0" * len(content)
    yield content + b"\0"
    for _ in range(6):
        yield content[: rng.integers(len(content))]
    for place in [0, 5, 30, len(content) - 1, *rng.integers(len(content), size=12).tolist()]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        yield bytes(flipped)


def test_damage_is_seen_and_mended(kept):
    """However the file of a kernel is damaged, the kernel is compiled anew, is right, and is kept again."""
    again, path = kept
    whole = path.read_bytes()
    for content in damages(whole):
        path.write_bytes(content)
        assert not again()
        assert again()


def test_two_files_exchanged_are_not_believed(kept):
    """Whole machine code of the same kernel for other types, under this one's name, is not run."""
    again, path = kept
    assert tripled(2) == 6
    (other,) = set(path.parent.iterdir()) - {path}
    path.write_bytes(other.read_bytes())
    assert not again()
    assert again()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "denied"), OSError(122)])
def test_a_kernel_that_cannot_be_kept_is_used(kept, monkeypatch, error):
    """A full disk, a quota, a folder that became read-only: the kernel runs, it is said, and nothing half stays."""
    again, path = kept
    path.unlink()
    said = []
    monkeypatch.setattr(machine_code, "not_kept", lambda place, why: said.append((place, why)))

    def fail(*_):
        raise error

    monkeypatch.setattr(Path, "replace", fail)
    assert not again()
    assert len(said) == 1
    assert said[0][0] == path.parent
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_writing_that_is_cut_short_leaves_nothing(tmp_path, monkeypatch, error):
    """Whatever stops the writing of a kernel, no half of it is left: nothing would ever take it away."""

    def stop(self, target):
        raise error

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(type(error)):
        machine_code._replace(tmp_path / "kernel.nbc", ("code",))
    assert list(tmp_path.iterdir()) == []


def test_no_folder_at_all(kept, monkeypatch):
    """Where Numba finds no folder that can be written to, the kernel runs, and it is said."""
    again, path = kept
    said = []
    monkeypatch.setattr(machine_code, "not_kept", lambda place, why: said.append(place))
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    path.unlink()
    assert not again()
    assert said == [None]


def test_a_folder_that_is_a_file(plugin, tmp_path):
    """NUMBA_CACHE_DIR may name something that is no folder, or a folder where nobody may write."""
    blocked = tmp_path / "blocked"
    blocked.touch()
    assert plugin(1.0, cache=blocked)[0] == "20.0"
    assert blocked.read_bytes() == b""


def test_two_processes_at_once(plugin, tmp_path):
    """Processes that compile the same kernel at once all run the right one, and leave one that the next finds."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: plugin(3.0)[0], range(4)))
    assert found == ["40.0"] * 4
    assert plugin(3.0) == ["40.0", "1"]
    assert not list((tmp_path / "cache").rglob("*.tmp"))


CHANGED = """
import first, second
assert second.inner(1.0) == 2.0
second.FACTOR = 5.0
print(first.outer(1.0))
"""


def test_a_constant_changed_while_running_is_kept_under_no_wrong_name(plugin):
    """What was compiled around a constant that changed meanwhile is never found under a text of another value."""
    assert plugin(1.0, ask=CHANGED) in (["20.0"], ["60.0"])  # Numba may compile the inner one anew
    assert plugin(5.0)[0] == "60.0"
    assert plugin(1.0)[0] == "20.0"


def test_what_an_earlier_text_left_goes(kept):
    """The machine code of a text that is no longer there is removed a week later, when the kernel is compiled anew."""
    again, path = kept
    name, _made_of, _asked, end = path.name.rsplit(".", 3)
    left = [path.with_name(f"{name}.{'0' * 20}.{k}.{end}") for k in range(2)]
    for age, file in zip((1, 8), left, strict=True):
        file.touch()
        os.utime(file, (file.stat().st_mtime - age * 86400,) * 2)
    path.unlink()
    again()
    assert [file.exists() for file in (path, *left)] == [True, True, False]


@kernel
def summed(x):
    """A kernel of arrays."""
    total = 0.0
    for k in range(x.shape[0]):
        total += x[k]
    return total


def test_each_layout_has_a_file_of_its_own(tmp_path, monkeypatch):
    """Kernels of other types or layouts are not taken for each other."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    dispatcher: Any = summed
    dispatcher._cache = MachineCode(dispatcher.py_func)
    dispatcher._reset_overloads()
    for array in (np.ones(3), np.ones(6)[::2], np.ones(3, dtype=np.int32)):
        assert summed(array) == 3.0
    assert len(list(Path(tmp_path).rglob("*.nbc"))) == 3


def test_python_is_kept_the_machine_code_and_other_kernels_all(kept):
    """What Python calls is kept without code for other kernels, which loading would read; one that calls it works."""
    _, path = kept
    body = path.read_bytes().partition(machine_code._MAGIC)[2][32:]
    (_, kind, (code, named)), *_ = pickle.loads(body)  # noqa: S301 - written a moment ago
    assert (kind, code[:4]) == ("object", b"\x7fELF") or sys.platform != "linux"
    functions = [f.name for f in llvmlite.binding.parse_bitcode(named).functions if not f.is_declaration]
    assert len(functions) == 1
    assert "cpython" in functions[0]

    @kernel
    def ninefold(x):
        return 3.0 * tripled(x)

    assert ninefold(2.0) == 18.0
