"""Coverage-guided fuzzing of the reader and the rule parser with atheris (libFuzzer), for as long as one likes.

    python benchmarks/fuzz.py reader|rules [FOLDER OF SEEDS] [-max_total_time=SECONDS] [other options of libFuzzer]

What it looks for: anything but our own refusals, and inputs that take more than a second. The tests run it for
seconds; `-max_total_time=36000` is a night.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))

with atheris.instrument_imports(
    include=["protocolsim.scenario.file.yaml_reader", "protocolsim.protocol.rules", "ruamel"]
):
    from protocolsim.errors import RuleError, ScenarioError
    from protocolsim.protocol.evaluation import compiled
    from protocolsim.protocol.rules import dimension_of, names_in
    from protocolsim.protocol.rules import parse as parse_rule
    from protocolsim.scenario.file.yaml_reader import parse
    from protocolsim.units import NONE


def reader(data: bytes) -> None:
    """A text is a document or is refused in words."""
    with suppress(ScenarioError):
        parse(data.decode("utf-8", "replace"), "trial.yaml")


def rules(data: bytes) -> None:
    """A text is a rule that can be evaluated, or is refused in words."""
    with suppress(RuleError):
        node = parse_rule(data.decode("utf-8", "replace"))
        names = names_in(node)
        dimension_of(node, dict.fromkeys(names, NONE))
        compiled(node, dict.fromkeys(names, 2.0), {})(())


TARGETS: dict[str, Callable[[bytes], None]] = {"reader": reader, "rules": rules}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    name = sys.argv.pop(1)
    atheris.Setup([*sys.argv, "-timeout=1" if "-timeout" not in " ".join(sys.argv) else "-verbosity=1"], TARGETS[name])
    atheris.Fuzz()
