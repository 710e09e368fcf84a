"""What 100,000 scenario files that nobody meant do: refused in words, or run; no traceback, no hang, no memory.

    python benchmarks/mutants.py [--files N] [--first N] [--processes N]

Each file is read, checked and, where it is valid, run with two trials, its cohort cut to three. Also, of every
thousandth file, the command line's exit status as a process of its own: 2 with a message, or 0.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from protocolsim.errors import ProtocolsimError, SimulationError  # noqa: E402
from protocolsim.scenario.build.assemble import build  # noqa: E402
from protocolsim.scenario.file.extends import load_document, with_settings  # noqa: E402
from protocolsim.study.run import run  # noqa: E402
from tests.support.mutants import COMPACT, mutant, shipped  # noqa: E402

MOST_SECONDS, MOST_MEGABYTES = 1.0, 300
TRIALS, SUBJECTS = 2, 3
# No mutant is simulated that long: its states are shortened by nobody, and a protocol may well last for years.
TOGETHER = 250


def outcome(path: Path) -> str:
    """What becomes of a file: "refused", "cannot be run" or "valid". Anything but our own refusals is raised."""
    try:
        document = load_document(str(path))
        build(document)
    except ProtocolsimError as error:
        return _said(error, "refused")
    small = build(document)
    if small.interim is None:
        small = build(with_settings(document, {"cohort.size": SUBJECTS}))
    elif small.trial.cohort.size > TOGETHER:  # looks count more than a few, and so many would take long
        return "valid"
    try:
        run(small, replicates=TRIALS)
    except SimulationError as error:
        return _said(error, "cannot be run")
    return "valid"


def _said(error: ProtocolsimError, what: str) -> str:
    """A refusal says something."""
    assert str(error).strip()
    return what


def examined(first: int, files: int, texts: Sequence[str] = ()) -> tuple[Counter[str], float, list[str]]:
    """The outcomes of some files, the longest time one took, and what is wrong with them.

    They are made from these texts: the shipped scenarios and a compact one unless told.
    """
    texts = texts or (*shipped(), COMPACT)
    found: Counter[str] = Counter()
    longest, wrong = 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.yaml"
        for text in texts:  # whatever is loaded or compiled once
            path.write_text(text, encoding="utf-8")
            outcome(path)
        # A process that did other work before holds a million objects, and to search them for garbage takes a second.
        gc.collect()
        gc.freeze()
        for number in range(first, first + files):
            path.write_bytes(mutant(number, texts))
            began = time.process_time()  # of this process: others on the machine do not count
            try:
                found[outcome(path)] += 1
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                wrong.append(f"file {number}: {type(error).__name__}: {error}")
                continue
            seconds = time.process_time() - began
            if seconds > MOST_SECONDS:  # a slow file is slow each time; what a busy machine held up is not
                began = time.process_time()
                outcome(path)
                seconds = min(seconds, time.process_time() - began)
            longest = max(longest, seconds)
            if seconds > MOST_SECONDS:
                wrong.append(f"file {number}: took {seconds:.1f} s")
    gc.unfreeze()
    return found, longest, wrong


def as_process(number: int) -> str | None:
    """What is wrong with the command line's answer to a file, or None."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "mutant.yaml").write_bytes(mutant(number, shipped()))
        words = ["run", "mutant.yaml", "--replicates", "1", "--set", f"cohort.size={SUBJECTS}"]
        ended = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "protocolsim", *words],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = ended.stderr if ended.returncode else ended.stdout
        if ended.returncode not in (0, 2) or "Traceback" in ended.stderr or not said.strip():
            return f"file {number}: status {ended.returncode}: {ended.stderr[-300:]}"
        left = sorted(p.name for p in Path(folder).iterdir())
        return None if left == ["mutant.yaml"] else f"file {number}: left {left}"


def megabytes() -> int:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _work(first: int) -> tuple[Counter[str], float, list[str], int]:
    return *examined(first, TOGETHER), megabytes()


def main() -> None:
    """Print what became of the files; exit status 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    total: Counter[str] = Counter()
    longest, wrong, most = 0.0, [], 0
    starts = range(asked.first, asked.first + asked.files, TOGETHER)
    with ProcessPoolExecutor(asked.processes) as pool:
        for found, seconds, said, memory in pool.map(_work, starts):
            total += found
            longest, most = max(longest, seconds), max(most, memory)
            wrong += said
    answers = [as_process(n) for n in range(asked.first, asked.first + asked.files, 1000)]
    wrong += [answer for answer in answers if answer is not None]
    print(f"{sum(total.values()):,} files: {dict(total)}; the longest {longest:.2f} s, at most {most} MB")
    if most > MOST_MEGABYTES:
        wrong.append(f"{most} MB are more than {MOST_MEGABYTES}")
    print("\n".join(wrong) or "nothing wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
