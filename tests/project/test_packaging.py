"""What is shipped: the wheel, the source distribution, and the editable install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling import build

from protocolsim.randomness import log_sd, normal_quantile

ROOT = Path(__file__).parents[2]


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Build one kind of distribution, and return the names of the files in it; what is compiled is tested below."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HATCH_BUILD_NO_HOOKS", "true")

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
        "hatch_build.py",
        "mkdocs.yml",
        "README.md",
        "CONTRIBUTING.md",
    } <= built("sdist")


def test_an_editable_install_copies_nothing(built):
    """An editable install points to the checkout: no second copy of a scenario that no edit would reach."""
    assert [name for name in built("editable") if ".dist-info/" not in name] == ["_protocolsim.pth"]


FEW = ["protocolsim.randomness log_sd", "protocolsim.randomness normal_quantile"]
ASK = """
import protocolsim
from protocolsim.randomness import log_sd, normal_quantile
print(protocolsim.__file__)
print(log_sd(0.5), normal_quantile(0.3))
print(sum(log_sd.stats.cache_hits.values()), sum(normal_quantile.stats.cache_hits.values()))
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with few kernels, to build in."""
    folder = tmp_path / "checkout"
    for part in ("protocolsim", "scenarios"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "built"))
    for name in (".gitignore", "LICENSE", "README.md", "hatch_build.py", "pyproject.toml"):
        shutil.copyfile(ROOT / name, folder / name)
    listed = folder / "protocolsim/kernels/kernels.txt"
    lines = [
        line for line in listed.read_text().splitlines() if line.startswith("#") or any(few in line for few in FEW)
    ]
    listed.write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(folder)
    return folder


def asked(place, tmp_path, **environment):
    """What two kernels of an installed package answer, and whether each was found compiled."""
    said = {**os.environ, "PYTHONPATH": str(place), "NUMBA_CACHE_DIR": str(tmp_path / "kept"), **environment}
    done = subprocess.run(
        [sys.executable, "-P", "-c", ASK], env=said, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    file, numbers, found = done.stdout.splitlines()
    assert Path(file).is_relative_to(place)
    assert numbers == f"{log_sd(0.5)} {normal_quantile(0.3)}"
    return found


def test_what_is_installed_from_source_has_its_kernels(checkout, tmp_path):
    """A wheel that is built here has the machine code of its kernels, wherever it is installed; its name says so.

    Whoever does not want it has the same numbers by compiling.
    """
    wheel = build.build_wheel(str(tmp_path))
    assert not wheel.endswith("-none-any.whl")
    with zipfile.ZipFile(tmp_path / wheel) as archive:
        compiled = [name for name in archive.namelist() if name.endswith(".nbc")]
        archive.extractall(tmp_path / "elsewhere")  # noqa: S202 - ours
    assert {Path(name).parent.as_posix() for name in compiled} == {"protocolsim/kernels/built"}
    assert not list(checkout.rglob("*.nbc"))
    assert asked(tmp_path / "elsewhere", tmp_path) == "1 1"
    assert not list((tmp_path / "kept").rglob("*.nbc"))
    assert asked(tmp_path / "elsewhere", tmp_path, PROTOCOLSIM_BUILT_KERNELS="0") == "0 0"


def test_an_editable_checkout_has_its_kernels(checkout, tmp_path):
    """They stand in the checkout, as its modules do; those of an earlier text go, and an edit compiles anew."""
    built = checkout / "protocolsim/kernels/built"
    built.mkdir()
    (built / "earlier.nbc").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / build.build_editable(str(tmp_path))) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".nbc")]
    assert list(built.glob("randomness.log_sd.*.nbc"))
    assert not (built / "earlier.nbc").exists()
    assert asked(checkout, tmp_path) == "1 1"
    text = (checkout / "protocolsim/randomness.py").read_text()
    (checkout / "protocolsim/randomness.py").write_text(text.replace("log(1.0 + cv * cv)", "log(cv * cv + 1.0)"))
    assert asked(checkout, tmp_path) == "0 1"


def test_a_package_without_kernels_is_installed_all_the_same(checkout, tmp_path, capfd):
    """Where nothing can be compiled, or it is not wanted, the wheel is of Python alone and runs anywhere."""
    with (checkout / "protocolsim/kernels/kernels.txt").open("a") as listed:
        listed.write("load protocolsim.nowhere kernel (float64,)\n")
    wheel = build.build_wheel(str(tmp_path))
    assert wheel.endswith("-none-any.whl")
    assert "so that the first command will" in "".join(capfd.readouterr())
