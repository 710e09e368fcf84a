"""A scenario file is something that people download: it can describe a trial, and do nothing else."""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocolsim.errors import ProtocolsimError, RuleError, ScenarioError
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import MAX_DEPTH, MAX_LENGTH, dimension_of, names_in, parse
from protocolsim.scenario.build.assemble import MOST_STATES, MOST_TRANSITIONS, build
from protocolsim.scenario.file import yaml_reader
from protocolsim.scenario.file.extends import load_document
from protocolsim.units import NONE
from tests.support.mutants import COMPACT, HOSTILE, mutant, shipped

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import mutants as benchmark  # noqa: E402 - the benchmark's own measure of what is right

STATE = "    s{}: {{lasts: 1 week}}\n"
WAY = "    - {{from: s{}, to: done}}\n"


def many_states(number: int) -> str:
    states = "".join(STATE.format(k) for k in range(number))
    return COMPACT.replace("    done:", f"{states}    done:")


def many_transitions(number: int) -> str:
    ways = "    - {from: treated, to: done, after: mri, when: seen > 100}\n" * number
    return COMPACT.replace("    - {from: treated", f"{ways}    - {{from: treated", 1)


# What is one too many, and what is said of it; each limit has its own sentence.
LIMITS = {
    "file size": (COMPACT + "#" * yaml_reader.MAX_BYTES, "larger than 256 kB"),
    "nesting": (
        f"title: {'[' * (yaml_reader.MAX_DEPTH + 1)}{']' * (yaml_reader.MAX_DEPTH + 1)}", "nested deeper than 30"),
    "keys and values": ("title: [" + "1," * yaml_reader.MAX_NODES + "1]", "more than 10000 keys and values"),
    "length of a text": ("title: " + "x" * (yaml_reader.MAX_SCALAR + 1), "text of 10001 characters"),
    "aliases": ("title: &a x\nquestion: *a", "anchors and aliases are not allowed"),
    "states": (many_states(MOST_STATES), f"{MOST_STATES + 4} states; at most {MOST_STATES} are possible"),
    "transitions": (many_transitions(MOST_TRANSITIONS), f"at most {MOST_TRANSITIONS} are possible"),
    "schedule entries": (COMPACT.replace("{every: 4 weeks}", "{every: 1 minute}"), "at most 5000 are possible"),
    "subjects": (COMPACT.replace("size: 3", "size: 100000001"), "is above 1e+08 (subjects)"),
    "expression depth": (
        COMPACT.replace("seen > 0", "(" * MAX_DEPTH + "seen" + ")" * MAX_DEPTH + " > 0"), "nested deeper than 40"
    ),
    "expression length": (COMPACT.replace("seen > 0", "seen > 0" + " + 1" * 300), f"at most {MAX_LENGTH} are read"),
    "files": ("extends: ./trial.yaml", "goes in a circle"),
}  # fmt: skip


def test_the_compact_trial_is_valid(tmp_path):
    """The trial that the limits are tried on is itself in order."""
    path = tmp_path / "trial.yaml"
    path.write_text(COMPACT)
    assert benchmark.outcome(path) == "valid"


@pytest.mark.parametrize("name", LIMITS)
def test_limits(tmp_path, name):
    """Each limit is a sentence of its own, and nothing grows from a file that goes beyond it."""
    text, said = LIMITS[name]
    path = tmp_path / "trial.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        build(load_document(str(path)))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 10_000


@pytest.mark.slow
@pytest.mark.parametrize(("first", "files"), [(0, 400), pytest.param(400, 9600, marks=pytest.mark.long)])
def test_mutated_files(first, files):
    """Of scenario files that nobody meant each is refused in words, or runs; and none takes a second."""
    found, longest, wrong = benchmark.examined(first, files, (COMPACT,) * 19 + shipped()[:1])
    assert wrong == []
    assert sum(found.values()) == files
    assert min(found["refused"], found["valid"]) > 20
    assert longest < benchmark.MOST_SECONDS


# A process begins with its parent's highest memory as its own (Linux counts so), and a worker of the tests is large: a
# small one in between starts what is measured.
SMALL = (sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)")


def test_memory(tmp_path):
    """A process that reads one such file after the other never holds more than 300 MB."""
    code = "import mutants; _, _, wrong = mutants.examined(0, 150); print(mutants.megabytes()); assert not wrong, wrong"
    held: list[int] = []
    while len(held) < 2 and min(held, default=benchmark.MOST_MEGABYTES) >= benchmark.MOST_MEGABYTES:
        # Again where it was too much: the first may have compiled what was not on disk yet.
        ended = subprocess.run(
            [*SMALL, sys.executable, "-c", code], cwd=ROOT / "benchmarks", capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        held.append(int(ended.stdout))
    assert held[-1] < benchmark.MOST_MEGABYTES


@pytest.mark.parametrize("number", [1, 2])
def test_as_a_process(number):
    """As a command of its own, such a file ends with status 2 and a message or 0 and a result, and leaves nothing."""
    assert benchmark.as_process(number) is None


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = (
    "title",
    "cohort",
    "protocol",
    "parameters",
    "drugs",
    "endpoints",
    "populations",
    "decisions",
    "extends",
    "seed",
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(part=st.sampled_from(KEYS), inner=st.sampled_from(["", "states", "transitions", "summaries"]), value=PLAIN)
def test_any_structure_is_refused_in_words(part, inner, value):
    """Whatever stands at a place of a valid scenario, it is refused in words or makes a scenario."""
    document = yaml_reader.parse(COMPACT, "trial.yaml")
    if part == "protocol" and inner:
        document.data["protocol"][inner] = value
    else:
        document.data[part] = value
    with suppress(ProtocolsimError):
        build(document)


WORDS = st.sampled_from(
    [*("x", "y", "1", "2.5", "75 %", "4 weeks", "mg", "(", ")", "and", "or", "not"), *"/*+-<=", ">=", "==", "!="]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(text=st.lists(WORDS, max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_rule_is_refused_in_words(text):
    """Any text is a rule that can be evaluated, or is refused in words."""
    with suppress(RuleError):
        node = parse(text)
        names = names_in(node)
        dimension_of(node, dict.fromkeys(names, NONE))
        compiled(node, dict.fromkeys(names, 2.0), {})(())


def test_nothing_is_unpickled(monkeypatch, tmp_path):
    """No file of a user is ever read by pickle, whatever it is called and holds."""

    def forbidden(*words):
        raise AssertionError("something was unpickled")

    monkeypatch.setattr(pickle, "loads", forbidden)
    monkeypatch.setattr(pickle, "load", forbidden)
    path = tmp_path / "trial.yaml"
    path.write_bytes(pickle.dumps({"title": "x"}))
    with pytest.raises(ScenarioError):
        load_document(str(path))
    path.write_text(COMPACT)
    build(load_document(str(path)))


@pytest.mark.parametrize("target", ["reader", "rules"])
def test_coverage_guided(tmp_path, target):
    """A fuzzer that looks for new paths through the reader and the rule parser finds nothing but refusals in words."""
    pytest.importorskip("atheris", reason="atheris has no wheel for this Python or system")
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for number in range(30):
        text = mutant(number, (COMPACT,)) if target == "reader" else HOSTILE[number].encode("utf-8", "replace")
        (seeds / f"{number}").write_bytes(text)
    ended = subprocess.run(
        [*SMALL, sys.executable, ROOT / "benchmarks" / "fuzz.py",
         target, seeds, "-max_total_time=3", "-rss_limit_mb=1000"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "Done" in ended.stderr
