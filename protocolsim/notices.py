"""What a user should know while something else is being done: said to whoever listens, at first to nobody.

A face of the program listens (the command line, on standard error); who uses the package from Python is not disturbed.
"""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]

_listeners: list[Say] = []
_said: set[str] = set()


def listen(say: Say) -> None:
    """Hand what is said from now on to `say`, and to nobody else."""
    _listeners[:] = [say]
    _said.clear()


def heard() -> bool:
    """Whether anybody listens."""
    return bool(_listeners)


def tell(text: str, *, once: str = "") -> None:
    """Say something; where `once` names what it is about, only the first time."""
    if once and once in _said:
        return
    _said.add(once)
    for say in _listeners:
        say(text)
