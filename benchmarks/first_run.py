"""How long the first command of a machine takes, with the kernels that came by the installation and without any.

    python benchmarks/first_run.py [SCENARIO ...] [--rounds 3]

Builds the package as `python -m pip install .` does and unpacks it into an empty folder. Then, taking turns, with an
empty folder for what is compiled each time: (a) the first command, which finds the kernels compiled as the package was
built; (b) the first command of a machine for which they were not built, or that has other versions; (c) the second
command there. Limit: (a) under 8 seconds. Exit status 1 where it is not kept. Needs pip to reach its packages, and an
idle machine of two cores.
"""

from __future__ import annotations

import argparse
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT = 8.0
INSTALLED, ANEW, AGAIN = "kernels of the installation", "all compiled anew", "second command there"


def built(folder: Path) -> Path:
    """Where the package stands, built from this checkout; says how long that took."""
    begun = time.perf_counter()
    subprocess.run(  # noqa: S603 - pip, of this checkout
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    print(f"built in {time.perf_counter() - begun:.0f} s: {wheel.name}")
    place = folder / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    compileall.compile_dir(str(place), quiet=1)  # as pip does
    return place


def seconds(place: Path, scenario: str, kept: Path, *, anew: bool) -> float:
    """The wall time of one command."""
    given = {**os.environ, "PYTHONPATH": str(place), "NUMBA_CACHE_DIR": str(kept)}
    given |= {"PROTOCOLSIM_BUILT_KERNELS": "0"} if anew else {}
    command = [sys.executable, "-P", "-m", "protocolsim", "run", scenario]
    begun = time.perf_counter()
    subprocess.run(command, env=given, cwd=place, check=True, capture_output=True)  # noqa: S603 - our own command
    return time.perf_counter() - begun


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", default=["ms_daclizumab"])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    sound = True
    with tempfile.TemporaryDirectory() as folder:
        place = built(Path(folder))
        for scenario in asked.scenarios:
            took: dict[str, list[float]] = {INSTALLED: [], ANEW: [], AGAIN: []}
            for number in range(asked.rounds):
                empty, kept = Path(folder, f"{scenario} {number}"), Path(folder, f"{scenario} {number} kept")
                took[INSTALLED].append(seconds(place, scenario, empty, anew=False))
                took[ANEW].append(seconds(place, scenario, kept, anew=True))
                took[AGAIN].append(seconds(place, scenario, kept, anew=True))
            for what, all_of_them in took.items():
                each = ", ".join(f"{one:.1f}" for one in all_of_them)
                print(f"{scenario}, {what}: {statistics.median(all_of_them):.1f} s ({each})")
            sound = sound and statistics.median(took[INSTALLED]) < LIMIT
    print(f"the limit of {LIMIT:.0f} s for the first command of an installation is {'kept' if sound else 'NOT KEPT'}")
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
