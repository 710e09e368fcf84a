"""Interferon beta: what is gained when it starts, what is lost when it stops, and what antibodies take away.

Patients arrive on it, so that the disease's rates are rates on it and it writes what is lost once it stops; or they
arrive without it, so that the rates are untreated rates and it writes what is gained once it starts. Either way one
patient has one factor between the two rates. Who starts it may become neutralised while taking it, and then it
is as if it had been stopped; whoever arrives on it has that behind them.

Marks: F found in text, D derived from found numbers, A assumption.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from protocolsim.arithmetic import exp, log
from protocolsim.by_name.model import ByName, alike
from protocolsim.component import Parameter, Trait
from protocolsim.drug.base import Drug

_FRANK = "Frank 2004, 30 NIH patients: falls of 76.5, 60.1 and 54.7 % in years 1, 2 and 3"
_SIX_MONTHS = "34 patients (JNNP 1996): falls of 49 and 64 % in six months"

PARAMETERS = (
    Parameter("loss_factor", 1.3, "", 1.0, 2.0, "A", "",
              "of patients who arrive on interferon beta: median factor by which the rate of new lesions rises without"
              " it; responders would lose 2 to 4, but these patients failed it", least=0.001),
    Parameter("loss_log_sd", 0.3, "", 0.0, 0.6, "A", "",
              "spread of that factor between patients (SD of its logarithm)"),
    Parameter("offset_time", 8.0, "weeks", 4.0, 40.0, "A",
              "conflicting: 6 to 10 months in two NIH patients (Richert 2000), prompt return of relapses"
              " (J Neurol Sci 2011;303:50)",
              "time constant with which the effect leaves after stopping, or once antibodies neutralise it"),
    Parameter("onset_time", 1.0, "weeks", 0.1, 4.0, "A", "immediate on weekly MRI (Neurology 1997;48:1446, n=8)",
              "time constant with which the effect comes after starting or restarting"),
    Parameter("response_rate_ratio", 0.22, "", 0.1, 0.4, "D",
              f"{_FRANK}; {_SIX_MONTHS}: a mean ratio of 0.3 stands between the first year of the one and the other",
              "of patients who start interferon beta: median ratio of the rate of new lesions on it, before any"
              " antibodies, to that without it", least=0.001, scale="log"),
    Parameter("response_log_sd", 0.8, "", 0.4, 1.1, "A",
              "that of daclizumab; not identified, since the neutralised alone bring most of what DECIDE shows",
              "spread of that ratio between patients (SD of its logarithm)"),
    Parameter("neutralised_share", 40.0, "%", 15.0, 60.0, "D",
              f"{_FRANK}: what is left in years 2 and 3. Antibodies were not counted: whatever wanes is called so",
              "of patients who start it: share who become neutralised if they stay on it long enough", most=100),
    Parameter("neutralisation_time", 52.0, "weeks", 26.0, 104.0, "D",
              f"{_FRANK}: the effect wanes 3 times as much between years 1 and 2 as between 2 and 3",
              "of those: mean time on treatment until they are; it is exponential"),
)  # fmt: skip


def _derived(p: Any) -> Mapping[str, float]:
    """What the kernels read besides: the law of the log of the loss, and 1 where patients arrive without it."""
    arrives = p.taken_on_arrival
    if arrives not in (0.0, 1.0):
        raise ValueError(f"patients arrive on it (1) or without it (0), not {arrives:g}")
    of_arrivals, of_starters = (log(p.loss_factor), p.loss_log_sd), (-log(p.response_rate_ratio), p.response_log_sd)
    median, sd = of_arrivals if arrives else of_starters
    return {"log_loss_median": median, "log_loss_sd": sd, "starting": 1.0 - arrives}


MODEL = ByName(
    stream=2100,
    parameters=PARAMETERS,
    fields=(
        "level",
        "withdrawal",  # 0 while it works in full, 1 when all of it is gone
        "log_loss",  # log of the new-lesion rate without it over the rate on it
        "loss_factor",  # the same as a factor
        "log_rate_change",  # what is written: the loss so far, or the gain
        "exposure",  # minutes on treatment so far
        "neutralised_after",  # minutes on treatment until antibodies neutralise it; infinite: never
        "neutralised",  # 1 of who will be, if treatment lasts, else 0
    ),
    draws={"loss": 0, "neutralised": 1, "neutralisation": 2},
    given={"taken_on_arrival": 1.0},
    derived=_derived,
)


@MODEL.start
def start(me: Any, p: Any, draw: Any) -> None:
    """Draw what this patient loses without it; who arrives on it has the effect in full, who does not has none yet."""
    me.log_loss = p.log_loss_median + p.log_loss_sd * draw.normal("loss")
    me.loss_factor = exp(me.log_loss)
    me.level = me.log_rate_change = me.exposure = me.neutralised = 0.0
    me.withdrawal = p.starting
    me.neutralised_after = np.inf
    if p.starting > 0.0 and draw.uniform("neutralised") < p.neutralised_share:
        me.neutralised = 1.0
        me.neutralised_after = draw.exponential("neutralisation") * p.neutralisation_time


@MODEL.advance
def advance(me: Any, p: Any, since: int, until: int) -> None:
    """Let the effect come (on) and leave (off, or neutralised), exponentially, so that no split of time matters."""
    passed = until - since
    working = 0.0
    if me.level > 0.0:
        working = min(1.0 * passed, max(0.0, me.neutralised_after - me.exposure))
        me.exposure += passed
        if me.withdrawal != 0.0:
            with alike(working):
                kept = exp(-working / p.onset_time)
            me.withdrawal *= kept
    lost = passed - working
    if lost > 0.0 and me.withdrawal != 1.0:
        with alike(lost):
            left = exp(-lost / p.offset_time)
        me.withdrawal = 1.0 + (me.withdrawal - 1.0) * left
    me.log_rate_change = (me.withdrawal - p.starting) * me.log_loss


COMPONENT = MODEL.component(
    Drug,
    name="interferon_beta",
    meaning="interferon beta, taken on arrival or started; while it works the rate of new lesions is lower",
    description="""Interferon beta, on or off (level 1 or 0).

    Patients who arrive on it lose something when it stops; patients who start it gain something, until antibodies
    neutralise it in some of them.
    """,
    traits=(
        Trait(
            "interferon_loss_factor",
            MODEL.field.loss_factor,
            "",
            "rate of new lesions without interferon beta over that on it",
        ),
        Trait(
            "interferon_neutralised",
            MODEL.field.neutralised,
            "",
            "1: antibodies neutralise interferon beta if it is taken for long enough; else 0",
            least=0,
            most=1,
            whole=True,
        ),
    ),
    writes={"log_new_lesion_rate": MODEL.field.log_rate_change},
    start=start,
    advance=advance,
    on_arrival="taken_on_arrival",
)
