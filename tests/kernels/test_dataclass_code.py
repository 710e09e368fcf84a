"""The methods of dataclasses are kept as Python compiles them, and never believed where they are not that."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from protocolsim.kernels.dataclass_code import _HEAD, CompiledTexts

TEXTS = [f"def made():\n def method(x):\n  return x + {number}\n return method" for number in range(30)]


def results(texts: CompiledTexts) -> list[int]:
    """What the methods of these texts answer."""
    found = []
    for text in TEXTS:
        made: dict[str, Any] = {}
        texts.execute(text, {}, made)
        found.append(made["made"]()(1))
    return found


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new" / "kept.marshal"
    texts = CompiledTexts(str(path))
    assert results(texts) == [*range(1, 31)]
    texts.keep()
    return path


def test_what_was_compiled_is_found_by_its_text(path):
    """The same texts are not compiled again and mean the same; another text is compiled, and means what it says."""
    texts = CompiledTexts(str(path))
    assert set(texts.kept) == set(TEXTS)
    assert results(texts) == [*range(1, 31)]
    made: dict[str, Any] = {}
    texts.execute(TEXTS[0].replace("+", "-"), {}, made)
    assert made["made"]()(1) == 1
    before = path.read_bytes()
    texts.keep()  # one text more is not worth it
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("at", [3, len(_HEAD) - 3, len(_HEAD) + 1, len(_HEAD) + 100, -1])
def test_what_is_damaged_or_of_another_python_is_not_believed(path, at):
    """A changed byte anywhere, or a file cut short, is as no file."""
    content = bytearray(path.read_bytes())
    path.write_bytes(bytes(content[:at]))
    assert CompiledTexts(str(path)).kept == {}
    content[at] ^= 1
    path.write_bytes(bytes(content))
    texts = CompiledTexts(str(path))
    assert texts.kept == {}
    assert results(texts) == [*range(1, 31)]
    texts.keep()
    assert set(CompiledTexts(str(path)).kept) == set(TEXTS)


def test_a_command_says_the_same_with_it_and_where_nothing_can_be_kept(tmp_path):
    """A command writes the file, finds it again, and does without where there is no folder to write to."""
    (tmp_path / "file").write_text("")
    said = []
    for folder in ("kept", "kept", "file"):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / folder)}
        command = [sys.executable, "-W", "error", "-m", "protocolsim", "list"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        said.append((done.stdout, done.stderr))
    assert said[0][0]
    assert said[0] == said[1] == said[2] == (said[0][0], "")
    assert len([*(tmp_path / "kept").iterdir()]) == 1
