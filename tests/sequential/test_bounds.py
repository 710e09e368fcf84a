"""Boundaries: published tables, and what holds for every shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from protocolsim.errors import UsageError
from protocolsim.sequential.boundaries import futility_bounds, joint_bounds, rounded, upper_bounds
from protocolsim.sequential.recursion import crossing, drift_for, expected, power
from protocolsim.sequential.shapes.base import FixedShape, SpendingShape
from protocolsim.sequential.shapes.catalogue import shapes
from protocolsim.sequential.shapes.hwang_shih_decani import HwangShihDecani

FIXED = norm.isf(0.025) + norm.isf(0.1)
GAMMA = "hwang_shih_decani"


def equal(looks):
    return np.arange(1, looks + 1) / looks


# Jennison & Turnbull 2000, tables 2.1 to 2.5 (one more digit recomputed with rpact): two-sided .05.
CLASSICAL = [
    (0.5, 2, 2.1783, 1.1001, 0.7759), (0.5, 3, 2.2895, 1.1506, 0.7210),
    (0.5, 4, 2.3613, 1.1831, 0.6975), (0.5, 5, 2.4132, 1.2066, 0.6849),
    (0.0, 2, 1.9774, 1.0071, 0.8511), (0.0, 3, 2.0040, 1.0161, 0.7987),
    (0.0, 4, 2.0243, 1.0222, 0.7674), (0.0, 5, 2.0401, 1.0265, 0.7503),
]  # fmt: skip


@pytest.mark.parametrize(("delta", "looks", "constant", "inflation", "average"), CLASSICAL)
def test_classical_bounds(delta, looks, constant, inflation, average):
    """Pocock and O'Brien-Fleming: constant, inflation of the size for power .9, average size at the alternative."""
    t = equal(looks)
    upper = upper_bounds("wang_tsiatis", delta, 0.025, t, symmetric=True)
    assert np.allclose(upper, constant * t ** (delta - 0.5), rtol=0.0, atol=6e-5 * np.sqrt(looks))
    drift = drift_for(0.9, t, -upper, upper)
    assert (drift / FIXED) ** 2 == pytest.approx(inflation, abs=6e-5)
    assert (drift / FIXED) ** 2 * expected(t, -upper, upper, drift) == pytest.approx(average, abs=6e-5)


@pytest.mark.parametrize(("looks", "inflation"), [(2, 1.0078), (3, 1.0174), (4, 1.0238), (5, 1.0284)])
def test_obrien_fleming_inflation_for_power_80(looks, inflation):
    """O'Brien-Fleming's inflation factors for power .8."""
    upper = upper_bounds("wang_tsiatis", 0.0, 0.025, equal(looks), symmetric=True)
    drift = drift_for(0.8, equal(looks), -upper, upper)
    assert (drift / (norm.isf(0.025) + norm.isf(0.2))) ** 2 == pytest.approx(inflation, abs=6e-5)


@pytest.mark.parametrize(
    ("shape", "bounds"),
    [
        ("obrien_fleming", [2.9626, 1.9686]),
        ("obrien_fleming", [3.7103, 2.5114, 1.9930]),
        ("obrien_fleming", [4.3326, 2.9631, 2.3590, 2.0141]),
        ("obrien_fleming", [4.8769, 3.3570, 2.6803, 2.2898, 2.0310]),
        ("pocock", [2.2794, 2.2949, 2.2959]),
        ("pocock", [2.4380, 2.4268, 2.4102, 2.3966, 2.3860]),
    ],
)
def test_lan_demets_bounds(shape, bounds):
    """Lan-DeMets spending, one-sided .025, as gsDesign and rpact give them."""
    assert np.allclose(upper_bounds(shape, None, 0.025, equal(len(bounds))), bounds, rtol=0.0, atol=6e-5)


def test_the_default_of_gsdesign():
    """gsDesign(): gamma -4 and beta gamma -2, .025 and .1, three looks, non-binding."""
    t = equal(3)
    upper = upper_bounds(GAMMA, -4.0, 0.025, t)
    lower, drift = futility_bounds(GAMMA, -2.0, 0.1, t, upper)
    assert np.allclose(upper, [3.0107, 2.5465, 1.9992], rtol=0.0, atol=6e-5)
    assert np.allclose(lower, [-0.2387, 0.9411, 1.9992], rtol=0.0, atol=6e-5)
    assert np.allclose(t * (drift / FIXED) ** 2, [0.3566, 0.7133, 1.0699], rtol=0.0, atol=6e-5)
    assert (drift / FIXED) ** 2 == pytest.approx(1.069883, abs=6e-7)


@settings(max_examples=15)
@given(st.floats(-8.0, 2.0), st.floats(-8.0, 2.0), st.integers(1, 5), st.booleans())
def test_both_errors_are_what_was_asked_for(efficacy, futility, looks, binding):
    """Futility spends beta at the drift, and the bounds meet; alpha holds obeyed (binding) or ignored (non-binding)."""
    t, none = equal(looks), np.full(looks, np.nan)
    design = joint_bounds((GAMMA, efficacy), (GAMMA, futility), 0.025, 0.1, t, binding=binding)
    assert design.lower[-1] == design.upper[-1]
    assert np.all(design.lower <= design.upper)
    assert power(t, design.lower, design.upper, design.drift) == pytest.approx(0.9, abs=1e-9)
    spent = np.cumsum(crossing(t, design.lower, design.upper, design.drift).below)
    assert np.allclose(spent, HwangShihDecani().spent(0.1, t, futility), rtol=0.0, atol=1e-9)
    obeyed = power(t, design.lower, design.upper, 0.0)
    ignored = power(t, none, design.upper, 0.0)
    assert (obeyed if binding else ignored) == pytest.approx(0.025, abs=1e-9)
    assert obeyed <= ignored + 1e-12
    assert design.drift >= FIXED - 1e-9


@st.composite
def shaped(draw):
    """A shape with a parameter, an error, and information fractions that end at 1."""
    shape = draw(st.sampled_from(list(shapes().values())))
    wanted = shape.parameter
    usual = {"gamma": (-8.0, 3.0), "rho": (0.3, 6.0), "delta": (-0.5, 0.8), "z": (2.8, 4.0)}
    value = None if wanted is None else draw(st.floats(*usual[wanted.name]))
    steps = np.array(draw(st.lists(st.floats(0.1, 1.0), min_size=1, max_size=5)))
    return shape, value, draw(st.floats(0.01, 0.1)), np.cumsum(steps) / np.sum(steps)


@settings(max_examples=60)
@given(shaped(), st.booleans())
def test_every_shape_spends_alpha(design, symmetric):
    """The crossings under no drift add to alpha; those of a spending function add to what it says at every look."""
    shape, value, alpha, t = design
    upper = upper_bounds(shape, value, alpha, t, symmetric=symmetric)
    found = crossing(t, -upper if symmetric else np.full(len(t), np.nan), upper, 0.0)
    assert np.sum(found.above) == pytest.approx(alpha, abs=1e-10)
    if isinstance(shape, SpendingShape):
        planned = shape.spent(alpha, t, shape.checked(value))
        assert np.all(np.diff(planned, prepend=0.0) >= 0.0)
        assert np.allclose(np.cumsum(found.above), planned, rtol=0.0, atol=1e-10)
    assert list(upper_bounds(shape.kind, value, alpha, t, symmetric=symmetric)) == pytest.approx(
        list(upper), nan_ok=True
    )


@settings(max_examples=30)
@given(shaped())
def test_less_alpha_means_higher_bounds(design):
    """Bounds for half the error lie above those for all of it, at every look of a fixed shape and at the first."""
    shape, value, alpha, t = design
    one, half = upper_bounds(shape, value, alpha, t), upper_bounds(shape, value, alpha / 2.0, t)
    which = np.ones(len(t), dtype=bool) if shape.kind == "wang_tsiatis" else np.arange(len(t)) == 0
    assume(not (shape.kind == "haybittle_peto" and len(t) > 1))
    assert np.all((half > one)[which & ~np.isnan(half)])


@settings(max_examples=30)
@given(shaped())
def test_bounds_at_a_look_do_not_depend_on_those_after_it(design):
    """A spending function's bounds are found with the looks so far, whatever will follow."""
    shape, value, alpha, t = design
    if isinstance(shape, SpendingShape):
        whole = upper_bounds(shape, value, alpha, t)
        for k in range(1, len(t)):
            assert np.allclose(upper_bounds(shape, value, alpha, t[:k]), whole[:k], rtol=0.0, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("name", ["obrien_fleming", "wang_tsiatis"])
def test_obrien_fleming_bounds_fall(name):
    """Early stops are the harder."""
    upper = upper_bounds(name, 0.0 if name == "wang_tsiatis" else None, 0.025, equal(5))
    assert np.all(np.diff(upper) < 0.0)


@settings(max_examples=30)
@given(st.floats(0.0, 1.0), st.floats(0.001, 0.2))
def test_spending_functions_are_those_of_the_papers(t, error):
    """Error spent by t, written out with SciPy; none at 0 and all at 1."""
    papers = [
        ("obrien_fleming", 0.0, 2.0 * norm.sf(norm.isf(error / 2.0) / np.sqrt(max(t, 1e-300)))),
        ("pocock", 0.0, error * np.log1p((np.exp(1.0) - 1.0) * t)),
        (GAMMA, -4.0, error * np.expm1(4.0 * t) / np.expm1(4.0)),
        (GAMMA, 0.0, error * t),
        (GAMMA, 2.5, error * np.expm1(-2.5 * t) / np.expm1(-2.5)),
        ("power", 3.0, error * t**3),
        ("power", 0.5, error * t**0.5),
    ]
    for name, value, spent in papers:
        shape = shapes()[name]
        assert isinstance(shape, SpendingShape)
        found = shape.spent(error, np.array([0.0, t, 1.0]), value)
        assert found == pytest.approx([0.0, spent, error], abs=1e-15)


def test_a_single_look_is_the_test_itself():
    """With one look every shape gives the usual critical value."""
    for shape in shapes().values():
        value = None if shape.parameter is None else {"gamma": -4, "rho": 3, "delta": 0.2, "z": 3}[shape.parameter.name]
        assert upper_bounds(shape, value, 0.025, np.ones(1))[0] == pytest.approx(norm.isf(0.025), abs=1e-11)


def test_haybittle_peto():
    """3 at the interim looks; the last bound leaves alpha to the digit, hardly above 1.96."""
    upper = upper_bounds("haybittle_peto", 3.0, 0.025, equal(5))
    assert upper[:4].tolist() == [3.0] * 4
    assert norm.isf(0.025) < upper[4] < 2.0


def test_a_look_too_early_to_spend_has_no_bound():
    """O'Brien-Fleming spending at a fiftieth of the information spends less than 1e-16: nan, and later all is spent."""
    t = np.array([0.02, 0.5, 1.0])
    upper = upper_bounds("obrien_fleming", None, 0.025, t)
    assert np.isnan(upper).tolist() == [True, False, False]
    assert np.allclose(upper[1:], upper_bounds("obrien_fleming", None, 0.025, t[1:]), rtol=0.0, atol=1e-12)


def test_bounds_are_kept_to_six_decimals():
    """Rounded bounds have six decimals, no negative zero, and nan stays."""
    assert rounded(np.array([2.9625882, np.nan, -1e-9])).tolist()[::2] == [2.962588, 0.0]
    assert np.isnan(rounded(np.array([np.nan]))[0])
    assert not np.signbit(rounded(np.array([-1e-9]))[0])


def test_every_shape_says_what_it_is():
    """Each file of the folder is a shape of its name, with a meaning, a source, and a parameter that says its range."""
    assert {"obrien_fleming", "pocock", GAMMA, "power", "wang_tsiatis", "haybittle_peto"} == set(shapes())
    for name, shape in shapes().items():
        assert shape.__module__.endswith(f".{name}")
        assert shape.kind == name
        assert shape.meaning
        assert shape.source
        assert isinstance(shape, SpendingShape if shape.spends else FixedShape)
        wanted = shape.parameter
        assert wanted is None or (wanted.name and wanted.meaning and wanted.least < wanted.most)


REFUSED = [
    (lambda: upper_bounds("pococ", None, 0.025, equal(2)), "did you mean 'pocock'"),
    (lambda: upper_bounds("pocock", 1.0, 0.025, equal(2)), "has no parameter, but 1 is given"),
    (lambda: upper_bounds(GAMMA, None, 0.025, equal(2)), "needs a parameter, gamma"),
    (lambda: upper_bounds("power", -1.0, 0.025, equal(2)), "rho is -1; expected a number from 0.01 to 50"),
    (lambda: upper_bounds("pocock", None, 1.2, equal(2)), "alpha is 1.2"),
    (lambda: upper_bounds("pocock", None, 0.025, 2.0 * equal(2)), "fraction is 2; expected at most 1"),
    (lambda: upper_bounds("haybittle_peto", 1.5, 0.025, equal(3)), "spend more than alpha"),
    (lambda: futility_bounds("wang_tsiatis", 0.0, 0.1, equal(2), np.array([2.5, 2.0])), "is no spending function"),
    (lambda: futility_bounds("pocock", None, 0.0, equal(2), np.array([2.5, 2.0])), "beta is 0"),
    (lambda: futility_bounds("pocock", None, 0.1, equal(2) / 2, np.array([2.5, 2.0])), "bounds can only meet at 1"),
    (lambda: futility_bounds("pocock", None, 0.1, equal(2), np.array([2.5, np.nan])), "has no efficacy bound"),
    (lambda: futility_bounds("pocock", None, 0.1, equal(2), np.array([2.5])), "2 looks, but bounds for 1"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_makes_no_design_is_refused(call, message):
    """A message says what was found and what was expected."""
    with pytest.raises(UsageError, match=message):
        call()
