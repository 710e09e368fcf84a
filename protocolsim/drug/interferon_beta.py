"""Interferon beta: what is lost when it stops.

Patients arrive on it, and the disease's rates are rates on it. So this drug is silent while it lasts, and writes
the loss once it is stopped.

Marks: F found in text, D derived from found numbers, A assumption.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from protocolsim.arithmetic import exp, kernel, log, unsigned
from protocolsim.component import Floats, Integers, Parameter, Trait, in_base_units
from protocolsim.drug.base import LEVEL, Drug
from protocolsim.randomness import keys_of_use, normals

STREAM = 2100
_DRAW_LOSS = STREAM

FIELDS = (
    "level",
    "withdrawal",  # 0 while it works in full, 1 when all of it is gone
    "log_loss",  # log of the new-lesion rate without it over the rate on it
    "loss_factor",  # the same as a factor
    "log_rate_change",  # what is written: the loss so far
)
_WITHDRAWAL, _LOG_LOSS, _LOSS, _WRITTEN = range(1, 5)
_LOG_MEDIAN, _LOG_SD, _ONSET, _OFFSET = range(4)

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


@kernel
def start(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Draw what this patient would lose; everybody arrives with the effect in full."""
    own = links[0]
    log_loss = normals(seed, keys_of_use(who, rows, 0), _DRAW_LOSS)
    loss = np.empty(rows.shape[0])
    for k in range(rows.shape[0]):
        log_loss[k] = constants[_LOG_MEDIAN] + constants[_LOG_SD] * log_loss[k]
        loss[k] = exp(log_loss[k])
    for k in range(rows.shape[0]):
        i = np.uint64(rows[k])
        body[i, own + LEVEL] = body[i, own + _WITHDRAWAL] = body[i, own + _WRITTEN] = 0.0
        body[i, own + _LOG_LOSS], body[i, own + _LOSS] = log_loss[k], loss[k]


@kernel
def advance(body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers) -> None:
    """Let the effect leave (off) or return (on), exponentially, so that no split of the interval matters."""
    own = links[0]
    left, last_time, last_passed = 1.0, 0.0, 0
    for i in unsigned(rows):
        goal, time = (0.0, constants[_ONSET]) if body[i, own + LEVEL] > 0.0 else (1.0, constants[_OFFSET])
        if body[i, own + _WITHDRAWAL] == goal:
            continue
        passed = until[i] - since[i]
        if passed != last_passed or time != last_time:  # mostly everybody's are the same
            left, last_time, last_passed = exp(-passed / time), time, passed
        withdrawal = goal + (body[i, own + _WITHDRAWAL] - goal) * left
        body[i, own + _WITHDRAWAL] = withdrawal
        body[i, own + _WRITTEN] = withdrawal * body[i, own + _LOG_LOSS]


def constants_of(values: Mapping[str, float]) -> Floats:
    """What the kernels read; times in minutes."""
    v = in_base_units(PARAMETERS, values)
    return np.array([log(v["loss_factor"]), v["loss_log_sd"], v["onset_time"], v["offset_time"]])


COMPONENT = Drug(
    name="interferon_beta",
    meaning="interferon beta, taken on arrival; stopping it raises the rate of new lesions",
    description="Interferon beta as background treatment, on or off (level 1 or 0).",
    stream=STREAM,
    parameters=PARAMETERS,
    fields=FIELDS,
    traits=(Trait("interferon_loss_factor", _LOSS, "", "rate of new lesions without interferon beta over that on it"),),
    writes={"log_new_lesion_rate": _WRITTEN},
    start=start,
    advance=advance,
    constants=constants_of,
)
