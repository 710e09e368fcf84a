"""The public API: every name has a reference that is true, and an example that ran."""

from __future__ import annotations

import doctest
import inspect
import io
import re
import subprocess
import sys
import typing
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import protocolsim
from protocolsim.errors import UsageError

HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n(-+)$", re.MULTILINE)
ENTRY = re.compile(r"^(\S[^:\n]*?)(?: : (\S.*))?$")
EXCEPTIONS = [n for n in protocolsim.__all__ if n.endswith("Error") or n == "StudyStopped"]
FUNCTIONS = [n for n in protocolsim.__all__ if inspect.isfunction(getattr(protocolsim, n))]
CLASSES = [n for n in protocolsim.__all__ if n not in (*EXCEPTIONS, *FUNCTIONS)]
# Which commands have no function: they serve a page, write a file to start from, or print what the site has.
COMMANDS_ALONE = {"app", "docs", "explain", "new"}
NAMED_OTHERWISE = {"list": "scenarios"}


def sections(text: str) -> dict[str, str]:
    """The sections of a docstring in numpydoc form by heading; "" is what stands before the first."""
    parts = HEADING.split(inspect.cleandoc(text))
    for heading, line in zip(parts[1::3], parts[2::3], strict=True):
        assert len(heading) == len(line), f"the line under '{heading}' is not as long as it"
    return {"": parts[0], **dict(zip(parts[1::3], parts[3::3], strict=True))}


def entries(section: str) -> dict[str, str]:
    """What a section lists: (name or names, type), each with its description."""
    found: dict[str, str] = {}
    name = ""
    for line in section.strip("\n").splitlines():
        if line and not line[0].isspace():
            name = line
            found[name] = ""
        elif name:
            found[name] += line.strip() + " "
    return found


def parameters(section: str) -> list[str]:
    """The names that a section of parameters lists, in order."""
    named = [ENTRY.match(entry) for entry in entries(section)]
    return [name.strip() for match in named if match for name in match[1].split(",") if name.strip() != "None"]


def public(name: str) -> Any:
    return getattr(protocolsim, name)


@cache
def examples(name: str) -> tuple[int, dict[str, Any]]:
    """The examples of a docstring, run as a reader would: how many ran, and what they made."""
    text = sections(public(name).__doc__)["Examples"]
    test = doctest.DocTestParser().get_doctest(text, {"protocolsim": protocolsim}, name, None, 0)
    said = io.StringIO()
    failed, tried = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.write, clear_globs=False)
    assert failed == 0, said.getvalue()
    skipped = sum(doctest.SKIP in example.options for example in test.examples)
    return min(tried, len(test.examples) - skipped), test.globs


def test_dir_is_what_is_public():
    """`dir` shows the public names and the version, and each of them is there."""
    assert dir(protocolsim) == sorted([*protocolsim.__all__, "__version__"])
    assert all(public(name) is not None for name in protocolsim.__all__)
    assert protocolsim.__all__ == sorted(protocolsim.__all__)


def test_every_command_is_a_function():
    """Each verb of the command line is a public function, under its own name but for Python's own `list`."""
    import click

    from protocolsim.cli import main

    listed = main.list_commands(click.Context(main))
    assert len(listed) > 10
    for name in listed:
        if name not in COMMANDS_ALONE:
            assert NAMED_OTHERWISE.get(name, name) in FUNCTIONS, f"{name} is no public function"


def test_importing_costs_nothing():
    """The package root imports nothing of the package: neither numpy, nor an engine, nor a drawing library."""
    code = "import sys, protocolsim; print(sorted(m for m in sys.modules if m.startswith(('protocolsim.', 'numpy'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_say_what_they_take_give_and_refuse(name):
    """A summary of one line; parameters as in the signature, each with a type and words; returns; raises."""
    function = public(name)
    said = sections(function.__doc__)
    summary = said[""].strip().splitlines()
    assert summary[0].endswith((".", ";")) or summary[0][-1].isalnum()
    assert summary[0].strip().endswith(".")
    assert len(summary) == 1 or summary[1] == ""
    assert {"Parameters", "Returns", "Raises", "Examples"} <= set(said)
    signature = inspect.signature(function)
    assert parameters(said["Parameters"]) == list(signature.parameters)
    for entry, words in entries(said["Parameters"]).items():
        if entry != "None":
            assert " : " in entry, f"{name}: {entry} has no type"
            assert words.strip(), f"{name}: {entry} has no words"
    optional = {p.name for p in signature.parameters.values() if p.default is not p.empty}
    for entry in entries(said["Parameters"]):
        match = ENTRY.match(entry)
        assert match
        if match[1] in optional:
            assert "optional" in entry or f"default {_shown(signature.parameters[match[1]].default)}" in entry, entry
    for error in entries(said["Raises"]):
        assert error == "None" or error in EXCEPTIONS, error


def _shown(default: object) -> str:
    return f'"{default}"' if isinstance(default, str) else str(default)


@pytest.mark.parametrize("name", CLASSES)
def test_classes_say_what_they_hold(name):
    """A summary; every attribute listed is there, with a type; every method listed is there and can be called."""
    kind = public(name)
    said = sections(kind.__doc__)
    assert "Attributes" in said
    fields = {f for base in kind.__mro__ for f in (*vars(base), *vars(base).get("__annotations__", {}))}
    for entry, words in entries(said["Attributes"]).items():
        assert " : " in entry, entry
        assert words.strip(), entry
    assert set(parameters(said["Attributes"])) <= fields
    for entry in entries(said.get("Methods", "")):
        method, _, rest = entry.partition("(")
        assert callable(getattr(kind, method)), entry
        documented = [p.partition("=")[0].strip() for p in rest.rstrip(")").split(",") if p.strip() not in ("", "*")]
        taken = [p for p in inspect.signature(getattr(kind, method)).parameters if p != "self"]
        assert documented == taken, entry


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_examples_run(name):
    """The example of every function ran, to what it shows; of a class it may need what is not there (SKIP)."""
    number, _ = examples(name)
    assert number > 0 or name in ("Calibration", "Study", "ValidationSuite")


SIMULATING = ["run", "sweep", "thresholds", "regret", "compare", "validate", "calibrate", "diagram"]


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if "scenario" in inspect.signature(public(n)).parameters])
def test_the_same_words_everywhere(name):
    """Where a scenario is taken, so are `set` and `allow_plugins`; what simulates takes `workers` and `seed`."""
    if name == "load_targets":
        return
    taken = set(inspect.signature(public(name)).parameters)
    assert {"set", "allow_plugins"} <= taken
    if name in SIMULATING:
        assert {"workers", "seed"} <= taken
        assert {"replicates", "engine"} <= taken or name == "calibrate"


def test_a_scenario_in_any_form():
    """By name with settings, by path, and as loaded: the same protocol, to the letter."""
    given = {"response_threshold": "60 %"}
    by_name = protocolsim.describe("ms_daclizumab", set=given).text
    as_loaded = protocolsim.describe(protocolsim.load("ms_daclizumab"), set=given).text
    assert by_name == as_loaded == protocolsim.describe(protocolsim.load("ms_daclizumab", set=given)).text
    assert by_name != protocolsim.describe("ms_daclizumab").text


def test_paths(tmp_path):
    """A file is given as text or as Path."""
    path = tmp_path / "mine.yaml"
    path.write_text("extends: ms_daclizumab\ntitle: Mine\n", encoding="utf-8")
    assert protocolsim.describe(path).title == protocolsim.describe(str(path)).title == "Mine"
    assert protocolsim.check(path).sound


# Figures ------------------------------------------------------------------------------------------------------------

# Whatever the examples made, by its class: the example, and the name it has there.
SMALL = {
    "Result": ("run", "result"),
    "Sweep": ("sweep", "found"),
    "ThresholdCurve": ("thresholds", "curve"),
    "Regret": ("regret", "found"),
    "PotentialOutcomes": ("potential_outcomes", "both"),
    "Comparison": ("compare", "found"),
    "Validation": ("validate", "found"),
    "Calibration": ("calibrate", "found"),
    "Trace": ("Trace", "story"),
    "Check": ("Check", "found"),
    "Synopsis": ("Synopsis", "told"),
    "Boundaries": ("boundaries", "found"),
    "Looks": ("Looks", "looks"),
}


def test_every_class_with_figures_is_tried():
    """No public class has figures, but a folder's, that the next test does not draw."""
    assert {name for name in CLASSES if hasattr(public(name), "figure")} == {*SMALL, "Study"}


@pytest.mark.parametrize("name", SMALL)
def test_figures_by_name(name):
    """Each name that `figures` lists is drawn, an unknown one is told the nearest, and HTML shows in a notebook."""
    example, local = SMALL[name]
    shown = examples(example)[1][local]
    assert type(shown) is public(name)
    assert shown.figures
    for figure in shown.figures:
        drawn = shown.figure(figure)
        assert hasattr(drawn, "to_dict") or hasattr(drawn, "_repr_svg_")
    with pytest.raises(UsageError, match=f"did you mean '{shown.figures[0]}'"):
        shown.figure(f"{shown.figures[0]}x")
    html = shown._repr_html_()
    assert html.startswith("<div>")
    assert "<script" not in html


def test_what_is_shown_is_escaped():
    """The title of a scenario is words, whatever it says."""
    result = protocolsim.run("ms_daclizumab", replicates=1, set={"title": "<script>alert(1)</script>"})
    assert "<script" not in result._repr_html_()
    assert "&lt;script&gt;" in result._repr_html_()


def test_opened_results_have_figures(tmp_path):
    """A folder that a run wrote gives the run's figures, of the same trials to the last bit."""
    from click.testing import CliRunner

    from protocolsim.cli import main

    done = CliRunner().invoke(main, ["run", "ms_no_drug", "--replicates", "3", "--quiet", "--out", str(tmp_path / "r")])
    assert done.exit_code == 0, done.output
    study = protocolsim.open(tmp_path / "r")
    again = protocolsim.run("ms_no_drug", replicates=3)
    assert type(study) is protocolsim.Study
    assert study.result.summary()["estimates"] == again.summary()["estimates"]
    assert study.figure("swimmer").to_dict()["datasets"] == again.figure("swimmer").to_dict()["datasets"]
    assert "run of ms_no_drug" in study._repr_html_()


def test_a_curve_has_its_own_settings():
    """Regret of a curve takes its subjects; other settings beside it are refused and not passed over."""
    curve = protocolsim.thresholds("ms_daclizumab", replicates=5)
    of_curve = protocolsim.regret(curve, random_streams=2)
    of_scenario = protocolsim.regret("ms_daclizumab", replicates=5, random_streams=2)
    assert of_curve.sums.tolist() == of_scenario.sums.tolist()
    with pytest.raises(UsageError, match="a curve has its own"):
        protocolsim.regret(curve, seed=3)


def test_types_are_resolved():
    """The annotations of every function name what is there, so that editors and the site can follow them."""
    for name in FUNCTIONS:
        assert "return" in typing.get_type_hints(public(name)), name


PAGES = Path(__file__).parents[2] / "docs" / "reference" / "api"


def test_the_site_has_each_name_once():
    """The pages of the API reference ask for every public name, each once, and for nothing else."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in sorted(PAGES.glob("*.md")))
    asked = re.findall(r"^::: protocolsim\.(\w+)$", pages, re.MULTILINE)
    assert sorted(asked) == protocolsim.__all__


def test_inner_rooms_say_that_they_are_private():
    """Every folder of the package says that it is private, but the one that the public names come from."""
    for path in sorted(Path(str(protocolsim.__file__)).parent.glob("*/__init__.py")):
        if path.parent.name != "api":
            assert "Private: what is public stands in the package root." in path.read_text(encoding="utf-8"), path
