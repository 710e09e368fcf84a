"""What a command imports, which is most of the time of a short one: of slow libraries those it uses, and no more."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from protocolsim.cli import seek_garbage

SLOW = frozenset(
    [
        *("altair", "igraph", "jinja2", "mkdocs", "numba", "numpy", "numpy.f2py", "pandas", "pyarrow", "pydantic"),
        "numba.cpython.unicode",
        *("rich", "ruamel.yaml", "scipy.linalg", "scipy.optimize", "scipy.special", "scipy.stats", "shiny", "simpy"),
        *("transitions", "vl_convert", "z3"),
    ]
)
READS = {"numba", "numpy", "pydantic"}  # a scenario: models say their kernels where they are declared
FEW = ("--set", "cohort.size=20", "--replicates", "3", "--workers", "1", "--no-companions")
RUN = ("run", "hcv_response_guided", *FEW)
# Each command, and the slow libraries that it may import.
MAY: dict[tuple[str, ...], set[str]] = {
    ("--help",): set(),
    ("explain", "edss"): set(),
    ("list",): {"rich"},
    ("schema",): READS,
    ("describe", "hcv_response_guided"): READS | {"rich"},
    ("check", "hcv_response_guided"): READS | {"rich", "z3"},
    RUN: READS | {"rich"},
}
CODE = f"""
import atexit, sys
atexit.register(lambda: print(*sorted({set(SLOW)!r} & set(sys.modules)), file=sys.stderr))
from protocolsim.__main__ import main
main()
"""


def imported(command: tuple[str, ...], folder: Path, status: int = 0) -> set[str]:
    """The slow libraries that a command has imported when it ends, with this exit status."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory):
    """What they call is on the disk: to compile takes Numba's whole front end, and what that imports."""
    imported(RUN, tmp_path_factory.mktemp("compiled"))


@pytest.mark.parametrize("command", MAY, ids=" ".join)
def test_a_command_imports_of_slow_libraries_what_it_uses(command, tmp_path):
    """Nothing slow is imported that a command does not use: figures, tables, the other engine, a Fortran compiler."""
    assert imported(command, tmp_path) <= MAY[command]


def test_a_command_within_another_process_leaves_its_garbage_alone():
    """Only a process that is one command sets aside what it has imported: in others garbage may be among it."""
    before = gc.get_freeze_count()
    seek_garbage()
    assert gc.get_freeze_count() == before


REFUSED = [
    ("run", "no_such_trial"),
    ("run", "no_such_trial.yaml"),
    ("run", "wrong.yaml"),
    ("run", "hcv_response_guided", "--replikates", "3"),
    ("check", "no_such_trial"),
    ("describe", "no_such_trial"),
]


@pytest.mark.parametrize("command", REFUSED, ids=" ".join)
def test_what_is_mistyped_is_refused_before_anything_slow_is_imported(command, tmp_path):
    """A name, a file or an option that is not there, and a file that is no plain mapping, are refused at once."""
    (tmp_path / "wrong.yaml").write_text("title: one\ntitle: two\n")
    assert imported(command, tmp_path, status=2) == set()


FUNCTIONS = ("bdtr", "betaincc", "betaincinv", "betaln", "ndtr", "stdtr", "stdtrit")


def test_special_functions_are_those_of_scipy():
    """They come without the rest of `scipy.special`, which is there, and whole, for those that import it."""
    code = (
        "import sys\nfrom protocolsim.arithmetic import special_functions\n"
        "one = special_functions()\n"
        "assert one.betaincinv(1.0, 1.0, 0.25) == 0.25\n"
        "assert 'scipy.special' not in sys.modules\n"
        "import numpy, scipy.special\nassert special_functions() is scipy.special\n"
        f"for name in {FUNCTIONS!r}:\n"
        "    given = [0.5] * one.__dict__[name].nin if name != 'bdtr' else [1.0, 2, 0.5]\n"
        "    assert getattr(scipy.special, name)(*given) == getattr(one, name)(*given), name\n"
        "assert scipy.special.__spec__ is not None and scipy.special.roots_legendre(2)[0].size == 2\n"
        "assert 'f2py' in dir(numpy)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=Path(__file__).parent, check=True)


def test_special_functions_come_whole_where_they_do_not_come_alone():
    """Where the compiled part cannot be imported by itself, `scipy.special` is imported as ever."""
    code = (
        "import importlib, sys\nfrom protocolsim import arithmetic\n"
        "right = importlib.import_module\n"
        "def alone(name):\n"
        "    if name == 'scipy.special._ufuncs':\n"
        "        raise ImportError(name)\n"
        "    return right(name)\n"
        "arithmetic.importlib.import_module = alone\n"
        "found = arithmetic.special_functions()\n"
        "assert found is sys.modules['scipy.special'] and found.betaincinv(1.0, 1.0, 0.25) == 0.25\n"
        "import numpy\nassert 'numpy.f2py' not in sys.modules and 'f2py' in dir(numpy)\n"
        "assert numpy.f2py.__name__ == 'numpy.f2py'\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=Path(__file__).parent, check=True)


def test_a_report_is_drawn_without_a_grammar_that_others_brought(tmp_path):
    """JupyterLab brings what Altair then builds for longer than a report takes; a command draws without it."""
    brought = tmp_path / "rfc3987_syntax.py"
    brought.write_text("raise RuntimeError('it was built')")
    words = [sys.executable, "-m", "protocolsim", *RUN, "--out", "out"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "<svg" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
