"""The floors of the house, and what may stand on each, read from the syntax tree of every file."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

import pytest

PACKAGE = Path(__file__).parents[2] / "protocolsim"

# The one table of floors. A module imports its own folder or a lower floor; single files of one floor may
# import each other, folders of one floor may not. A room that is not named here does not exist.
FLOORS = {
    "arrays": 0, "errors": 0, "names": 0, "text": 0, "units": 0, "interruption": 0, "notices": 0,
    "plugins": 0, "kernels": 1,
    "arithmetic": 2, "randomness": 2,
    "records": 3, "observed": 3, "component": 3, "kinetics": 3, "executor": 3, "sequential": 3,
    "by_name": 4,
    "disease": 5, "drug": 5, "cohort": 5, "endpoint": 5,
    "protocol": 6, "analysis": 6,
    "engine": 7, "proof": 7, "model": 7, "interim": 7,
    "scenario": 8,
    "study": 9,
    "report": 10,
    "api": 11, "app": 11, "lessons": 11,
    "__init__": 12,
    "cli": 12,  # one of its commands opens the app
    "__main__": 13,
}  # fmt: skip

# The only place from which a library may be imported, lazily or not.
LIBRARIES = {
    "simpy": "engine/des/simulation.py",
    "transitions": "engine/des/simulation.py",
    "igraph": "report/",
    "z3": "proof/symbolic/logic.py",
    **dict.fromkeys(["altair", "vl_convert", "matplotlib", "plotly", "seaborn", "bokeh"], "report/"),
    **dict.fromkeys(["shiny", "shinywidgets", "streamlit", "dash", "flask", "fastapi"], "app/"),
}

EXACT_BELOW = 9  # floors below this one take exp, log and power from arithmetic.py alone
INEXACT = frozenset(
    ["exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "logaddexp", "power", "float_power", "pow", "cbrt"]
)

NO_DISEASE = ("engine/", "proof/", "protocol/", "study/")
DISEASE_WORDS = frozenset([
    "lesion", "lesions", "cel", "cels", "mri", "gadolinium", "edss", "relapse", "relapses", "relapsing", "sclerosis",
    "platelet", "platelets", "neutrophil", "neutrophils", "haemoglobin", "hemoglobin", "reticulocyte", "reticulocytes",
    "transfusion", "transfusions", "anaemia", "anemia", "aplastic", "lymphocyte", "lymphocytes", "marrow",
    "daclizumab", "interferon",
])  # fmt: skip

LONG_FILE, MAX_FILE, MAX_FUNCTION = 400, 600, 50
MAX_FOLDER = 15  # Python files of a folder, but for those that hold one kind a file
ONE_KIND_A_FILE = frozenset(["cli", "endpoint", "analysis", "app/view", "interim/statistics"])
FORBIDDEN_NAMES = frozenset(["util", "utils", "helper", "helpers", "common", "core"])

# Words of a private dialect, and the terms of the field that stand for them now.
RETIRED = {
    "luck": "random numbers, random stream", "lucks": "random streams",
    "knob": "setting, parameter", "knobs": "settings, parameters",
}  # fmt: skip
# Elsewhere these are plain English; where decisions are studied they hid the branches, and what has a noun of its own.
DECISION_ROOMS = ("study/decision/", "report/decision/", "report/patient/", "api/")
RETIRED_OF_DECISIONS = {
    "way": "branch", "ways": "branches", "whoever": "the subject, the caller",
    "nobody": "no subject", "somebody": "a subject", "everybody": "every subject", "anybody": "any subject",
}  # fmt: skip

Fault = tuple[int, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file of the package: where it stands and what it says."""

    place: str  # such as "engine/des/simulation.py"
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def room(self) -> str:
        return self.place.split("/")[0].removesuffix(".py")

    @property
    def floor(self) -> int:
        return FLOORS.get(self.room, -1)

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))


def _imports(source: Source) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Every import, wherever it stands: its line, the module, and the names taken from it."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or ""), tuple(alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield node.lineno, _named(node.args[0]), ()


def _named(argument: ast.expr) -> str:
    """The module that a call imports by name: of an f-string, the whole parts before its first blank, if they tell."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        start = str(argument.values[0].value).rpartition(".")[0]
        return start if "." in start else ""
    return ""


def floors(source: Source) -> Iterator[Fault]:
    """A module imports its own folder or a lower floor, by absolute import, and never the package root."""
    if source.room not in FLOORS:
        yield 1, f"'{source.room}' is not in the table of floors"
        return
    for line, module, names in _imports(source):
        if module.startswith("."):
            yield line, "relative import"
        if module.split(".")[0] != "protocolsim":
            continue
        rooms = [module.split(".")[1]] if "." in module else list(names) or [""]
        for room in rooms:
            if room not in FLOORS or room == "__init__":
                known = "the package root" if "." not in module else f"'{room}', which is not in the table of floors,"
                yield line, f"imports {known} from inside"
                continue
            beside = FLOORS[room] == source.floor and all((PACKAGE / f"{r}.py").exists() for r in (room, source.room))
            if room != source.room and FLOORS[room] >= source.floor and not beside:
                yield line, f"floor {source.floor} imports '{room}' of floor {FLOORS[room]}"


def libraries(source: Source) -> Iterator[Fault]:
    """An engine's, a plotting or a web library is imported in one place only."""
    for line, module, _ in _imports(source):
        place = LIBRARIES.get(module.split(".")[0])
        if place is not None and not source.place.startswith(place):
            yield line, f"only {place} imports {module}"


def _whole(node: ast.BinOp) -> bool:
    """Whether both sides are written whole numbers: 2**31 is exact wherever it is computed."""
    return all(isinstance(getattr(side, "value", None), int) for side in (node.left, node.right))


def arithmetic(source: Source) -> Iterator[Fault]:
    """Below the studies, exp, log and power come from arithmetic.py; nothing is compiled with fastmath."""
    for node in source.nodes(ast.keyword):
        assert isinstance(node, ast.keyword)
        if node.arg == "fastmath" and not (isinstance(node.value, ast.Constant) and node.value.value is False):
            yield node.value.lineno, "fastmath"
    if source.floor >= EXACT_BELOW or source.place == "arithmetic.py":
        return
    for line, module, names in _imports(source):
        if module in ("math", "cmath"):
            yield line, f"imports {module}"
        if module == "numpy" and (taken := INEXACT.intersection(names)):
            yield line, f"numpy's {', '.join(sorted(taken))}"
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in INEXACT
            and getattr(node.value, "id", "") in ("np", "numpy")
        ):
            yield node.lineno, f"numpy's {node.attr}"
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Pow):
            yield node.lineno, "the ** operator"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and not _whole(node):
            yield node.lineno, "the ** operator"
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "pow":
            yield node.lineno, "pow()"


def words(source: Source) -> Iterator[Fault]:
    """No disease's word stands where protocols are run, not in a name, a string, a comment or a file's name."""
    if source.place.startswith(NO_DISEASE):
        for line, text in enumerate([source.place, *source.text.splitlines()]):
            spoken = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
            diseases = DISEASE_WORDS.intersection(re.findall(r"[a-z]+", spoken))
            yield from ((line, f"a disease's word: {word}") for word in sorted(diseases))


def sizes(source: Source) -> Iterator[Fault]:
    """Files have at most 600 lines, functions at most 50 without their docstring."""
    lines = source.text.count("\n")
    if lines > MAX_FILE:
        yield 1, f"{lines} lines in the file"
    for node in source.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, Function)
        body = node.body[1:] if ast.get_docstring(node) else node.body
        length = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
        if length > MAX_FUNCTION:
            yield node.lineno, f"{length} lines in {node.name}"


def retired(source: Source) -> Iterator[Fault]:
    """No retired word stands anywhere, not in a name, a string, a comment or a file's name."""
    here = RETIRED | (RETIRED_OF_DECISIONS if source.place.startswith(DECISION_ROOMS) else {})
    for line, text in enumerate([source.place, *source.text.splitlines()]):
        spoken = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())
        yield from ((line, f"'{word}': say {here[word]}") for word in sorted(here.keys() & set(spoken)))


def rooms(source: Source) -> Iterator[Fault]:
    """Every folder says in a sentence what lives there."""
    if source.place.endswith("__init__.py"):
        said = (ast.get_docstring(source.tree) or "").split("\n\n")[0]
        if len(said.split()) < 4 or not said.endswith("."):
            yield 1, "no sentence says what lives here"


def names(source: Source) -> Iterator[Fault]:
    """Nothing is called utils, helpers, common or core."""
    parts = source.place.removesuffix(".py").split("/")
    yield from ((1, f"is called '{part}'") for part in parts if part in FORBIDDEN_NAMES)
    for node in source.nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
        assert isinstance(node, Function | ast.ClassDef)
        if node.name.lower().strip("_") in FORBIDDEN_NAMES:
            yield node.lineno, f"'{node.name}' is called so"


def docstrings(source: Source) -> Iterator[Fault]:
    """Every module that holds anything, every public function and every public class says what it is."""
    if source.tree.body and not ast.get_docstring(source.tree):
        yield 1, "module without a docstring"
    for node in source.tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node):
            yield node.lineno, f"'{node.name}' has no docstring"


def swallowing(source: Source) -> Iterator[Fault]:
    """No bare except, and no handler for everything that does nothing."""
    for node in source.nodes(ast.ExceptHandler):
        assert isinstance(node, ast.ExceptHandler)
        everything = getattr(node.type, "id", "") in ("Exception", "BaseException")
        if node.type is None:
            yield node.lineno, "bare except"
        elif everything and all(isinstance(statement, ast.Pass) for statement in node.body):
            yield node.lineno, "swallows every exception"


def _at_import(nodes: list[ast.AST]) -> Iterator[ast.AST]:
    """What runs when the module is imported: everything but the bodies of functions."""
    for node in nodes:
        if isinstance(node, Function | ast.Lambda):
            continue
        yield node
        yield from _at_import(list(ast.iter_child_nodes(node)))


def silence(source: Source) -> Iterator[Fault]:
    """Importing a module prints nothing and configures nothing."""
    for node in _at_import([*source.tree.body]):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("print", "write", "basicConfig", "simplefilter", "filterwarnings", "set_start_method"):
                yield node.lineno, f"{called}() while importing"


# Where text of a scenario may pass into another language; everybody else calls these.
WAYS = {
    "markupsafe": "text/html.py", "jinja2": "text/html.py", "html": "text/html.py", "shlex": "text/shell.py",
    "rich.console": "report/style/console.py",
    "rich.table": "report/style/console.py", "rich.markup": "report/style/console.py",
}  # fmt: skip
PASSES = {
    "echo": "text/terminal.py", "secho": "text/terminal.py", "to_html": "report/style/figures.py",
    "to_json": "report/style/figures.py",
    "save": "report/style/figures.py", "to_csv": "text/cells.py", "Markup": "text/html.py",
}  # fmt: skip
# `Console` is only handed on, what a bar shows is no text of a scenario; study/ writes its own tables.
HANDED_ON = ("cli/", "report/", "study/")
# Before anything of ours is loaded; a helper that answers through a pipe; what workers leave, as it is.
PIPES = ("__main__.py", "kernels/compiling.py", "executor/worker_process.py")
COMMAND = re.compile(r"\bprotocolsim [a-z]+ |\bpip install")


def ways(source: Source) -> Iterator[Fault]:
    """Text passes into HTML, scripts, drawings, CSV, shells and the terminal in one place for each."""
    for line, module, names in _imports(source):
        for whole in {module, *(f"{module}.{name}" for name in names)}:
            place = WAYS.get(whole)
            printing = whole == "rich.console" and set(names) <= {"Console"} and source.place.startswith(HANDED_ON)
            if place is not None and source.place != place and not printing and not _for_types(source, line):
                yield line, f"only {place} imports {whole}"
    for node in source.nodes(ast.Call):
        assert isinstance(node, ast.Call)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = getattr(node.func.value, "id", "") if isinstance(node.func, ast.Attribute) else ""
        if owner.endswith("console") and called == "print" and source.place != "report/style/console.py":
            yield node.lineno, "only report/style/console.py prints"
        place = PASSES.get(called)
        mine = source.place == place or source.place.startswith("study/") or owner.endswith("figures")
        bare = called == "save" and isinstance(node.func, ast.Name)
        if place is not None and not mine and not bare:
            yield node.lineno, f"only {place} calls {called}"
        if source.place in PIPES:
            continue
        if owner == "stdout" or (called == "write" and ast.unparse(node.func).startswith("sys.std")):
            yield node.lineno, "writes to a stream of its own"
    for node in source.nodes(ast.JoinedStr):
        assert isinstance(node, ast.JoinedStr)
        for part, then in zip(node.values, node.values[1:], strict=False):
            said = part.value if isinstance(part, ast.Constant) else ""
            if isinstance(then, ast.FormattedValue) and COMMAND.search(str(said)) and source.place != "text/shell.py":
                yield node.lineno, "only text/shell.py puts commands together"


def _for_types(source: Source, line: int) -> bool:
    """Whether an import is for the reader of types alone."""
    tests = (n for n in source.nodes(ast.If) if isinstance(n, ast.If))
    return any(getattr(n.test, "id", "") == "TYPE_CHECKING" and n.lineno <= line <= (n.end_lineno or 0) for n in tests)


CHECKS: list[Callable[[Source], Iterator[Fault]]] = [
    floors, libraries, arithmetic, words, retired, sizes, names, rooms, docstrings, swallowing, silence, ways,
]  # fmt: skip


@cache
def sources(package: Path) -> tuple[Source, ...]:
    """Every file of a package."""
    return tuple(
        Source(path.relative_to(package).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(package.rglob("*.py"))
    )


def faults(package: Path, check: Callable[[Source], Iterator[Fault]]) -> list[str]:
    """What one check finds in all files of a package, as `place:line: what`."""
    return [f"{source.place}:{line}: {what}" for source in sources(package) for line, what in check(source)]


# Laws of the package as a whole -----------------------------------------------------------------------------------


def imported_modules(package: Path) -> dict[str, set[str]]:
    """By module of the package: the modules it imports, lazily or for types alone as well."""
    modules = {_module_of(source): source for source in sources(package)}
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for name, source in modules.items():
        for _, module, taken in _imports(source):
            for whole in [f"{module}.{what}" for what in taken] or [module]:
                target = whole if whole in modules else module
                if target in modules and target != name:
                    graph[name].add(target)
    return graph


def _module_of(source: Source) -> str:
    return "protocolsim." + source.place.removesuffix(".py").replace("/", ".")


def circles(graph: Mapping[str, Iterable[str]]) -> list[set[str]]:
    """The strongly connected components of more than one module (Tarjan's algorithm)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    components = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for target in graph[node]:
            if target not in order:
                visit(target)
                lowest[node] = min(lowest[node], lowest[target])
            elif target in stack:
                lowest[node] = min(lowest[node], order[target])
        if lowest[node] == order[node]:
            component = {stack.pop()}
            while node not in component:
                component.add(stack.pop())
            components.append(component)

    for node in graph:
        if node not in order:
            visit(node)
    return [component for component in components if len(component) > 1]


def classes(package: Path) -> dict[str, list[str]]:
    """By class name, leading underscores aside: the files that define one.

    A public class of api/ bears the name of the one that it derives from: it is that one, with figures and tables.
    """
    places: dict[str, list[str]] = {}
    for source in sources(package):
        for node in source.nodes(ast.ClassDef):
            assert isinstance(node, ast.ClassDef)
            if source.place.startswith("api/") and node.bases:
                continue
            places.setdefault(node.name.lstrip("_"), []).append(source.place)
    return places


def test_no_module_imports_itself_in_a_circle():
    """Following imports, lazy ones and those for types too, never leads back to where one began."""
    assert circles(imported_modules(PACKAGE)) == []


def test_circles_are_found_wherever_the_import_stands(tmp_path):
    """An import counts at the top, in a function, for types alone, of a module by its package, or by its name."""
    texts = {
        "a": "from protocolsim.b import X",
        "b": "def f():\n    import protocolsim.c",
        "c": "if TYPE_CHECKING:\n    from protocolsim import d",
        "d": "m = import_module('protocolsim.a')\nfrom protocolsim import e",
        "e": "from protocolsim.e import itself",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    assert circles(imported_modules(tmp_path)) == [{f"protocolsim.{name}" for name in "abcd"}]


def test_folders_can_be_overlooked():
    """A folder has at most 15 files, unless each file is one of a kind and is found by its name."""
    folders = Counter(str(PurePosixPath(source.place).parent) for source in sources(PACKAGE))
    assert {f: n for f, n in folders.items() if n > MAX_FOLDER and f not in ONE_KIND_A_FILE} == {}


def test_every_folder_has_an_init():
    """Whatever folder holds Python files is a package, and so must say what lives there."""
    places = {source.place for source in sources(PACKAGE)}
    folders = {str(PurePosixPath(place).parent) for place in places} - {"."}
    assert {f for f in folders if f"{f}/__init__.py" not in places} == set()


@pytest.mark.filterwarnings("default:.* lines:UserWarning")
def test_long_files_are_seen():
    """A file of more than 400 lines is warned of: a folder is the answer, not a neighbour with an odd name."""
    for source in sources(PACKAGE):
        if source.text.count("\n") > LONG_FILE:
            warnings.warn(f"{source.place}: {source.text.count(chr(10))} lines", stacklevel=1)


def test_a_class_name_means_one_thing():
    """No two classes have one name; an underscore before it makes no other."""
    assert {n: places for n, places in classes(PACKAGE).items() if len(places) > 1} == {}


def test_contributing_tells_the_floors():
    """The table in CONTRIBUTING.md is the table of floors that is tested here."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", text.partition("## The floors")[2], flags=re.MULTILINE)
    told = {name.removesuffix("/").removesuffix(".py"): int(floor)
            for floor, rooms in rows for name in re.findall(r"`([^`]+)`", rooms)}  # fmt: skip
    assert told == FLOORS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house(check):
    """The package keeps the rule that the check states."""
    assert faults(PACKAGE, check) == []


def test_every_room_is_there():
    """The table of floors names no room that does not exist, but for those that may be added on top."""
    missing = {room for room in FLOORS if not (PACKAGE / room).is_dir() and not (PACKAGE / f"{room}.py").exists()}
    assert missing <= {"app"}


LONG = "\n    ".join(["x = 1"] * 51)

PLANTED = [
    (floors, "attic/x.py", "", "'attic' is not in the table"),
    (floors, "stray.py", "", "'stray' is not in the table"),
    (floors, "units.py", "from protocolsim.records import Records", "floor 0 imports 'records' of floor 3"),
    (floors, "protocol/x.py", "from protocolsim.engine.base import X", "floor 6 imports 'engine' of floor 7"),
    (floors, "protocol/x.py", "import protocolsim.engine.base as e", "floor 6 imports 'engine' of floor 7"),
    (floors, "protocol/x.py", "def f():\n    from protocolsim.study import run", "floor 6 imports 'study' of floor 9"),
    (floors, "protocol/x.py", "from protocolsim import engine", "floor 6 imports 'engine' of floor 7"),
    (floors, "drug/x.py", "from protocolsim.disease.base import D", "floor 5 imports 'disease' of floor 5"),
    (floors, "disease/x.py", "from protocolsim.drug.base import D", "floor 5 imports 'drug' of floor 5"),
    (floors, "endpoint/x.py", "if TYPE_CHECKING:\n    from protocolsim.cohort import c", "'cohort' of floor 5"),
    (floors, "engine/x.py", "m = importlib.import_module('protocolsim.study.run')", "floor 7 imports 'study'"),
    (floors, "engine/x.py", "m = import_module(f'protocolsim.study.{name}')", "floor 7 imports 'study'"),
    (floors, "engine/x.py", "import protocolsim", "imports the package root"),
    (floors, "report/x.py", "from protocolsim import load", "imports the package root"),
    (floors, "cli/x.py", "from protocolsim import load", "imports the package root"),
    (floors, "study/x.py", "from protocolsim.attic import y", "'attic', which is not in the table"),
    (floors, "engine/x.py", "from . import base", "relative import"),
    (floors, "engine/x.py", "from ..units import minutes", "relative import"),
    (libraries, "engine/batch/simulation.py", "import simpy", "only engine/des/simulation.py imports simpy"),
    (
        libraries,
        "study/x.py",
        "from transitions.core import Machine",
        "only engine/des/simulation.py imports transitions.core",
    ),
    (libraries, "cli/x.py", "def f():\n    import altair as alt", "only report/ imports altair"),
    (libraries, "study/x.py", "import matplotlib.pyplot as plt", "only report/ imports matplotlib.pyplot"),
    (libraries, "report/x.py", "import shiny", "only app/ imports shiny"),
    (libraries, "proof/symbolic/chart.py", "from z3 import Solver", "only proof/symbolic/logic.py imports z3"),
    (arithmetic, "drug/x.py", "y = np.exp(1.0)", "numpy's exp"),
    (arithmetic, "disease/x.py", "y = numpy.log(1.0)", "numpy's log"),
    (arithmetic, "scenario/x.py", "y = np.power(2.0, 3.0)", "numpy's power"),
    (arithmetic, "drug/x.py", "from numpy import exp", "numpy's exp"),
    (arithmetic, "drug/x.py", "import math", "imports math"),
    (arithmetic, "drug/x.py", "from math import exp", "imports math"),
    (arithmetic, "engine/x.py", "y = 2.0 ** 3", "the ** operator"),
    (arithmetic, "engine/x.py", "y = x ** 2", "the ** operator"),
    (arithmetic, "engine/x.py", "y **= 2", "the ** operator"),
    (arithmetic, "engine/x.py", "y = pow(2.0, 3)", "pow()"),
    (arithmetic, "arithmetic.py", "f = njit(fastmath=True)(g)", "fastmath"),
    (arithmetic, "report/x.py", "f = njit(fastmath={'nnan'})(g)", "fastmath"),
    (words, "engine/x.py", "new_cel = 1", "a disease's word: cel"),
    (words, "protocol/x.py", "'Counts lesions.'", "a disease's word: lesions"),
    (words, "study/x.py", "x = 1  # platelet counts", "a disease's word: platelet"),
    (words, "study/x.py", "class RelapseRate: pass", "a disease's word: relapse"),
    (words, "study/edss.py", "", "a disease's word: edss"),
    (sizes, "engine/x.py", "x = 1\n" * 601, "601 lines in the file"),
    (retired, "engine/x.py", "def by_luck(): pass", "'luck': say random numbers"),
    (retired, "engine/x.py", "class LuckyKnob: pass  # a knob", "'knob': say setting"),
    (retired, "study/lucks.py", "", "'lucks': say random streams"),
    (retired, "study/decision/x.py", "def other_ways(): pass", "'ways': say branches"),
    (retired, "api/x.py", "class OtherWay: pass", "'way': say branch"),
    (retired, "report/decision/x.py", "'nobody reached the decision'", "'nobody': say no subject"),
    (rooms, "engine/__init__.py", "", "no sentence"),
    (rooms, "engine/__init__.py", "'Engines.'", "no sentence"),
    (rooms, "engine/__init__.py", "'What runs a trial'\nx = 1", "no sentence"),
    (sizes, "engine/x.py", f"def f():\n    '''Doc.'''\n    {LONG}", "51 lines in f"),
    (sizes, "engine/x.py", f"class A:\n  def f(self):\n    {LONG}", "51 lines in f"),
    (names, "engine/utils.py", "", "is called 'utils'"),
    (names, "common/x.py", "", "is called 'common'"),
    (names, "engine/x.py", "class Core: pass", "'Core' is called so"),
    (docstrings, "engine/x.py", "x = 1", "module without a docstring"),
    (docstrings, "engine/x.py", "'''Doc.'''\ndef f(): pass", "'f' has no docstring"),
    (docstrings, "engine/x.py", "'''Doc.'''\nclass A: pass", "'A' has no docstring"),
    (swallowing, "engine/x.py", "try:\n    f()\nexcept:\n    raise", "bare except"),
    (swallowing, "engine/x.py", "try:\n    f()\nexcept Exception:\n    pass", "swallows every exception"),
    (silence, "engine/x.py", "print('hello')", "print() while importing"),
    (silence, "engine/x.py", "class A:\n    if True:\n        print('hello')", "print() while importing"),
    (silence, "engine/x.py", "sys.stdout.write('hello')", "write() while importing"),
    (ways, "report/x.py", "from markupsafe import Markup", "only text/html.py imports markupsafe"),
    (ways, "report/x.py", "def f():\n    import jinja2", "only text/html.py imports jinja2"),
    (ways, "app/x.py", "from html import escape", "only text/html.py imports html"),
    (ways, "report/x.py", "from rich.table import Table", "only report/style/console.py imports rich.table"),
    (ways, "cli/x.py", "def f():\n    click.echo('x')", "only text/terminal.py calls echo"),
    (ways, "report/x.py", "def f():\n    console.print('x')", "only report/style/console.py prints"),
    (ways, "report/x.py", "def f():\n    self._console.print('x')\n    chart.save('x')", "calls save"),
    (ways, "report/x.py", "def f():\n    return chart.to_html()", "only report/style/figures.py calls to_html"),
    (ways, "app/x.py", "def f():\n    frame.to_csv('x')", "only text/cells.py calls to_csv"),
    (ways, "cli/x.py", "def f():\n    sys.stdout.write('x')", "writes to a stream of its own"),
    (ways, "cli/x.py", "def f(x):\n    return f'try: protocolsim run {x}'", "puts commands together"),
    (ways, "cli/x.py", "def f(x):\n    return f'pip install {x}'", "puts commands together"),
]


@pytest.mark.parametrize(("check", "place", "text", "expected"), PLANTED)
def test_each_check_finds_a_planted_fault(tmp_path, check, place, text, expected):
    """A file that breaks a rule is found, at its place."""
    planted = tmp_path / place
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(text, encoding="utf-8")
    (fault,) = faults(tmp_path, check)
    assert fault.startswith(f"{place}:")
    assert expected in fault


ALLOWED = [
    ("randomness.py", "from protocolsim.arithmetic import exp"),
    ("drug/x.py", "from protocolsim.drug.base import Drug\nfrom protocolsim import units"),
    ("drug/x.py", "x = {**y}\nw = 2**31\nz = np.sqrt(2.0)"),
    ("engine/des/simulation.py", "'Excels, cancelled.'\nimport simpy\nfrom transitions import Machine"),
    ("report/x.py", "import math\ndef f():\n    'Doc.'\n    print(math.exp(1) ** 2)"),
    ("study/x.py", "x = np.log(2) ** 2\ndef _f():\n    try:\n        f()\n    except ValueError:\n        pass"),
    ("cli/x.py", "from protocolsim.report.run.page import page\ndef f():\n    '''Doc.\n" + "\n" * 60 + "'''"),
    ("app/x.py", "import shiny"),
    ("scenario/x.py", "m = importlib.import_module(f'protocolsim.{room}.base')"),
    ("scenario/x.py", "m = importlib.import_module(f'protocolsim.drug.{name}')"),
]


@pytest.mark.parametrize(("place", "text"), ALLOWED)
def test_what_is_allowed_is_not_found(tmp_path, place, text):
    """A file that keeps the rules passes every check, though words stand inside words and docstrings are long."""
    allowed = tmp_path / place
    allowed.parent.mkdir(parents=True, exist_ok=True)
    allowed.write_text(f"'Doc.'\n{text}", encoding="utf-8")
    assert [fault for check in CHECKS for fault in faults(tmp_path, check)] == []
