"""The golden verdicts of the validation suite: `python -m tests.support.golden_suite` renews them, in some minutes.

They stand where the documentation's page of the suite is made from (`protocolsim docs --pages docs`), so that page and
numbers cannot part. Who renews them says under "Numbers change" in the changelog which verdict moved, and why.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any

from protocolsim.report.suite.documentation import GOLDEN
from protocolsim.study.suite.suite import run_suite, suite_plan
from protocolsim.study.suite.totals import summary

RENEW = "python -m tests.support.golden_suite"
_DIGITS = 5


def rounded(value: Any) -> Any:
    """Plain values, numbers to five digits: what more there is would only make the file long."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value


def measured(replicates: int | None = None, workers: int | str = 1) -> dict[str, Any]:
    """What the suite gives now, with parameters drawn."""
    plan = suite_plan(replicates=replicates, parameters="plausible")
    found: dict[str, Any] = rounded(summary(run_suite(plan, workers=workers)))
    return found


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(measured(workers=2), indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{GOLDEN}: renewed\n")
