"""What is shipped: the wheel, the source distribution, and the editable install."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling import build

ROOT = Path(__file__).parents[2]


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Build one kind of distribution, and return the names of the files in it."""
    monkeypatch.chdir(ROOT)

    def names(kind):
        if kind == "sdist":
            with tarfile.open(tmp_path / build.build_sdist(str(tmp_path))) as archive:
                return {name.split("/", 1)[1] for name in archive.getnames()}
        make = build.build_wheel if kind == "wheel" else build.build_editable
        with zipfile.ZipFile(tmp_path / make(str(tmp_path))) as archive:
            return set(archive.namelist())

    return names


def files(folder, pattern):
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob(pattern)}


def test_the_wheel_holds_the_package_and_its_scenarios(built):
    """A wheel has every module, the mark of its types, every template and every scenario, and nothing else."""
    modules = (
        files("protocolsim", "*.py")
        | files("protocolsim", "*.j2")
        | files("protocolsim", "*.md")
        | files("protocolsim", "kernels.txt")
        | files("protocolsim", "*.json")
        | files("protocolsim", "*.yaml")
        | {"protocolsim/py.typed"}
    )
    scenarios = {name.replace("scenarios/", "protocolsim/scenario/shipped/") for name in files("scenarios", "*.yaml")}
    assert scenarios
    held = {name for name in built("wheel") if ".dist-info/" not in name}
    assert modules | scenarios <= held
    assert {name.split("/")[0] for name in held} == {"protocolsim"}


def test_the_source_distribution_can_be_tested(built):
    """A source distribution has the tests, the scenarios and the benchmarks beside the package."""
    expected = set().union(*(files(folder, "*.py") for folder in ("protocolsim", "tests", "benchmarks")))
    assert expected | files("scenarios", "*.yaml") | {
        ".ci/run",
        ".ci/versions",
        "mkdocs.yml",
        "README.md",
        "CONTRIBUTING.md",
    } <= built("sdist")


def test_an_editable_install_copies_nothing(built):
    """An editable install points to the checkout: no second copy of a scenario that no edit would reach."""
    assert [name for name in built("editable") if ".dist-info/" not in name] == ["_protocolsim.pth"]
