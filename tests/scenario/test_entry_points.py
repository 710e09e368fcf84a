"""What installed packages offer is found by name, or refused in a sentence, and never breaks anything else."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocolsim import notices, plugins
from protocolsim.analysis import catalogue as analyses
from protocolsim.app.view import catalogue
from protocolsim.component import stream_block
from protocolsim.endpoint import catalogue as endpoints
from protocolsim.errors import UsageError
from protocolsim.randomness import FIRST_OUTSIDE, STREAM_BLOCK
from protocolsim.scenario.build.cast import components
from protocolsim.scenario.file import library
from tests.cli.test_cli import command

__all__ = ["command"]
CACHES = (
    plugins.plugins,
    plugins._points,
    plugins._all_points,
    endpoints.kinds,
    analyses.kinds,
    catalogue.views,
    components._installed,
)
DRUG = """
    import dataclasses
    from protocolsim.component import stream_block
    from tests.support.toys import Idle
    COMPONENT = dataclasses.replace(Idle, name="calm", stream=stream_block("calm"))
    LOW = dataclasses.replace(COMPONENT, stream=999_900)
    HARMFUL = dataclasses.replace(COMPONENT, fields=())
"""
KIND = """
    import dataclasses
    from protocolsim.endpoint.share import Share
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Mine(Share):
        kind, meaning, EXAMPLE = "mine", "a share of mine", "extends: ms_daclizumab"
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Nameless(Share):
        kind, meaning, EXAMPLE = "nameless", "a share", None
    class Share(Mine):
        kind = "share"
"""


def _forget() -> None:
    for cache in CACHES:
        cache.cache_clear()


@pytest.fixture
def install(tmp_path, monkeypatch) -> Iterator[object]:
    """Put packages on the path: their modules, and what their entry points say."""

    def installed(name: str, modules: dict[str, str], offers: dict[str, dict[str, str]]) -> Path:
        site: Path = tmp_path / name
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        for module, text in modules.items():
            (site / module).parent.mkdir(exist_ok=True)
            (site / module).write_text(textwrap.dedent(text))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        sections = (f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in said.items()) for group, said in offers.items())
        (info / "entry_points.txt").write_text("\n".join(sections))
        monkeypatch.syspath_prepend(site)
        _forget()
        return site

    yield installed
    monkeypatch.undo()
    _forget()


@pytest.fixture
def heard(monkeypatch) -> list[str]:
    """What is told."""
    said: list[str] = []
    monkeypatch.setattr(notices, "_listeners", [said.append])
    monkeypatch.setattr(notices, "_said", set())
    return said


def test_an_installed_drug_needs_no_permission(install):
    """A drug of an installed package is found by its name alone; what a file names as module:ATTRIBUTE still is not."""
    install("calming", {"calm_one.py": DRUG}, {"protocolsim.drugs": {"calm": "calm_one:COMPONENT"}})
    assert components.load("drug", "calm", allow_plugins=False).name == "calm"
    with pytest.raises(UsageError, match="only with --allow-plugins"):
        components.load("drug", "calm_one:COMPONENT", allow_plugins=False)
    with pytest.raises(UsageError, match="did you mean 'calm'"):
        components.load("drug", "calmm", allow_plugins=False)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("calm", "calm_two:LOW", "draws from stream 999,900 on, and those below 1,000,000 are taken"),
        ("calm", "calm_two:HARMFUL", "cannot be used: it has no fields"),
        ("quiet", "calm_two:COMPONENT", "calls itself 'calm'"),
        ("calm", "calm_two:stream_block", "is not a Drug"),
        ("calm", "calm_two:MISSING", r"the installed drug 'calm' \(odd 1.0\) cannot be loaded from calm_two:MISSING"),
        ("calm", "no_such_module:COMPONENT", "ModuleNotFoundError"),
    ],
)
def test_a_drug_that_cannot_be_used_is_refused_by_name(install, name, value, said):
    """Naming it says which package offers it, and what is wrong; every other drug is there as before."""
    install("odd", {"calm_two.py": DRUG}, {"protocolsim.drugs": {name: value}})
    with pytest.raises(UsageError, match=said):
        components.load("drug", name, allow_plugins=False)
    assert components.load("drug", "daclizumab", allow_plugins=False).name == "daclizumab"


def test_two_packages_with_one_name(install):
    """Of two packages that offer one name neither is meant; a shipped name always means what is shipped."""
    for package in ("one", "two"):
        install(package, {f"{package}_drug.py": DRUG}, {
            "protocolsim.drugs": {"calm": f"{package}_drug:COMPONENT", "daclizumab": f"{package}_drug:COMPONENT"}
        })  # fmt: skip
    with pytest.raises(UsageError, match=r"\(one 1.0, two 1.0\): more than one installed package offers it"):
        components.load("drug", "calm", allow_plugins=False)
    assert components.load("drug", "daclizumab", allow_plugins=False) is components.load_shipped("drug", "daclizumab")


def test_kinds(install, heard):
    """A sound kind is one of the kinds; others are left out with a reason each, and the shipped ones stay."""
    shipped = dict(endpoints.kinds())
    offered = {"mine": "my_kinds:Mine", "nameless": "my_kinds:Nameless", "share": "my_kinds:Share"}
    offered |= {"x": "my_kinds:Mine", "none": "my_kinds:dataclasses", "late": "my_kinds:Late"}
    install("kinds", {"my_kinds.py": KIND}, {"protocolsim.endpoints": offered})
    assert set(endpoints.kinds()) == {*shipped, "mine"}
    assert endpoints.kinds()["share"] is shipped["share"]
    reasons = (
        "does not say its EXAMPLE",
        "the name of a kind that comes",
        "calls itself 'mine'",
        "no frozen dataclass",
    )
    for reason in (*reasons, "cannot be loaded from my_kinds:Late"):
        assert sum(reason in text for text in heard) == 1, (reason, heard)
    assert all("left out" in text for text in heard)
    assert analyses.kinds().keys() & offered.keys() == set()


def test_views(install, heard):
    """What is no view of that name is left out, and the page has its own."""
    own = [view.name for view in catalogue.views()]
    install("views", {"my_views.py": "VIEW = 1"}, {"protocolsim.views": {"mine": "my_views:VIEW"}})
    assert [view.name for view in catalogue.views()] == own
    assert len(heard) == 1
    assert "no View called 'mine'" in heard[0]


def test_scenarios(install, command):
    """An installed scenario is listed, found and checked by its name; one without a file does not hide others."""
    text = "extends: ms_daclizumab\ntitle: Of another house\n"
    offers = {"theirs": "their_trials", "ms_no_drug": "their_trials", "absent": "their_trials", "lost": "nowhere"}
    files = {"their_trials/__init__.py": "1 / 0", "their_trials/theirs.yaml": text}
    site = install("trials", files, {"protocolsim.scenarios": offers})
    assert library.find("theirs") == site / "their_trials" / "theirs.yaml"
    assert site not in library.find("ms_no_drug").parents
    with pytest.raises(UsageError, match=r"there is no file absent.yaml in the package their_trials"):
        library.find("absent")
    status, out, _ = command("list")
    assert status == 0
    assert "Of another house (trials 1.0)" in " ".join(out.split())
    assert "there is no package nowhere" in " ".join(out.split())
    assert command("check", "theirs", "--quiet")[0] == 0


def test_stream_blocks_of_names():
    """A name's block lies outside the shipped ones, inside 32 bits, begins at a hundred, and is the same for ever."""
    blocks = [stream_block(f"component {k}") for k in range(2000)]
    assert all(FIRST_OUTSIDE <= b <= 2**32 - 2 * STREAM_BLOCK for b in blocks)
    assert len({b // STREAM_BLOCK for b in blocks}) == len(blocks)
    assert {b % STREAM_BLOCK for b in blocks} == {0}
    assert stream_block("gout") == 345_648_900
    every = [components.load_shipped("disease", n) for n in components.disease_names()]
    every += [components.load_shipped("drug", n) for n in components.drug_names()]
    assert all(c.stream + STREAM_BLOCK <= FIRST_OUTSIDE for c in every if c.streams is None)


EXTENSION = """
    def init():
        print("Numba is extended")

    class Plugin:
        def new_schema_validator(self, *schema):
            print("pydantic is extended")
            return None, None, None

    plugin = Plugin()
"""


@pytest.mark.parametrize("extended", [True, False])
def test_what_extends_the_libraries_is_not_left_out(tmp_path, extended):
    """Packages that add to Numba or pydantic are asked, as these libraries would, where there are such."""
    (tmp_path / "extension.py").write_text(textwrap.dedent(EXTENSION))
    info = tmp_path / "extension-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extension\nVersion: 1.0\n")
    if extended:
        points = "[numba_extensions]\ninit = extension:init\n[pydantic]\nours = extension:plugin\n"
        (info / "entry_points.txt").write_text(points)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from protocolsim.arithmetic import exp\nexp(1.0)\n"
        "from protocolsim.scenario.file.model_schema import ModelPart\nModelPart.model_rebuild(force=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = {"Numba is extended", "pydantic is extended"}
    assert set(done.stdout.splitlines()) == (said if extended else set())
