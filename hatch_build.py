"""Compiles the kernels while the package is built, so that the first command after an installation from source starts.

pip calls it (`pyproject.toml`). What is compiled fits this machine, this Python and the versions of NumPy and Numba
that pip builds with; a command that finds others compiles for itself. So it does where compiling failed here, or was
left out with HATCH_BUILD_NO_HOOKS=true, as for a wheel that is to run anywhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = "protocolsim/kernels/built"
"""Where `protocolsim/kernels/machine_code.py` looks."""
COMPILE = "from protocolsim.kernels.compiling import compile_all; compile_all()"


class CompiledKernels(BuildHookInterface):  # type: ignore[type-arg]  # of whichever builder
    """Adds the machine code of this machine to a wheel; to the checkout itself if that is installed as editable."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into a folder of its own, and say which files of it belong to the package."""
        self.folder = Path(tempfile.mkdtemp(prefix="protocolsim-"))
        compiled = self.compiled()
        if version == "editable":
            place = Path(self.root, BUILT)
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            for path in compiled:
                shutil.copyfile(path, place / path.name)
        elif compiled:
            build_data["force_include"].update({str(path): f"{BUILT}/{path.name}" for path in compiled})
            build_data.update(pure_python=False, infer_tag=True)

    def compiled(self) -> list[Path]:
        """The compiled kernels; none where they cannot be compiled, which the first command then does."""
        environment = os.environ | {"NUMBA_CACHE_DIR": str(self.folder), "PROTOCOLSIM_BUILT_KERNELS": "0"}
        environment["PYTHONPATH"] = os.pathsep.join([self.root, *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run([sys.executable, "-c", COMPILE], env=environment, cwd=self.root, check=False)  # noqa: S603
        if done.returncode:
            self.app.display_warning("the kernels could not be compiled; the first command will compile them")
            return []
        return sorted(self.folder.rglob("*.nbc"))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Leave nothing behind."""
        shutil.rmtree(self.folder, ignore_errors=True)
