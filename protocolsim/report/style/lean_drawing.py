"""What the library that draws would import and does not need, in processes that are ours alone."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

_GRAMMAR = "rfc3987_syntax"


def without_address_grammar() -> None:
    """Let Altair start without a grammar of web addresses, which no figure has; it takes longer than to draw a report.

    Altair checks charts by jsonschema, which builds that grammar where JupyterLab has brought it, and does without it
    where it is missing. Only for a process that is one command or one worker: others may want it.
    """
    sys.modules.setdefault(_GRAMMAR, cast(ModuleType, None))
