"""`python -m protocolsim` is the command line, and so is the command `protocolsim`.

Almost nothing is imported before signals are looked after: what the commands import takes a while, and somebody may be
sorry meanwhile.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # Python's own `signal` is slow to import
import os
import sys


def main() -> None:
    """The command line as a whole process."""
    for number in (_signal.SIGINT, _signal.SIGTERM):
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _at_once)
    from protocolsim import interruption
    from protocolsim.kernels import dataclass_code

    dataclass_code.begin()
    try:
        with interruption.ending_in_order(to_the_end=True):
            from protocolsim.cli import as_a_process
            from protocolsim.cli import main as commands

            as_a_process()
            commands(prog_name="protocolsim")
    except KeyboardInterrupt as error:
        word, status = interruption.ending(error)
        try:
            _say(word)
        finally:
            sys.exit(status)


def _at_once(number: int, _: object) -> None:
    """Nothing has begun that would have to be ended in order."""
    try:
        _say("interrupted" if number == _signal.SIGINT else "terminated")
    finally:
        os._exit(128 + number)


def _say(word: str) -> None:
    # Not through `sys.stderr`: what that cannot write it would try again at the end, and change the exit status.
    os.write(2, f"{word}; nothing was written\n".encode())


if __name__ == "__main__":
    main()
