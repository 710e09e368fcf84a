"""What a command imports, which is most of the time of a short one: of slow libraries those it uses, and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SLOW = frozenset(
    [
        *("altair", "igraph", "jinja2", "mkdocs", "numba", "numpy", "numpy.f2py", "pandas", "pyarrow", "pydantic"),
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
    RUN: READS | {"rich", "scipy.special"},
}
CODE = f"""
import atexit, sys
atexit.register(lambda: print(*sorted({set(SLOW)!r} & set(sys.modules)), file=sys.stderr))
from protocolsim.__main__ import main
main()
"""


def imported(command: tuple[str, ...], folder: Path) -> set[str]:
    """The slow libraries that a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory):
    """What they call is on the disk: to compile takes Numba's whole front end, and what that imports."""
    imported(RUN, tmp_path_factory.mktemp("compiled"))


@pytest.mark.parametrize("command", MAY, ids=" ".join)
def test_a_command_imports_of_slow_libraries_what_it_uses(command, tmp_path):
    """Nothing slow is imported that a command does not use: figures, tables, the other engine, a Fortran compiler."""
    assert imported(command, tmp_path) <= MAY[command]


def test_numpy_is_as_it_was():
    """SciPy's special functions come without NumPy's compiler of Fortran, which is there for those that ask for it."""
    code = (
        "import sys, numpy\nfrom protocolsim.arithmetic import special_functions\n"
        "assert special_functions().betaincinv(1.0, 1.0, 0.25) == 0.25\n"
        "assert 'numpy.f2py' not in sys.modules and 'f2py' in dir(numpy)\n"
        "assert numpy.f2py.__name__ == 'numpy.f2py'\n"
        "import scipy.special\nassert special_functions() is scipy.special\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=Path(__file__).parent, check=True)
