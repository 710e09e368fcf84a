"""Compiles the kernels while the package is built, so that the first command after an installation from source starts.

pip calls it (`pyproject.toml`). What is compiled fits this machine, this Python and the versions of NumPy and Numba
that pip builds with; a command that finds others compiles for itself. So it does where compiling failed here, or was
left out with HATCH_BUILD_NO_HOOKS=true, as for a wheel that is to run anywhere.
"""

from __future__ import annotations

import atexit
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
COMPILE = "import sys; sys.path.insert(0, {!r}); from protocolsim.kernels.compiling import compile_all; compile_all()"


class CompiledKernels(BuildHookInterface):  # type: ignore[type-arg]  # of whichever builder
    """Adds the machine code of this machine to a wheel; to the checkout itself if that is installed as editable."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say which files of it belong to the package; without any it is installed all the same."""
        try:
            compiled = self.compiled()
            if version == "editable":
                self.leave(compiled)
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.display_warning(f"kernels could not be compiled, so that the first command will: {error}")
            return
        if version != "editable":
            build_data["force_include"].update({str(path): f"{BUILT}/{path.name}" for path in compiled})
            build_data.update(pure_python=False, infer_tag=True)

    def compiled(self) -> list[Path]:
        """The compiled kernels, in a folder that goes when the builder ends."""
        folder = tempfile.mkdtemp(prefix="protocolsim-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        environment = os.environ | {"NUMBA_CACHE_DIR": folder, "PROTOCOLSIM_BUILT_KERNELS": "0"}
        subprocess.run([sys.executable, "-c", COMPILE.format(self.root)], env=environment, check=True)  # noqa: S603
        return sorted(Path(folder).rglob("*.nbc"))

    def leave(self, compiled: list[Path]) -> None:
        """Put them into the checkout, in place of those of an earlier text."""
        place = Path(self.root, BUILT)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for path in compiled:
            shutil.copyfile(path, place / path.name)
