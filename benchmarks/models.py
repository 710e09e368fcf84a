"""What a declared model costs beside the same model in kernels, and how long it takes from an edit to an answer.

    python benchmarks/models.py [--pairs N] [--trials N]

Pairs of fresh processes take turns, one with the kernels of moderate aplastic anaemia and one with the same model
declared (tests/support/models), whose records are the same to the last bit. What is printed is the processor time of
the engine, then the wall time from a change of the model's file to the answer of 200 replicates: in a Python session
that is there already, as a notebook is, and for a new `protocolsim run`, which starts Python and loads the package.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODEL = Path(__file__).parents[1] / "tests" / "support" / "models" / "aplastic_declared.yaml"
DECLARED = "extends: maa_daclizumab\ncohort: {disease: aplastic_declared}\n"
# As on most machines Python keeps its bytecode: where it may not, each command first compiles the whole package.
USUAL = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
CODE = """
import sys, time
import protocolsim
from protocolsim.engine.batch.simulation import pieces
trial = protocolsim.load(sys.argv[1]).trial
for run in range(2):
    begun = time.process_time()
    for records in pieces(trial, 1 + run, range(int(sys.argv[2]))):
        pass
    print(time.process_time() - begun)
"""
SESSION = """
import sys, time
from pathlib import Path
import protocolsim
model, trial = Path(sys.argv[1]), sys.argv[2]
text = model.read_text(encoding="utf-8")
protocolsim.run(trial, replicates=200).summary()
for number in range(int(sys.argv[3])):
    model.write_text(text.replace("{value: 42 %", f"{{value: {43 + number / 10:g} %", 1), encoding="utf-8")
    begun = time.perf_counter()
    protocolsim.run(trial, replicates=200).summary()
    print(time.perf_counter() - begun)
"""


def seconds(scenario: str, trials: int) -> float:
    """The processor time of one run of the engine, in a process of its own whose kernels are compiled."""
    done = subprocess.run(  # noqa: S603 - this file's own code
        [sys.executable, "-c", CODE, scenario, str(trials)], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def first_answer(folder: Path, number: int) -> float:
    """The wall time of a command just after a number of the model was changed."""
    text = MODEL.read_text(encoding="utf-8").replace("{value: 42 %", f"{{value: {40 + number / 10:g} %", 1)
    (folder / "models" / MODEL.name).write_text(text, encoding="utf-8")
    begun = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "protocolsim", "run", str(folder / "trial.yaml"), "--replicates", "200"],
        capture_output=True, check=True, env=USUAL,
    )  # fmt: skip
    return time.perf_counter() - begun


def answers_in_session(folder: Path, edits: int) -> list[float]:
    """The wall times of the answer after each edit, in one Python session."""
    done = subprocess.run(  # noqa: S603 - this file's own code
        [sys.executable, "-c", SESSION, str(folder / "models" / MODEL.name), str(folder / "trial.yaml"), str(edits)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [float(line) for line in done.stdout.split()]


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--trials", type=int, default=2000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "models").mkdir()
        (folder / "models" / MODEL.name).write_bytes(MODEL.read_bytes())
        (folder / "trial.yaml").write_text(DECLARED, encoding="utf-8")
        pairs = [
            (seconds("maa_daclizumab", asked.trials), seconds(str(folder / "trial.yaml"), asked.trials))
            for _ in range(asked.pairs)
        ]
        session = answers_in_session(folder, asked.pairs)
        answers = [first_answer(folder, k) for k in range(asked.pairs + 1)][1:]  # the first keeps the bytecode
    by_hand, declared = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    sys.stdout.write(
        f"kernels {by_hand:.3f} s, declared {declared:.3f} s of processor time: {ratio:.2f} times as fast\n"
    )
    sys.stdout.write(
        "from an edit of the model to the answer of 200 replicates: "
        f"{statistics.median(session):.2f} s in a session, {statistics.median(answers):.2f} s by a new command\n"
    )


if __name__ == "__main__":
    main()
