"""The rule language: what an expression means, what it refuses, and that nothing in it is ever executed."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocolsim import arithmetic as arithmetic_of_kernels
from protocolsim.errors import RuleError
from protocolsim.protocol.evaluation import compiled, constant_value
from protocolsim.protocol.rules import (
    MAX_DEPTH,
    MAX_LENGTH,
    TOLERANCE,
    Call,
    Name,
    Negation,
    Number,
    Operation,
    dimension_of,
    names_in,
    parse,
)
from protocolsim.units import DOSE, MASS, NONE, RATE, TIME

PACKAGE = Path(__file__).parents[2] / "protocolsim"
NAMES = {"a": 0, "b": 1, "c": 2}
UNDEFINED = float("nan")


def value(text, **names):
    return compiled(parse(text), {}, {n: k for k, n in enumerate(names)})(list(names.values()))


class TestMeaning:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1 + 2 * 3", 7.0),
            ("(1 + 2) * 3", 9.0),
            ("8 - 4 - 2", 2.0),
            ("8 / 4 / 2", 1.0),
            ("8 / 4 * 2", 4.0),
            ("-2 * -3", 6.0),
            ("--2", 2.0),
            ("---2", -2.0),
            ("2 - -3", 5.0),
            ("1e3 + .5", 1000.5),
            ("75 % * 4", 3.0),
            ("1/2 weeks", 1 / (2 * 10080)),
            ("1 % / 4 weeks", 0.01 / 40320),
            ("2/week", 2 / 10080),
            ("1 mg/kg * 2", 2.0),
            ("exp(log(3)) + sqrt(16)", 7.0),
            ("log10(1000)", 3.0),
            ("round(2.5) - round(-2.5)", 5.0),
            ("round(37 mg, 10 mg)", 40.0),
            ("min(3, 1, 2) + max(1, 2) - abs(-4)", -1.0),
            ("if(1 > 2, 1, if(2 > 1, 5, 6))", 5.0),
        ],
    )
    def test_numbers(self, text, expected):
        """Products bind before sums, equal signs group from the left, and a unit belongs to the number before it."""
        assert constant_value(parse(text), {}) == pytest.approx(expected, rel=1e-15)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1 > 2 or 2 > 1 and 3 > 4", False),
            ("(2 > 1 or 2 > 1) and 3 > 4", False),
            ("2 > 1 or 2 > 1 and 3 > 4", True),
            ("not 1 > 2 and 1 > 2", False),
            ("not (1 > 2 and 1 > 2)", True),
            ("not not 2 > 1", True),
            ("1 + 1 >= 2 and 1 != 2", True),
            ("1 == 2", False),
            ("2 * 3 <= 6", True),
        ],
    )
    def test_truths(self, text, expected):
        """`not` binds before `and`, `and` before `or`, and comparisons before all of them."""
        assert bool(value(text)) is expected

    @pytest.mark.parametrize("column", [False, True])
    def test_values_within_the_tolerance_of_a_bound_are_equal_to_it(self, column):
        """1 - 7/10 > 0.30 is true in floats and false here, and so on both sides of the bound."""
        for shift, equal in ((0.0, True), (0.9 * TOLERANCE, True), (1.1 * TOLERANCE, False)):
            for sign in (1, -1):
                x = 1 - 7 / 10 + sign * shift
                given_ = np.array([x, x]) if column else x
                found = {op: np.all(value(f"x {op} 0.30", x=given_)) for op in (">", ">=", "<", "<=", "==", "!=")}
                above, below = not equal and sign > 0, not equal and sign < 0
                assert found == {
                    ">": above, ">=": equal or above, "<": below, "<=": equal or below, "==": equal, "!=": not equal,
                }  # fmt: skip

    @pytest.mark.parametrize("op", [">", ">=", "<", "<=", "==", "!="])
    def test_a_comparison_with_something_undefined_is_false(self, op):
        """Every comparison with NaN on either side is false, and its negation true, for numbers and for columns."""
        for undefined in (UNDEFINED, np.array([UNDEFINED])):
            for text in (f"x {op} 1", f"1 {op} x", f"x {op} x"):
                assert not np.any(value(text, x=undefined))
                assert np.all(value(f"not ({text})", x=undefined))

    def test_dividing_by_zero_is_undefined(self):
        """A quotient by zero is undefined, never infinite, so any rule about it is false."""
        assert math.isnan(constant_value(parse("1 / 0"), {}))
        assert math.isnan(constant_value(parse("0 / (1 - 1)"), {}))
        with np.errstate(all="raise"):
            found = value("1 - x / y", x=np.array([1.0, 1.0]), y=np.array([0.0, 2.0]))
        assert np.array_equal(found, [np.nan, 0.5], equal_nan=True)
        assert not value("1 - x / y > -5", x=0.0, y=0.0)


# Random trees, and the same meaning written in plain Python, with no part of the package.
numbers = st.floats(0, 100, allow_subnormal=False).map(lambda x: round(x, 3))
leaves = st.one_of(numbers.map(lambda x: Number(x, NONE)), st.sampled_from(sorted(NAMES)).map(Name))
arithmetic = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Operation, st.sampled_from("+-*/"), inner, inner),
        st.builds(Negation, st.just("-"), inner),
        st.builds(Call, st.sampled_from(["min", "max", "round"]), st.tuples(inner, inner)),
        st.builds(Call, st.sampled_from(["exp", "log", "log10", "sqrt", "abs", "round"]), st.tuples(inner)),
        st.builds(
            Call, st.just("if"), st.tuples(st.builds(Operation, st.sampled_from("<>"), inner, inner), inner, inner)
        ),
    ),
    max_leaves=8,
)
comparisons = st.builds(Operation, st.sampled_from([">", ">=", "<", "<=", "==", "!="]), arithmetic, arithmetic)
rules = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(Operation, st.sampled_from(["and", "or"]), inner, inner), st.builds(Negation, st.just("not"), inner)
    ),
    max_leaves=4,
)
values = st.one_of(st.just(UNDEFINED), st.just(0.0), st.floats(-1e3, 1e3, allow_subnormal=False))


def defined(function, *x):
    """A function's value, undefined where one of its arguments is."""
    return UNDEFINED if any(map(math.isnan, x)) else function(*x)


def nearest(x, step=1.0):
    return (
        UNDEFINED if math.isnan(step) or step <= 0 or not math.isfinite(x / step) else math.floor(x / step + 0.5) * step
    )


PLAIN: dict[str, Callable[..., float]] = {
    "exp": arithmetic_of_kernels.exp,
    "log": lambda x: arithmetic_of_kernels.log(x) if x > 0 else UNDEFINED,
    "log10": lambda x: arithmetic_of_kernels.log(x) * 0.4342944819032518 if x > 0 else UNDEFINED,
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else UNDEFINED,
    "abs": abs,
    "min": lambda *x: defined(min, *x),
    "max": lambda *x: defined(max, *x),
    "round": nearest,
    "if": lambda rule, a, b: a if rule else b,
}


def plain(node, names):
    """The meaning of a tree in plain Python."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Name):
        return names[node.name]
    if isinstance(node, Negation):
        inner = plain(node.operand, names)
        return (not inner) if node.op == "not" else -inner
    if isinstance(node, Call):
        return PLAIN[node.function](*(plain(part, names) for part in node.arguments))
    a, b = plain(node.left, names), plain(node.right, names)
    if node.op == "/":
        return UNDEFINED if b == 0 or math.isnan(b) else a / b
    if node.op in "+-*":
        return a + b if node.op == "+" else a - b if node.op == "-" else a * b
    if node.op in ("and", "or"):
        return (a and b) if node.op == "and" else (a or b)
    if math.isnan(a) or math.isnan(b) or math.isnan(a - b):
        return False
    equal = abs(a - b) <= 1e-9
    return {
        "==": equal, "!=": not equal, ">": a > b and not equal, ">=": a > b or equal,
        "<": a < b and not equal, "<=": a < b or equal,
    }[node.op]  # fmt: skip


def written(node):
    """A tree as text, every operand in brackets."""
    if isinstance(node, Number):
        return repr(node.value)
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Negation):
        return f"{node.op} ({written(node.operand)})"
    if isinstance(node, Call):
        return f"{node.function}({', '.join(map(written, node.arguments))})"
    return f"({written(node.left)}) {node.op} ({written(node.right)})"


def same(a, b):
    return a == b or (a != a and b != b)


class TestTrees:
    @given(arithmetic, st.lists(values, min_size=3, max_size=3))
    def test_numbers_mean_what_plain_python_says(self, node, given_):
        """A random expression comes to what the same tree comes to in plain Python, to the last bit."""
        found = compiled(node, {}, NAMES)(given_)
        assert same(float(found), plain(node, dict(zip(NAMES, given_, strict=True))))

    @given(rules, st.lists(values, min_size=3, max_size=3))
    def test_truths_mean_what_plain_python_says(self, node, given_):
        """A random rule is as true as the same tree in plain Python."""
        assert bool(compiled(node, {}, NAMES)(given_)) == plain(node, dict(zip(NAMES, given_, strict=True)))

    @given(st.one_of(arithmetic, rules), st.lists(st.lists(values, min_size=3, max_size=3), min_size=1, max_size=5))
    @settings(max_examples=200)
    def test_columns_and_numbers_give_the_same_bits(self, node, rows):
        """Evaluated over columns, each row is what it is alone: the two engines cannot differ."""
        evaluate = compiled(node, {}, NAMES)
        columns = [np.array(c) for c in zip(*rows, strict=True)]
        with np.errstate(all="ignore"):
            together = np.broadcast_to(np.asarray(evaluate(columns)), (len(rows),))
        alone = np.array([evaluate(row) for row in rows])
        assert together.dtype == alone.dtype
        assert together.tobytes() == alone.tobytes() or np.array_equal(together, alone, equal_nan=True)

    @given(st.one_of(arithmetic, rules))
    def test_what_is_written_is_read_back(self, node):
        """The text of a tree parses to that tree."""
        text = written(node)
        if len(text) <= MAX_LENGTH:
            assert parse(text) == node

    def test_names_in_their_order_and_constants_fixed(self):
        """An expression's names come in order of first use; what is a constant is no longer looked up."""
        node = parse("b * a + k > b")
        assert names_in(node) == ("b", "a", "k")
        assert compiled(node, {"k": 5.0}, {"a": 0, "b": 1})([1.0, 2.0])


KNOWN = {"dose": DOSE, "scans": NONE, "since": TIME}


class TestDimensions:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("dose * 2", DOSE),
            ("70 kg * dose", MASS),
            ("scans / since", RATE),
            ("since / 1 week", NONE),
            ("since > 4 weeks", None),
            ("not scans > 1", None),
            ("-since", TIME),
            ("max(dose, 1 mg/kg)", DOSE),
            ("sqrt(since * 4 weeks)", TIME),
            ("if(scans > 1, dose, 2 * dose)", DOSE),
            ("round(since, 1 week)", TIME),
            ("log(dose / 1 mg/kg)", NONE),
        ],
    )
    def test_units_are_carried(self, text, expected):
        """A product's units multiply, a quotient's divide, and a comparison has none."""
        assert dimension_of(parse(text), KNOWN) == expected

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("scans > 4 weeks", "units do not fit: '>' between a plain number or a share and a time"),
            ("dose + 1 mg", "units do not fit: '+'"),
            ("scanz > 1", "unknown name 'scanz'; did you mean 'scans'?"),
            ("scans and scans > 1", "'and' joins comparisons; found a plain number"),
            ("not scans", "'not' stands before a plain number"),
            ("-(scans > 1)", "'-' stands before a comparison"),
            ("--(scans > 1)", "'-' stands before a comparison"),
            ("(scans > 1) + 1", "needs numbers; found a comparison"),
            ("(scans > 1) > 1", "needs numbers; found a comparison"),
            ("exp(dose)", "'exp' needs a plain number or a share; found a dose (mg/kg)"),
            ("min(dose, since)", "units do not fit: 'min' of a dose (mg/kg) and a time"),
            ("min(dose)", "'min' is written min(x, y, ...); found 1 arguments"),
            ("sqrt(dose)", "has no unit"),
            ("round(since)", "needs to what, such as round(x, 1 mg)"),
            ("if(scans, 1, 2)", "'if' needs a comparison first"),
            ("abs(scans > 1)", "'abs' needs numbers; found a comparison"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, text, said):
        """Units that do not fit, truths used as numbers and unknown names are refused in words."""
        with pytest.raises(RuleError) as caught:
            dimension_of(parse(text), KNOWN)
        assert said in str(caught.value)


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a = 2", "equality is written '=='"),
            ("1 < a < 2", "two comparisons in a row"),
            ("a == b == c", "two comparisons in a row"),
            ("", "an empty expression"),
            ("   ", "an empty expression"),
            ("a >", "ends too early"),
            ("(a", "ends too early"),
            ("(a b)", "a missing ')'"),
            ("a b", "'b' is not expected there"),
            ("a )", "')' is not expected there"),
            ("and", "'and' is not expected there"),
            ("a > 1 not", "'not' is not expected there"),
            ("week", "the unit 'week' needs a number before it"),
            ("3 months", "say weeks"),
            ("3 weks", "did you mean 'weeks'"),
            ("1e999", "not a finite number"),
            ("1e308 weeks", "not a finite number"),
            ("a.b", "cannot read '.b'"),
            ("a[0]", "cannot read '[0]'"),
            ("'a'", "cannot read"),
            ("a if b else c", "'if' is not expected there"),
            ("lambda: 1", "cannot read ':"),
            ("a ** 2", "'*' is not expected there"),
            ("a // 2", "'/' is not expected there"),
            ("a & b", "cannot read '& b'"),
            ("__import__('os').system('true')", "cannot read"),
            ("open(a)", "unknown function 'open'"),
            ("mix(a, b)", "unknown function 'mix' in 'mix(a, b)'; did you mean 'min'?"),
            ("max(a", "ends too early"),
            ("max()", "is not expected there"),
            ("(" * 10_000, "at most 1000"),
            ("(" * 900, "nested deeper than 40"),
            ("(" * 400 + "a" + ")" * 400, "nested deeper than 40"),
            ("a + " * 10_000 + "a", "at most 1000"),
            ("a > ٣", "cannot read"),
            ("é > 1", "cannot read"),
            ("a > 1\u200b", "cannot read"),
            ("\x00", "cannot read"),
        ],
    )
    def test_hostile_and_careless_text(self, text, said):
        """Whatever is no rule is refused with a sentence that says what was found."""
        with pytest.raises(RuleError) as caught:
            parse(text)
        assert said in str(caught.value)
        assert len(str(caught.value)) < MAX_LENGTH + 200

    @pytest.mark.parametrize("wrong", [True, False, float("inf"), float("nan")])
    def test_values_that_are_no_expressions(self, wrong):
        """Truths and numbers that are not finite are no expressions."""
        with pytest.raises(RuleError):
            parse(wrong)

    @given(st.text(max_size=60) | st.text("ab1 .()+-*/<>=!%notrwek", max_size=60))
    @settings(max_examples=400)
    def test_any_text_is_read_or_refused(self, text):
        """Any text at all becomes a tree or a RuleError, never another exception."""
        try:
            node = parse(text)
            dimension_of(node, {"a": NONE, "b": NONE})
        except RuleError:
            return
        assert set(names_in(node)) <= {"a", "b"}
        compiled(node, {}, NAMES)([1.0, 2.0, 3.0])

    def test_the_longest_and_the_deepest_that_is_read(self):
        """What is just within the limits is read and comes to the right number."""
        depth = MAX_DEPTH - 1
        assert constant_value(parse("(" * depth + "7" + ")" * depth), {}) == 7.0
        terms = (MAX_LENGTH + 1) // 2
        assert constant_value(parse("+".join(["1"] * terms)), {}) == terms
        assert constant_value(parse("-" * 999 + "1"), {}) == -1.0
        assert bool(value("not " * 200 + "1 > 2")) is False
        assert bool(value("not " * 201 + "1 > 2")) is True


def test_nothing_in_the_package_is_ever_evaluated_as_code():
    """No module calls eval, exec or compile, whatever a scenario holds.

    But for models that an author writes in Python: what is compiled there is the author's own module, transformed.
    """
    forbidden = {"eval", "exec", "compile", "execfile"}
    found = []
    for path in set(PACKAGE.rglob("*.py")) - {PACKAGE / "by_name" / "made.py"}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                direct = getattr(node.func, "id", "") in forbidden
                builtin = getattr(node.func, "attr", "") in ("eval", "exec")
                if direct or builtin:
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []
