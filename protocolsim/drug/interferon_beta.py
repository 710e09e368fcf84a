"""Interferon beta: what is lost when it stops.

Patients arrive on it, and the disease's rates are rates on it. So this drug is silent while it lasts, and writes
the loss once it is stopped.

Marks: F found in text, D derived from found numbers, A assumption.
"""

from __future__ import annotations

from typing import Any

from protocolsim.arithmetic import exp, log
from protocolsim.by_name.model import ByName, alike
from protocolsim.component import Parameter, Trait
from protocolsim.drug.base import Drug

PARAMETERS = (
    Parameter("loss_factor", 1.3, "", 1.0, 2.0, "A", "",
              "median factor by which the rate of new lesions rises without interferon beta; responders would lose"
              " 2 to 4, but these patients failed it", least=0.001),
    Parameter("loss_log_sd", 0.3, "", 0.0, 0.6, "A", "",
              "spread of that factor between patients (SD of its logarithm)"),
    Parameter("offset_time", 8.0, "weeks", 4.0, 40.0, "A",
              "conflicting: 6 to 10 months in two NIH patients (Richert 2000), prompt return of relapses"
              " (J Neurol Sci 2011;303:50)",
              "time constant with which the effect leaves after stopping"),
    Parameter("onset_time", 1.0, "weeks", 0.1, 4.0, "A", "immediate on weekly MRI (Neurology 1997;48:1446, n=8)",
              "time constant with which the effect returns after restarting"),
)  # fmt: skip


MODEL = ByName(
    stream=2100,
    parameters=PARAMETERS,
    fields=(
        "level",
        "withdrawal",  # 0 while it works in full, 1 when all of it is gone
        "log_loss",  # log of the new-lesion rate without it over the rate on it
        "loss_factor",  # the same as a factor
        "log_rate_change",  # what is written: the loss so far
    ),
    draws={"loss": 0},
    derived=lambda p: {"log_loss_median": log(p.loss_factor)},
)


@MODEL.start
def start(me: Any, p: Any, draw: Any) -> None:
    """Draw what this patient would lose; everybody arrives with the effect in full."""
    me.log_loss = p.log_loss_median + p.loss_log_sd * draw.normal("loss")
    me.loss_factor = exp(me.log_loss)
    me.level = me.withdrawal = me.log_rate_change = 0.0


@MODEL.advance
def advance(me: Any, p: Any, since: int, until: int) -> None:
    """Let the effect leave (off) or return (on), exponentially, so that no split of the interval matters."""
    goal, time = (0.0, p.onset_time) if me.level > 0.0 else (1.0, p.offset_time)
    if me.withdrawal == goal:
        return
    passed = until - since
    with alike(passed, time):
        left = exp(-passed / time)
    me.withdrawal = goal + (me.withdrawal - goal) * left
    me.log_rate_change = me.withdrawal * me.log_loss


COMPONENT = MODEL.component(
    Drug,
    name="interferon_beta",
    meaning="interferon beta, taken on arrival; stopping it raises the rate of new lesions",
    description="Interferon beta as background treatment, on or off (level 1 or 0).",
    traits=(
        Trait(
            "interferon_loss_factor",
            MODEL.field.loss_factor,
            "",
            "rate of new lesions without interferon beta over that on it",
        ),
    ),
    writes={"log_new_lesion_rate": MODEL.field.log_rate_change},
    start=start,
    advance=advance,
)
