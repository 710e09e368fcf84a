"""What one visitor may ask of the machine."""

from __future__ import annotations

from protocolsim.errors import UsageError
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_of_a_point

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

MOST_HELD = 700 * 1024**2
"""Bytes that a worker process goes on holding between two orders; what has to be made again then takes a second."""

KEPT_ANSWERS = 256 * 1024**2
"""Bytes of answers that are kept for whoever asks the same again."""

MOST_WAITING = 64
"""Answers that may wait for a worker, of all visitors together."""

MOST_VISITORS = 100
MOST_SESSIONS = 2 * MOST_VISITORS
"""WebSockets that are open at once. Between the two a visitor is told on the page that there are too many."""

MOST_CONNECTIONS = 800
"""Open at once, of all kinds: a browser opens up to six; a process may usually have a thousand."""

MOST_QUERY = 160 * 1024
"""Bytes of an address: room for a scenario's text, which is packed into it."""

MOST_HEADERS = 32 * 1024
"""Bytes of a request's headers; the cookies of everything else that runs on this machine are among them."""

MOST_LINE, MOST_LINES = 8000, 120
"""Bytes of one header with which a WebSocket begins, and how many headers: what the package websockets reads."""

MOST_FIELDS = 2 * MOST_SETTINGS + 20
"""Of an address."""

HEAD_SECONDS = 20.0
"""In which a request must have been said whole."""

INIT_SECONDS = 30.0
"""In which a WebSocket must have been opened by a page."""

STALLED_SECONDS = 30.0
"""For which a browser may take nothing of what is sent to it."""

IDLE_SECONDS = 4 * 3600.0
"""After which a page that says nothing is left; its address brings all of it back."""

MOST_UNSENT = 32 * 1024**2
"""Bytes that wait for one browser to take them; all figures of the page together are some 2 MB."""

MESSAGES_A_SECOND, MESSAGES_AT_ONCE = 100.0, 200
"""Of one page; faster ones wait. A slider that is dragged says 60 a second."""

MOST_INPUTS = 200
"""Values in one message."""

MOST_WORD = 200
"""Characters of a name or of a number as a page says it."""

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


def own_replicates(scenario: Scenario) -> int:
    """The scenario's usual number of replicates, or as many as this page simulates at once where that is less."""
    return max(1, min(replicates_of_a_point(scenario), MOST_SUBJECTS // scenario.trial.cohort.size))


def looked_at(scenario: Scenario, replicates: int) -> int:
    """Of so many replicates the number whose patients can be looked at one by one."""
    return most_looked_at(scenario.trial.cohort.size, replicates)


def most_looked_at(size: int, replicates: int) -> int:
    """The same of trials of this size."""
    return max(1, min(replicates, SHOWN_REPLICATES, MOST_SUBJECTS // (2 * size)))
