"""Kernels: the same bits whatever the column."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import types

from protocolsim.arithmetic import exp, kernel, log, power, sqrt
from protocolsim.kernels.machine_code import MachineCode
from protocolsim.randomness import normal_quantile, poisson_search


@kernel
def column(x, out):
    """What a model does in a step, in little: every function, over the rows of a column."""
    for i in range(x.shape[0]):
        level = exp(-x[i]) + log(1.0 + x[i]) * power(x[i], 0.54) - sqrt(x[i])
        out[i] = level + normal_quantile(0.5 / (1.0 + x[i])) + poisson_search(0.7, x[i], exp(-x[i]))
    return out


@kernel
def chosen(rows, body):
    """The same for the rows of a two-dimensional body that are asked for."""
    for r in range(rows.shape[0]):
        i = rows[r]
        body[i, 1] = exp(-body[i, 0]) * power(body[i, 0], 1.7) + log(body[i, 0])


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(1).lognormal(0.0, 1.5, 1001)


def test_one_row_or_a_thousand(values):
    """A column of n gives the same bits as n columns of one."""
    together = column(values, np.empty_like(values))
    alone = np.concatenate([column(values[i : i + 1], np.empty(1)) for i in range(values.size)])
    assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize(
    "view",
    [lambda v: v[::-1], lambda v: v[1:], lambda v: v[::3], lambda v: np.stack([v, v, v], axis=1)[:, 1]],
    ids=["reversed", "misaligned", "strided", "one of three columns"],
)
def test_layout_changes_no_bit(values, view):
    """Reversed, misaligned and strided columns give the same bits as contiguous ones."""
    seen = view(values)
    expected = view(column(values, np.empty_like(values)))
    assert column(seen, np.empty(seen.size)).tobytes() == np.ascontiguousarray(expected).tobytes()


def test_order_and_chunks_of_rows_change_no_bit(values):
    """Asking for rows in another order, or in several calls, gives the same body."""
    n = values.size
    orders = [
        [np.arange(n)],
        [np.arange(n)[::-1]],
        [np.arange(0, n, 2), np.arange(1, n, 2)],
        list(np.arange(n)[:, None]),
    ]
    bodies = []
    for calls in orders:
        body = np.stack([values, np.zeros(n)], axis=1)
        for rows in calls:
            chosen(rows.astype(np.int64), body)
        bodies.append(body.tobytes())
    assert len(set(bodies)) == 1


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_functions_are_what_they_say(x):
    """log, sqrt and exp agree with Python's to a unit or two in the last place, power as its own words say."""
    assert log(x) == pytest.approx(math.log(x), rel=1e-15, abs=1e-15)
    assert sqrt(x) == math.sqrt(x)
    assert exp(-x) == pytest.approx(math.exp(-x), rel=1e-15)
    for y in (0.5, 0.54, -1.7):
        exponent = y * math.log(x)
        if abs(exponent) < 690.0:
            assert power(x, y) == pytest.approx(x**y, rel=(3.0 + abs(exponent)) * 2.0**-52)


def test_edges_are_ieee():
    """No exception stops a column: log 0 is -inf, exp of much is inf, 0 to the 0 is 1."""
    assert log(0.0) == -math.inf
    assert exp(1000.0) == math.inf
    assert power(0.0, 0.0) == power(5.0, 0.0) == 1.0
    assert power(0.0, 1.7) == 0.0
    assert math.isnan(sqrt(-1.0))


@pytest.mark.parametrize("rows", [1, 1000])
def test_exp_beyond_what_it_can_say(rows):
    """0 below -708, inf above 709.78, nan of nan, in a row alone or beside others; up to there as Python says."""
    limits = [-708.0, np.nextafter(-708.0, -np.inf), -745.2, -1e9, -np.inf, 709.78, np.nextafter(709.78, np.inf), 1e300]
    expected = [math.exp(-708.0), 0.0, 0.0, 0.0, 0.0, math.exp(709.78), math.inf, math.inf]
    for x, e in zip([*limits, math.nan], [*expected, math.nan], strict=True):
        seen = exponentials(np.full(rows, x))
        assert seen[0] == pytest.approx(e, rel=1e-15, nan_ok=True)
        assert np.array_equal(seen, np.full(rows, seen[0]), equal_nan=True)


@kernel
def exponentials(x):
    """exp of each, for the test of its limits."""
    found = np.empty(x.shape[0])
    for k in range(x.shape[0]):
        found[k] = exp(x[k])
    return found


@kernel
def quotient(x, y):
    """A division, for the test of what a division by zero does."""
    return x / y


def test_division_by_zero_is_infinite_not_an_exception():
    """Kernels divide as IEEE 754 says, so that one subject cannot stop a column."""
    assert quotient(1.0, 0.0) == math.inf
    assert math.isnan(quotient(0.0, 0.0))


LOADED = """
import sys
import numpy as np
from numba import njit
from protocolsim.arithmetic import kernel

@kernel
def doubled(x):
    out = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        out[i] = 2.0 * x[i]
    return out

print(doubled(np.ones(3)).sum(), sum(doubled.stats.cache_hits.values()), "scipy.linalg" in sys.modules)

@njit
def compiled(x):
    return np.dot(doubled(x), x)

print(compiled(np.arange(3.0)))
"""


def test_a_kernel_on_the_disk_needs_no_compiler(tmp_path):
    """A kernel is loaded without what only compiling needs; what is compiled later around it finds that too."""
    (tmp_path / "loaded.py").write_text(LOADED)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run():
        command = [sys.executable, "-c", "import loaded"]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        total, hits, algebra, product = done.stdout.split()
        return float(total), int(hits), algebra == "True", float(product)

    assert run() == (6.0, 0, True, 10.0)
    assert run() == (6.0, 1, False, 10.0)


@kernel
def shifted(x, by):
    """A kernel that is called with numbers written out."""
    return x + by


@kernel
def twice_shifted(x):
    """It is called with two of them."""
    return shifted(shifted(x, 2), 3)


def test_a_number_written_in_a_call_compiles_nothing_anew():
    """A kernel is compiled once for the whole numbers that others call it with, not once for each."""
    asked: list[MachineCode] = []
    load = MachineCode.load_overload

    def noted(cache: MachineCode) -> MachineCode:
        asked.append(cache)
        return cache

    inside: Any = shifted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MachineCode, "load_overload", lambda self, *args: load(noted(self), *args))
        assert twice_shifted(1.0) == 6.0
        for number in (types.literal(5), types.int64, types.literal(6)):
            inside.get_call_template((types.float64, number), {})
    assert [cache.function.__name__ for cache in asked].count("shifted") == 1
