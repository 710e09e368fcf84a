"""Settings of the whole suite."""

from __future__ import annotations

from hypothesis import settings

# No deadline: the first example of a test may compile a kernel. Derandomised: a run that fails, fails again.
settings.register_profile("protocolsim", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("protocolsim")
