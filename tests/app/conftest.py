"""The browser, the served page and its visitors, which the tests of the page share; a file may have its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import protocolsim
from tests.support.browser import REPLICATES, Served, Visit, browser, served


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    """A browser."""
    with browser() as found:
        yield found


@pytest.fixture(scope="session")
def address() -> Iterator[Served]:
    """The page of the trial of 2009: one for all files, as it is for all who visit it."""
    # Compiled here once and kept on disk, where the page's own workers find it.
    protocolsim.thresholds(protocolsim.load("ms_daclizumab"), replicates=1)
    with served("ms_daclizumab") as found:
        yield found


@pytest.fixture
def visit(running: Any, address: Served) -> Iterator[Callable[[str], Visit]]:
    """Opens pages; whatever they did, nothing may have gone to the console as an error, nor off the machine."""
    opened: list[Visit] = []

    def open_(path: str = "") -> Visit:
        opened.append(Visit(running, address, path))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def visit_trial(visit: Callable[[str], Visit]) -> Callable[..., Visit]:
    """Opens pages of a trial of `REPLICATES`."""
    return lambda path="", scenario="ms_daclizumab": visit(f"?scenario={scenario}&replicates={REPLICATES}&{path}")
