"""Shell quoting of the commands that messages suggest."""

from __future__ import annotations

import shlex

from protocolsim.text.terminal import visible


def command(*words: object) -> str:
    """`protocolsim` with these words, as a shell reads them."""
    return " ".join(["protocolsim", *(_quoted(str(word)) for word in words)])


def install(extra: str) -> str:
    """How to get the packages that only some need."""
    return f"python -m pip install {_quoted(f'protocolsim[{extra}]')}"


def _quoted(word: str) -> str:
    if word.isprintable() and visible(word) == word:
        return shlex.quote(word)
    # Bash, zsh and ksh read escapes in $'...'; within other quotes these signs would reach the terminal as they are.
    plain = visible(word.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t"))
    return f"$'{plain}'"
