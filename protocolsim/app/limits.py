"""What one visitor may ask of the machine."""

from __future__ import annotations

from protocolsim.errors import UsageError
from protocolsim.scenario.scenario import Scenario

MOST_LETTERS = 100_000
"""Of a scenario's text; the shipped ones have some 12,000."""

MOST_SUBJECTS = 50_000
"""Enrolled in all replicates of one answer."""

MOST_SETTINGS = 200
MOST_MESSAGE = 512 * 1024
"""Bytes of one message from a browser: room for a scenario's text and what is set."""

SECONDS = 120.0
"""That one answer may take."""

WORKER_MEMORY = 4 * 1024**3
"""Bytes that a worker process may write to; compiling all kernels on a new machine takes more than 2 GB."""

KEPT_ANSWERS = 256 * 1024**2
"""Bytes of answers that are kept for whoever asks the same again."""

MOST_WAITING = 64
"""Answers that may wait for a worker, of all visitors together."""

MOST_VISITORS = 100

SHOWN_REPLICATES = 200
"""Replicates of which single patients can be looked at."""


def bounded(scenario: Scenario, replicates: int) -> int:
    """The number of replicates, if they are not too many for this page. Raises UsageError."""
    size = scenario.trial.cohort.size
    if size * replicates > MOST_SUBJECTS:
        raise UsageError(
            f"{replicates:,} replicates of {size:,} subjects are {size * replicates:,}, more than the "
            f"{MOST_SUBJECTS:,} that this page simulates at once; ask for fewer, or use the command line"
        )
    return replicates


def looked_at(scenario: Scenario, replicates: int) -> int:
    """Of so many replicates the number whose patients can be looked at one by one."""
    return max(1, min(replicates, SHOWN_REPLICATES, MOST_SUBJECTS // (2 * scenario.trial.cohort.size)))
