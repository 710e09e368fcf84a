"""What a kernel is made of: whatever could change its machine code changes its fingerprint, and nothing else does."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

# A plugin of several files. Its kernel reaches, of them: functions, theirs, constants of every kind, by every way.
FILES = {
    "made/__init__.py": "",
    "made/kernel.py": """
        '''A kernel.'''
        from math import pi
        import numpy as np
        from protocolsim.arithmetic import kernel
        from made import rates, far
        from made.rates import decay as lost, LIMIT
        import made.deep.numbers
        from made.closed import scaled
        from made.plain import halved

        HERE = 5.0

        @kernel
        def level(x):
            '''The level.'''
            y = lost(x) + rates.gain(x) + LIMIT + HERE + rates.TABLE[1] + far.WEIGHTS[0] + scaled(x) + halved(x)
            return y + made.deep.numbers.OFFSET + np.float64(rates.Stage.LATE) + (lambda z: z + 17.0)(x) * pi
    """,
    "made/rates.py": """
        from enum import IntEnum
        from protocolsim.arithmetic import kernel, inlined
        from made.deep.inner import half_life

        LIMIT = 7.0
        TABLE = (1.0, 2.0)

        class Stage(IntEnum):
            LATE = 3

        @inlined
        def gain(x):
            return x * 3.0

        @kernel
        def decay(x, by=11.0):
            # This may be said otherwise.
            return x / half_life(x) + by

        @kernel
        def unused(x):
            return x + 100.0
    """,
    "made/far.py": """
        import numpy as np
        WEIGHTS = np.array([13.0, 14.0])
        FARTHER = 200.0
    """,
    "made/deep/__init__.py": "",
    "made/deep/numbers.py": "OFFSET = 19.0",
    "made/deep/inner.py": """
        from numba import njit

        @njit
        def half_life(x):
            return x + 23.0
    """,
    "made/closed.py": """
        from protocolsim.arithmetic import kernel

        def _scaling(factor, shift):
            def moved(x):
                return x + shift

            moved = kernel(moved)

            @kernel
            def scaled(x):
                return factor * moved(x)

            return scaled

        scaled = _scaling(29.0, 31.0)
    """,
    "made/plain.py": """
        from numba.extending import overload
        import made.written

        def halved(x):
            return x / 2.0

        @overload(halved)
        def _halved(x):
            return made.written.halving
    """,
    "made/written.py": """
        def halving(x):
            return x / 2.0 + 37.0
    """,
}
# Each is reached by the kernel in a way of its own.
TOUCHED = [
    ("made/kernel.py", "HERE = 5.0", "HERE = 6.0"),
    ("made/kernel.py", "z + 17.0", "z + 18.0"),
    ("made/kernel.py", "+ LIMIT", "- LIMIT"),
    ("made/rates.py", "LIMIT = 7.0", "LIMIT = 8.0"),
    ("made/rates.py", "(1.0, 2.0)", "(1.0, 2.5)"),
    ("made/rates.py", "LATE = 3", "LATE = 4"),
    ("made/rates.py", "x * 3.0", "x * 4.0"),
    ("made/rates.py", "by=11.0", "by=12.0"),
    ("made/rates.py", "@inlined", "@kernel"),
    ("made/far.py", "[13.0, 14.0]", "[13.5, 14.0]"),
    ("made/deep/numbers.py", "19.0", "19"),
    ("made/deep/numbers.py", "19.0", "float('nan')"),
    ("made/deep/inner.py", "x + 23.0", "x - 23.0"),
    ("made/closed.py", "29.0", "30.0"),
    ("made/closed.py", "31.0", "32.0"),
    ("made/closed.py", "x + shift", "shift - x"),
    ("made/written.py", "37.0", "38.0"),
]
UNTOUCHED = [
    ("made/rates.py", "# This may be said otherwise.", "# It is."),
    ("made/rates.py", "x + 100.0", "x + 101.0"),
    ("made/far.py", "FARTHER = 200.0", "FARTHER = 201.0"),
    ("made/kernel.py", "'''The level.'''", "'''The level that is reached.'''"),
    ("made/kernel.py", "'''A kernel.'''", "'''A kernel.'''\n\n\n"),
    ("made/__init__.py", "", "VERSION = 2"),
]


def put(folder, place, text):
    lines = text.splitlines()
    cut = len("        ") if lines and not lines[0].strip() else 0
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(line[cut:] for line in lines) + "\n", encoding="utf-8")


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The plugin's files in a folder of their own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for place, text in FILES.items():
        put(tmp_path, place, text)
    yield tmp_path
    forget()


def forget():
    for name in [n for n in sys.modules if n.partition(".")[0] == "made"]:
        del sys.modules[name]


def seen():
    """The fingerprint of the kernel as its files are now."""
    from protocolsim.kernels.fingerprint import fingerprint

    forget()
    importlib.invalidate_caches()
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        return fingerprint(importlib.import_module("made.kernel").level.py_func)
    finally:
        sys.dont_write_bytecode = before


def test_every_edit_of_what_a_kernel_reaches_is_seen_and_no_other(plugin):
    """A function, a constant, an enumeration, an array, a default, a cell, an overload, in any file: all are part."""
    at_first = seen()
    assert at_first == seen()
    for edits, same in ((TOUCHED, False), (UNTOUCHED, True)):
        for place, old, new in edits:
            assert old in FILES[place]
            put(plugin, place, FILES[place].replace(old, new, 1) if old else new)
            assert (seen() == at_first) is same, (place, new)
            put(plugin, place, FILES[place])
    assert seen() == at_first


def test_a_fingerprint_is_the_same_in_every_process():
    """It depends on no address, on no order of a set and on no hash, so that kernels are found again."""
    ask = (
        "import importlib, pkgutil, protocolsim.disease as d, protocolsim.drug as g, protocolsim.engine as e\n"
        "from protocolsim.kernels.fingerprint import fingerprint\n"
        "for room in (d, g, e):\n"
        "    for found in pkgutil.iter_modules(room.__path__, room.__name__ + '.'):\n"
        "        for name, thing in sorted(vars(importlib.import_module(found.name)).items()):\n"
        "            if hasattr(thing, 'py_func'): print(found.name, name, fingerprint(thing.py_func))\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", ask],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert told[0].count("\n") > 50


def test_a_users_file_may_have_the_name_of_a_standard_one(tmp_path, monkeypatch):
    """A plugin's own `calendar.py` or `token.py` is looked into: a standard one stands where they stand."""
    from protocolsim.kernels.fingerprint import fingerprint

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "this", raising=False)
    found = []
    for number in (1.0, 2.0):
        (tmp_path / "this.py").write_text(
            f"def inner(x):\n    return x + {number}\n\ndef outer(x):\n    return inner(x)\n"
        )
        monkeypatch.delitem(sys.modules, "this", raising=False)
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        found.append(fingerprint(importlib.import_module("this").outer))
    monkeypatch.delitem(sys.modules, "this")
    assert found[0] != found[1]


def test_a_profiler_changes_no_fingerprint():
    """Numba overwrites flags of a function that is called under a profiler: it is the same function all the same."""
    code = (
        "import cProfile\nfrom protocolsim.arithmetic import exp\n"
        "from protocolsim.kernels.fingerprint import fingerprint\n"
        "before = fingerprint(exp.py_func)\n"
        "cProfile.runctx('exp(1.0)', globals(), {})\n"
        "print(fingerprint(exp.py_func) == before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"
