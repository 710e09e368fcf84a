"""Models in Python by name: one declaration of each name, kernels that do what is said, and refusals at their line."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import protocolsim.disease
import protocolsim.drug
from protocolsim.arithmetic import exp, inlined, log, power
from protocolsim.by_name import model as by_name
from protocolsim.by_name.model import ByName, alike, kernel_text
from protocolsim.component import Parameter, Variable
from protocolsim.errors import UsageError
from protocolsim.kernels.fingerprint import fingerprint
from protocolsim.randomness import (
    binomial_quantile,
    exponential_quantile,
    normal_quantile,
    poisson_search,
    uniform,
)

PARAMETERS = (
    Parameter("size", 2.0, "", 1.0, 3.0, "A", "", "size"),
    Parameter("spread", 0.5, "", 0.0, 1.0, "A", "", "spread"),
    Parameter("time", 2.0, "weeks", 1.0, 3.0, "A", "", "time"),
)
TABLE = np.array([[0.1, 0.2], [0.3, 0.4]])


def toy() -> dict[str, Any]:
    """A model that uses every word, and its kernels as plain functions."""
    model = ByName(
        stream=900,
        parameters=PARAMETERS,
        fields=("level", "size", "rest[3]", "seen", "count", "left", "jumps"),
        draws={"size": 0, "wait": 3, "kind": 5, "many": 6, "kept": 7, "jump": 8, "error": 9, "other": 10},
        needs=("weight", "age"),
        reads=("rate", "level of it"),
        derived=lambda p: {"log_size": log(p.size), "table": TABLE, "hour": 60.0},
    )

    @inlined
    def doubled(x):
        return x + x

    @model.part
    def jumped(me, p, draw, x):
        """A part that sets a field and draws."""
        me.jumps += 1.0
        return x * p.table[1, me.jumps % 2] + draw.uniform("jump", use=me.jumps)

    @model.start
    def start(me, p, draw, disease):
        """Straight: it goes by columns."""
        before = 0.0
        for n in range(3):
            before += p.table[0, 1] * n
        me.size = exp(p.log_size + p.spread * draw.normal("size")) + before
        me.rest[1] = draw.exponential("wait", use=1) * p.time
        me.rest[0] = 1.0 if draw.bernoulli("kind", 0.5) else doubled(disease.age)
        mean = me.size * 2.0
        me.count = draw.poisson("many", mean)
        me.left = draw.binomial("kept", me.count, 0.25, none=exp(me.count * log(1.0 - 0.25)))
        share = disease.weight * me.left
        me.rest[2] = share
        me.level = 0.0

    @model.advance
    def advance(me, p, signal, since, until):
        """It returns for some: it goes by rows."""
        if me.count == 0.0:
            return
        days = (until - since) / (24.0 * p.hour)
        with alike(days, me.count):
            left = exp(-days / 100.0) * me.count
        me.size = left + signal.rate + signal["level of it"]
        for n in range(2):
            me.rest[n] += n + me.size

    @model.observe("test", "a test", Variable("size", "", "size"), Variable("many", "", "many"))
    def observe(me, p, draw, now, see):
        """Jumps until now, then what is seen."""
        while me.jumps * 1000.0 <= now:
            me.seen = jumped(me, p, draw, 2.0)
        see.size = me.size * exp(p.spread * draw.normal("error")), me.size
        see.many = me.count + me.seen

    @model.observe("other", "another test", Variable("gap", "", "gap"))
    def straight(me, p, draw, signal, now, see):
        """By columns, with what is alike in most."""
        gap = now - me.seen
        me.seen = now
        with alike(gap):
            kept = power(p.size, gap / 100000.0)
            lost = 1.0 - kept
        me.left += lost * draw.normal("other")
        see.gap = me.left + signal.rate, kept

    @model.give
    def give(me, disease, dose):
        """mg by weight."""
        if me.level == 0.0:
            return 0.0
        me.left += dose
        return dose * disease.weight

    @model.rate
    def rate(p, level):
        """A rate."""
        return p.size * level

    @model.multiplier
    def multiplier(me, p, now):
        """A rate of one's own."""
        return me.size * exp(-now / p.time)

    kernels = {"start": start, "advance": advance, "observe": observe, "straight": straight, "give": give,
               "rate": rate, "multiplier": multiplier}  # fmt: skip
    return {"model": model, **kernels}


def life(made: dict[str, Any], count: int = 30) -> dict[str, np.ndarray]:
    """What the kernels of the toy do to subjects whose moments differ, or agree."""
    run = {n: getattr(k, "py_func", k) for n, k in made.items() if n != "model"}
    model = made["model"]
    own, width = 2, len(model.fields)
    body = np.zeros((count, own + width + 6))
    body[:, 0] = 7.0
    body[:, own + width :] = np.arange(1, 7) * 10.0 + np.arange(count)[:, None]
    after = own + width
    # Its own first column; two traits; a signal of two columns, one of one.
    links = np.array([own, after, after + 1, 2, after + 2, after + 3, 1, after + 4])
    constants = model.constants({p.name: p.value for p in PARAMETERS})
    who = np.column_stack([np.arange(count) // 4, np.arange(count) % 4])
    rows = np.arange(count)[::-1].copy()
    run["start"](body, rows, links, constants, 5, who)
    found = {"start": body.copy()}
    now = np.zeros(count, dtype=np.int64)
    for step in (1, 2, 3):
        until = now + (np.arange(count) % 3 * 1440 if step < 3 else 1440)
        run["advance"](body, rows, links, constants, now, until)
        found[f"advance {step}"], now = body.copy(), until
        for name in ("observe", "straight"):
            value, truth = np.full((count, 2), np.nan), np.full((count, 2), np.nan)
            run[name](body, rows, links, constants, 5, who, np.full(count, step), now, value, truth)
            found |= {f"{name} {step}": body.copy(), f"value of {name} {step}": value, f"truth of {name} {step}": truth}
        body[::2, own] = step
        amount = np.empty(count)
        run["give"](body, rows, links, constants, np.full(count, 1.5), True, amount)
        found[f"given {step}"] = np.column_stack([amount, body])
    out = np.empty(count)
    run["multiplier"](body, rows, links, constants, now, out)
    return found | {"multiplier": out, "rate": np.array(run["rate"](constants, 2.0))}


def test_columns_and_rows_are_the_same_bits(monkeypatch):
    """What goes by columns goes by rows to the same bits; the toy has some of either."""
    whole = toy()
    texts = {name: kernel_text(k) for name, k in whole.items() if name != "model"}
    by_columns = {name for name, text in texts.items() if "put_back(" in text}
    assert by_columns == {"start", "straight"}
    found = life(whole)
    monkeypatch.setattr(by_name, "by_columns", lambda reader, lines: None)
    single = toy()
    assert not any("put_back(" in kernel_text(k) for n, k in single.items() if n != "model")
    for name, numbers in life(single).items():
        assert numbers.tobytes() == found[name].tobytes(), name


def test_a_subject_is_what_is_said_of_it():
    """One subject of the toy, reckoned by hand from its draws: stream, number of the draw and use are as declared."""
    found = life(toy())
    for row in (0, 5, 29):
        replicate, subject = row // 4, row % 4

        def u(number: int, use: int = 0, of: tuple[int, int] = (replicate, subject)) -> float:
            return uniform(5, *of, 900 + number, use)

        level, size, *rest, seen, count, left, jumps = found["start"][row, 2:11]
        assert size == exp(log(2.0) + 0.5 * normal_quantile(u(0))) + (0.0 + 0.2 * 0 + 0.2 * 1 + 0.2 * 2)
        assert count == poisson_search(u(6), size * 2.0, exp(-(size * 2.0)))
        assert left == binomial_quantile(u(7), count, 0.25)
        assert rest == [
            1.0 if u(5) < 0.5 else 2.0 * (20.0 + row),
            exponential_quantile(u(3, 1)) * 20160.0,
            (10.0 + row) * left,
        ]
        assert (level, seen, jumps) == (0.0, 0.0, 0.0)
        days = row % 3
        moved = exp(-days / 100.0) * count + (30.0 + 40.0 + 2 * row) + (50.0 + row)
        assert found["advance 1"][row, 3] == (moved if count else size)
        made = row % 3 * 1440 // 1000 + 1
        assert found["observe 1"][row, 10] == made
        assert found["observe 1"][row, 7] == 2.0 * TABLE[1, made % 2] + u(8, made)
        value, truth = found["value of observe 1"][29 - row], found["truth of observe 1"][29 - row]
        assert value[0] == truth[0] * exp(0.5 * normal_quantile(u(9, 1)))
        assert value[1] == truth[1] == count + found["observe 1"][row, 7]
        assert found["given 1"][29 - row, 0] == (1.5 * (10.0 + row) if row % 2 == 0 else 0.0)
    assert (found["start"][:, :2] == [7.0, 0.0]).all()
    assert found["rate"] == 4.0


def test_nothing_of_the_toy_is_unused():
    """What is declared and read nowhere is told: a field, a parameter, a draw, a trait, a signal."""
    model = toy()["model"]
    assert model.unused() == []
    more = ByName(stream=900, parameters=PARAMETERS, fields=("a", "b"), draws={"c": 0}, needs=("d",), reads=("e",))
    assert len(more.unused()) == 2 + 3 + 3
    assert "nothing uses the draw 'c'" in more.unused()
    assert more.unused("field.a", "draw.c") == [s for s in more.unused() if "'a'" not in s and "'c'" not in s]


def shipped() -> list[tuple[str, ByName]]:
    """Every shipped disease and drug that is written by name."""
    found = []
    for room in (protocolsim.disease, protocolsim.drug):
        for module in pkgutil.iter_modules(room.__path__):
            parts = vars(importlib.import_module(f"{room.__name__}.{module.name}"))
            found += [(parts["__name__"], part) for part in parts.values() if isinstance(part, ByName)]
    return found


def _by_hand(module: str) -> set[str]:
    """Names that kernels by hand use: `_F.central`, where the module says `_F, ... = MODEL.field, ...`."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    places = {"_F": "field", "_P": "parameter", "_DRAW": "draw"}
    attributes = [(getattr(n.value, "id", ""), n.attr) for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
    return {f"{places[place]}.{name}" for place, name in attributes if place in places}


@pytest.mark.parametrize(("module", "model"), shipped(), ids=lambda x: x if isinstance(x, str) else "")
def test_every_declared_name_is_used(module, model):
    """Of a shipped model by name every field is used, every parameter read, every draw drawn, for one purpose each."""
    assert model.unused(*_by_hand(module)) == []
    drawn = [(used.kind == "start", name) for used in model.used for name, _, _ in used.draws]
    assert len(set(drawn)) == len(drawn)
    kinds = {(name, distribution) for used in model.used for name, distribution, _ in used.draws}
    assert len(kinds) == len({name for name, _ in kinds})


def test_models_by_name_are_found():
    """Those that ship are among them."""
    assert {"protocolsim.disease.relapsing_ms", "protocolsim.drug.daclizumab"} <= {module for module, _ in shipped()}


HEAD = """
from protocolsim.arithmetic import exp, inlined
from protocolsim.component import Parameter, Variable
from protocolsim.by_name import model as by_name
from protocolsim.by_name.model import ByName, alike, kernel_text
MODEL = ByName(
    stream=900, parameters=(Parameter("cell_loss", 1.0, "", 0.5, 2.0, "A", "", "loss"),),
    fields=("level", "cell_loss", "week[3]"), draws={"loss": 0, "other": 1}, needs=("weight",), reads=("log_rate",),
    derived=lambda p: {"table": [[1.0, 2.0], [3.0, 4.0]]},
)
def plain(x):
    return x
@MODEL.part
def part(me, x):
    return me.level + x
@MODEL.part
def drawn(draw):
    return draw.uniform("other")
"""
START, ADVANCE, SEE = (
    "@MODEL.start\ndef f(me, p, draw, disease):\n",
    "@MODEL.advance\ndef f(me, p, signal, since):\n",
    ('@MODEL.observe("a", "b", Variable("size", "", "size"))\ndef f(me, p, draw, see):\n'),
)
REFUSED = [
    (START + "    me.cel_loss = 1.0", "unknown field 'cel_loss'; did you mean 'cell_loss'?"),
    (START + "    me.level = p.cell_los", "unknown parameter or constant 'cell_los'; did you mean 'cell_loss'?"),
    (START + "    me.level = draw.normal('los')", "unknown draw 'los'; did you mean 'loss'?"),
    (START + "    me.level = draw.norml('loss')", "unknown distribution 'norml'; did you mean 'normal'?"),
    (START + "    me.level = disease.wieght", "did you mean 'weight'?"),
    (ADVANCE + "    me.level = signal.log_rat", "did you mean 'log_rate'?"),
    (SEE + "    see.sise = me.level", "unknown variable of this assessment 'sise'; did you mean 'size'?"),
    (SEE + "    me.level = 1.0", "nothing sets see.size"),
    (START + "    p.cell_loss = 1.0", "'p.cell_loss' can only be read"),
    (START + "    me.level = me.week", "'week' has 3 columns: say which, as me.week[0]"),
    (START + "    me.level = me.week[3]", "'me.week' has 0 to 2 there"),
    (START + "    me.level = p.table[1]", "'p.table' takes 2 numbers in brackets, not 1"),
    (START + "    me.level = p.table", "'table' is a table of (2, 2)"),
    (START + "    x = me", "'me' stands before a dot"),
    (START + "    me.level = draw.normal('loss') + draw.normal('loss')", "'loss' is drawn already"),
    (SEE + "    see.size = draw.normal('loss')\n" + SEE.replace("f(", "g(") + "    see.size = draw.normal('loss')",
     "'loss' is drawn already"),
    (START + "    me.level = draw.normal('loss')\n" + SEE + "    see.size = draw.uniform('loss')",
     "another distribution"),
    (START + "    for n in range(2):\n        me.week[n] = draw.normal('loss')",
     "would be the same each time: say use="),
    (START + "    me.level = plain(1.0)", "'plain' is a plain function: decorate it with @kernel or @inlined"),
    (START + "    me.level = part(p, 1.0)", "'part' is handed 'me' here"),
    (START + "    me.level = part(me)", "'part' takes 2 arguments"),
    (START + "    me.level = drawn(draw) + drawn(draw)", "'drawn' draws, and would draw the same again"),
    (START + "    return 1.0", "nothing is returned here"),
    ("@MODEL.give\ndef f(me, dose):\n    me.level = dose", "return it"),
    ("@MODEL.multiplier\ndef f(me):\n    me.level = 1.0\n    return 1.0", "can only be read"),
    ("@MODEL.start\ndef f(me, dise):\n    me.level = 1.0", "unknown argument of what is said about 'start' 'dise'"),
    ("@MODEL.start\ndef f(me, until):\n    me.level = 1.0", "unknown argument"),
    (ADVANCE + "    with open('x'):\n        me.level = 1.0", "`with` stands before alike(...) only"),
    (START + "    import os", "Import has no place"),
    (START + "    x = exp(me.level)\n    with alike(x):\n        y = me.week[0] + x\n    me.level = exp(y)",
     "me.week.0 is not"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REFUSED, ids=lambda x: None)
def test_what_cannot_be_is_refused_at_its_line(tmp_path, text, expected):
    """A name that does not exist, and what a kernel cannot do, is refused as it is defined: where, and what."""
    file = tmp_path / "model.py"
    file.write_text(f"{HEAD}{text}\n", encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), {"__name__": "model"})  # noqa: S102
    assert expected in str(refused.value)
    place, line, column = str(refused.value).split(": ", 1)[0].rsplit(":", 2)
    assert place == str(file)
    assert HEAD.count("\n") < int(line) <= HEAD.count("\n") + text.count("\n") + 1
    assert int(column) >= 1


DECLARED = [
    ({"fields": ("a", "a")}, "the field 'a' is declared twice"),
    ({"fields": ("a[1]",)}, "several columns are written as week[6]"),
    ({"fields": ("a b",)}, "a field has a name as Python's variables have"),
    ({"draws": {"a": 1, "b": 1}}, "the number of a draw '1' is declared twice"),
    ({"draws": {"a": 100}}, "the draw 'a' has number 100: 0 to 99 are this model's"),
    ({"derived": lambda p: {"x": p.siz}}, "unknown parameter 'siz'; did you mean 'size'?"),
    ({"derived": lambda p: {"size": p.size}}, "'size' is a parameter and cannot be derived too"),
]


@pytest.mark.parametrize(("said", "expected"), DECLARED, ids=lambda x: None)
def test_a_declaration_that_cannot_be_is_refused(said, expected):
    """Each name is declared once, and each draw has a number of its own within the block."""
    with pytest.raises(UsageError, match=expected.replace("[", r"\[").replace("?", r"\?")):
        ByName(**{"stream": 900, "parameters": PARAMETERS, "fields": ("a",), **said})


def test_places_know_the_nearest_name():
    """A kernel by hand asks for places by name, and a name that does not exist has none."""
    model = ByName(stream=900, parameters=PARAMETERS, fields=("level", "week[2]", "last"), draws={"size": 4})
    assert (model.field.week, model.field.last, model.constant.time, model.draw.size) == (1, 3, 2, 904)
    with pytest.raises(UsageError, match="did you mean 'level'"):
        _ = model.field.levle


def test_a_debugger_sees_the_lines_that_the_author_wrote():
    """A kernel's code stands in the author's file, on the lines of its function, and an error shows the line."""
    lines, first = inspect.getsourcelines(toy)
    for name, made in toy().items():
        if name == "model":
            continue
        code = getattr(made, "py_func", made).__code__
        assert code.co_filename == __file__
        assert {line for _, _, line in code.co_lines() if line} <= set(range(first, first + len(lines)))
    run = getattr(toy()["rate"], "py_func", None) or toy()["rate"]
    with pytest.raises(TypeError) as failed:
        run(None, 1.0)
    assert traceback.extract_tb(failed.value.__traceback__)[-1].line == "return p.size * level"


PLUGIN = {
    "plug/__init__.py": "",
    "plug/far.py": "from protocolsim.arithmetic import kernel\n@kernel\ndef far(x):\n    return x + 1.0\n",
    "plug/near.py": (
        "from protocolsim.arithmetic import inlined\nfrom plug.far import far\n"
        "@inlined\ndef near(x):\n    return 2.0 * far(x)\n"
    ),
    "plug/model.py": (
        "import numpy as np\nfrom plug.near import near\nfrom protocolsim.by_name.model import ByName\n"
        'MODEL = ByName(stream=900, parameters=(), fields=("a", "b"), derived=lambda p: {"shift": 10.0})\n'
        "@MODEL.part\ndef shifted(p, x):\n    return x + p.shift\n"
        "@MODEL.start\ndef start(me, p):\n    me.a = near(shifted(p, 1.0))\n    me.b = me.a + 100.0\n"
    ),
}
RUN = (
    "import numpy as np; from plug.model import MODEL, start\n"
    "body = np.zeros((2, 2)); who = np.zeros((2, 2), dtype=int)\n"
    "start(body, np.arange(2), np.array([0]), MODEL.constants({}), 1, who); print(*body[0])\n"
)
# What is edited, and whether the kernel is another one then.
EDITS = [
    ("plug/far.py", "x + 1.0", "x + 3.0", True),
    ("plug/near.py", "2.0 * far", "3.0 * far", True),
    ("plug/model.py", "x + p.shift", "x - p.shift", True),
    ("plug/model.py", "me.a + 100.0", "me.a + 50.0", True),
    ("plug/model.py", '("a", "b")', '("b", "a")', True),
    ("plug/model.py", "start(me, p):\n", "start(me, p):\n    # said otherwise\n", False),
]


def _plugin(folder: Path) -> None:
    for name, text in PLUGIN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(("name", "old", "new", "other"), EDITS)
def test_a_kernel_is_what_its_files_say(tmp_path, monkeypatch, name, old, new, other):
    """The fingerprint under which a kernel is kept follows every function that it calls, in whatever file."""
    _plugin(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found = []
    for edited in (False, True):
        if edited:
            _edit(tmp_path / name, old, new)
        for module in [m for m in sys.modules if m.partition(".")[0] == "plug"]:
            monkeypatch.delitem(sys.modules, module)
        found.append(fingerprint(importlib.import_module("plug.model").start))
        for module in [m for m in sys.modules if m.partition(".")[0] == "plug"]:
            del sys.modules[module]
    assert (found[0] != found[1]) is other


def test_no_stale_kernel_is_found_again(tmp_path):
    """A kernel of another package is kept on the disk; a helper's edit in another file is seen in the numbers.

    What is kept stands in NUMBA_CACHE_DIR here, and nothing is written beside the package's files.
    """
    _plugin(tmp_path)
    root = str(Path(protocolsim.disease.__file__).parents[2])
    path = os.pathsep.join([str(tmp_path), root])
    given = {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(tmp_path / "kept"),
    }
    for expected in ("24.0 124.0\n", "28.0 128.0\n"):
        done = subprocess.run([sys.executable, "-c", RUN], env=given, capture_output=True, text=True, check=True)
        assert done.stdout == expected
        assert list((tmp_path / "kept").rglob("*start*.nbc"))
        if expected.startswith("24"):
            _edit(tmp_path / "plug/far.py", "x + 1.0", "x + 3.0")
    assert sorted(p.name for p in (tmp_path / "plug").iterdir()) == ["__init__.py", "far.py", "model.py", "near.py"]
