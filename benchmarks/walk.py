"""How far a scenario travels: the files that one run enters, from loading to the printed table.

The walk is what somebody sees who reads along and follows each function into its first call only: the functions of
the package in the order in which they are first called. A stay is a stretch of it within one file; many stays in one
file say that a reader is sent back there again and again. Loading a scenario, simulating it in one process and printing
its table is one walk. A first run warms up what is kept on disk and in memory, so that compiling is not counted.
A comprehension is part of the function that it stands in (from Python 3.12 on it is no call either).

Run it: python benchmarks/walk.py [SCENARIO] [--files 15] [--sibling FOLDER]
`--sibling` is a checkout of another version, walked beside this one in a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

HERE = Path(__file__).resolve()
SCENARIO = "ms_daclizumab"
PASSES = 2  # the second one is counted
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


class Walk:
    """Counts, by file of a package, how often one is sent into it from another, following first calls."""

    def __init__(self, package: Path) -> None:
        self.package = f"{package}{os.sep}"
        self.stays: Counter[str] = Counter()
        self._called: set[CodeType] = set()
        self._present = ""

    def follow(self, frame: FrameType, event: str, _argument: Any) -> None:
        """A profile function (see sys.setprofile)."""
        code = frame.f_code
        if event != "call" or code in self._called or not code.co_filename.startswith(self.package):
            return
        if code.co_name in COMPREHENSIONS:
            return
        self._called.add(code)
        name = code.co_filename.removeprefix(self.package)
        if name != self._present:
            self.stays[name] += 1
            self._present = name


def walk(scenario: str) -> Counter[str]:
    """The stays of `protocolsim run SCENARIO`, by file."""
    from protocolsim import cli

    words = ["protocolsim", "run", scenario, "--replicates", "2", "--workers", "1", "--quiet"]
    for _ in range(PASSES):
        counted = Walk(Path(cli.__file__).parents[1])
        sys.argv = words
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            sys.setprofile(counted.follow)
            try:
                cli.main()
            finally:
                sys.setprofile(None)
    return counted.stays


def elsewhere(folder: Path, scenario: str) -> Counter[str]:
    """The same of the package in another checkout."""
    command = [sys.executable, str(HERE), scenario, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(folder.resolve())}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603
    return Counter(json.loads(done.stdout))


def main() -> None:
    """Walk, and print what was counted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenario", nargs="?", default=SCENARIO)
    parser.add_argument("--files", type=int, default=15, help="how many files to list")
    parser.add_argument("--sibling", type=Path, help="a checkout of another version")
    parser.add_argument("--json", action="store_true", help="the counts of every file")
    options = parser.parse_args()
    stays = walk(options.scenario)
    if options.json:
        print(json.dumps(stays))
        return
    walks = {"here": stays}
    if options.sibling is not None:
        walks["sibling"] = elsewhere(options.sibling, options.scenario)
    for name, counted in walks.items():
        print(f"{name}: {len(counted)} files, {counted.total():,} stays, {counted.most_common(1)[0][1]} in one file")
        for file, times in counted.most_common(options.files):
            print(f"{times:>9,}  {file}")


if __name__ == "__main__":
    main()
