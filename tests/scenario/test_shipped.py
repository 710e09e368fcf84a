"""Shipped scenarios are found by name, however the package was installed."""

from __future__ import annotations

import importlib.resources
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

from protocolsim.errors import UsageError
from protocolsim.scenario.file import library

CHECKOUT = Path(__file__).resolve().parents[2]
# Without a network, and without compiling the kernels, which has nothing to do with finding a file.
ALONE = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "HATCH_BUILD_NO_HOOKS": "true"}
PROBE = "title: A scenario that only this test ships\n"
ASK = """
import json, os
from protocolsim.errors import UsageError
from protocolsim.scenario.file import library
path = library.find("shipped_probe")
try:
    library.find("shipped_prob")
except UsageError as error:
    refusal = str(error)
print(json.dumps({"module": library.__file__, "names": library.names(), "path": str(path), "text": path.read_text(),
                  "refusal": refusal}))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped scenarios, and an empty working folder beside it."""
    (tmp_path / "shipped").mkdir()
    (tmp_path / "work").mkdir()
    for name in ("one", "another"):
        (tmp_path / "shipped" / f"{name}.yaml").write_text("a: 1\n")
    (tmp_path / "shipped" / "notes.txt").write_text("no scenario\n")
    monkeypatch.setattr(library, "_folder", lambda: tmp_path / "shipped")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


class TestFind:
    """A path is a path, a name is a shipped scenario."""

    def test_names_are_the_yaml_files_sorted(self, folder):
        """Each YAML file is one name; nothing else in the folder is."""
        assert library.names() == ["another", "one"]

    def test_a_name_is_found_in_the_shipped_folder(self, folder):
        """A name means the shipped file, also where the working folder has something of that name."""
        Path("one").mkdir()

        assert library.find("one") == folder / "shipped" / "one.yaml"

    @pytest.mark.parametrize("written", ["./one", "sub/one.yaml", "mine.yml", "mine.YAML", "/nowhere/one"])
    def test_a_path_is_left_as_it_is(self, folder, written):
        """What has a separator or an ending is a path, whether or not something is there."""
        assert library.find(written) == Path(written)

    def test_an_existing_file_wins_over_a_shipped_name_with_its_ending(self, folder):
        """`one.yaml` is the shipped one until a file of that name stands in the working folder."""
        assert library.find("one.yaml") == folder / "shipped" / "one.yaml"

        Path("one.yaml").write_text("a: 2\n")
        assert library.find("one.yaml") == Path("one.yaml")

    def test_an_unknown_name_lists_the_nearest_and_all(self, folder):
        """The refusal names the nearest scenario and every other."""
        with pytest.raises(UsageError) as near:
            library.find("anothr")
        with pytest.raises(UsageError) as far:
            library.find("qqqq")

        assert str(near.value) == "unknown scenario 'anothr'; did you mean 'another'? Shipped: another, one"
        assert str(far.value) == "unknown scenario 'qqqq'; known here: another, one"

    def test_a_file_without_an_ending_is_pointed_at(self, folder):
        """A name that is a file here is still a name, and the refusal says how to mean the file."""
        Path("trial").write_text("a: 1\n")
        with pytest.raises(UsageError, match=r"write './trial'"):
            library.find("trial")

    @pytest.mark.parametrize("written", ["", "a\0b", "x" * 5000, "\ud800"])
    def test_impossible_names_are_unknown(self, folder, written):
        """No text makes `find` fail otherwise."""
        with pytest.raises(UsageError, match="unknown scenario"):
            library.find(written)

    @pytest.mark.parametrize("written", ["a\0b.yaml", "x" * 5000 + ".yaml", "/" + "x" * 5000])
    def test_impossible_paths_are_left_to_the_reader(self, folder, written):
        """A path that no system can have is returned like any other."""
        assert library.find(written) == Path(written)


class TestFolder:
    """Where the shipped scenarios are, seen from the package's own folder."""

    @pytest.mark.parametrize(
        ("packaged", "build_file", "expected"),
        [
            (True, False, "protocolsim/scenario/shipped"),
            (False, True, "scenarios"),
            (True, True, "protocolsim/scenario/shipped"),
            (False, False, "protocolsim/scenario/shipped"),
        ],
    )
    def test_the_packaged_copy_comes_first(self, tmp_path, monkeypatch, packaged, build_file, expected):
        """A packaged copy wins even inside somebody's project; `scenarios` counts only beside a build file."""
        package = tmp_path / "protocolsim" / "scenario"
        (package / "shipped" if packaged else package).mkdir(parents=True)
        (tmp_path / "scenarios").mkdir()
        if build_file:
            (tmp_path / "pyproject.toml").write_text("")
        monkeypatch.setattr(importlib.resources, "files", lambda _: package)

        assert library._folder() == tmp_path / expected


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **ALONE, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def installed(folder: Path, *what: str | Path) -> dict[str, Any]:
    """What an environment with this installed, and our own dependencies, answers."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    purelib = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # Read after the package's own entry, so an installed protocolsim beside the dependencies is not the one asked.
    (purelib / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--ignore-installed")
    run(sys.executable, "-m", "pip", "--python", python, *install, *what, cwd=folder)
    # Compiling the kernels has nothing to do with finding a file.
    answer: dict[str, Any] = json.loads(run(python, "-c", ASK, cwd=folder, NUMBA_DISABLE_JIT="1", PYTHONPATH=""))
    return answer


@pytest.fixture(scope="session")
def installs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """A copy of the checkout with one more scenario, installed in three ways."""
    for needed in ("build", "hatchling", "editables"):
        pytest.importorskip(needed, reason=f"building without a network needs {needed} installed")
    work = tmp_path_factory.mktemp("installs")
    copy = work / "checkout"
    copy.mkdir()
    for name in ("hatch_build.py", "pyproject.toml", "README.md", "LICENSE", "protocolsim", "scenarios"):
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "shipped"))
        else:
            shutil.copy(CHECKOUT / name, copy / name)
    (copy / "scenarios" / "shipped_probe.yaml").write_text(PROBE)
    run(sys.executable, "-m", "build", "--no-isolation", "--sdist", "--wheel", "--outdir", work, copy, cwd=work)
    return {
        "wheel": installed(work / "wheel", *work.glob("*.whl")),
        "sdist": installed(work / "sdist", *work.glob("*.tar.gz")),
        "editable": installed(work / "editable", "--editable", copy),
    }


@pytest.mark.slow
class TestInstalled:
    """One law in three installations: the names are the checkout's, and each finds its file."""

    @pytest.mark.parametrize("way", ["wheel", "sdist", "editable"])
    def test_every_scenario_is_found_by_name(self, installs, way):
        """The installed package knows exactly the checkout's scenarios, and finds them."""
        answer = installs[way]

        assert answer["names"] == sorted(
            [path.stem for path in (CHECKOUT / "scenarios").glob("*.yaml")] + ["shipped_probe"]
        )
        assert answer["text"] == PROBE
        assert "did you mean 'shipped_probe'" in answer["refusal"]

    @pytest.mark.parametrize("way", ["wheel", "sdist", "editable"])
    def test_the_file_belongs_to_that_installation(self, installs, way):
        """An installed copy ships its own files; an editable one reads the checkout's."""
        module, path = Path(installs[way]["module"]), Path(installs[way]["path"])
        expected = module.parents[3] / "scenarios" if way == "editable" else module.parents[1] / "shipped"

        assert path.parent == expected
        assert way in module.parts or way == "editable"
        assert ("site-packages" in module.parts) == (way != "editable")

    def test_this_checkout_finds_its_own(self):
        """Without any installation the names are those of the scenarios folder."""
        assert library.names() == sorted(path.stem for path in (CHECKOUT / "scenarios").glob("*.yaml"))
