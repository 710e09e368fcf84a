"""Interferon beta: silent while taken, lost slowly, back quickly."""

from __future__ import annotations

import numpy as np
import pytest

from protocolsim.drug.interferon_beta import COMPONENT as INTERFERON_BETA
from tests.support.bodies import Bodies

NAME = "interferon_beta"


def _bodies(count: int = 3, **values: float) -> Bodies:
    return Bodies([INTERFERON_BETA], count, values={NAME: values})


def test_on_treatment_nothing_changes():
    """Everybody arrives on interferon, whose rates the disease's are: while it goes on it writes 0."""
    bodies = _bodies()
    bodies.field(NAME, "level")[:] = 1.0
    bodies.advance(40)
    assert (bodies.field(NAME, "log_rate_change") == 0.0).all()


def test_stopping_follows_its_closed_form():
    """t weeks after stopping the log rate has risen by g (1 - exp(-t/8))."""
    bodies = _bodies()
    g = np.log(bodies.trait(NAME, "interferon_loss_factor"))
    for week in (1, 2.5, 8, 40):
        bodies.advance(week)
        assert bodies.field(NAME, "log_rate_change") == pytest.approx(g * (1 - np.exp(-week / 8)), abs=1e-12)


def test_restarting_takes_the_loss_back():
    """After 10 weeks off, t weeks on leave the share exp(-t/1) of what was lost."""
    bodies = _bodies()
    bodies.advance(10)
    lost = bodies.field(NAME, "log_rate_change").copy()
    bodies.field(NAME, "level")[:] = 1.0
    bodies.advance(12)
    assert (np.abs(lost) > 0).all()
    assert bodies.field(NAME, "log_rate_change") == pytest.approx(lost * np.exp(-2.0), rel=1e-12)


def test_any_split_of_an_interval_gives_the_same():
    """Twenty weeks off in one step or in 137 steps end in the same place."""
    one, many = _bodies(), _bodies()
    one.advance(20)
    for step in range(1, 138):
        many.advance(20 * step / 137)
    assert many.body == pytest.approx(one.body, abs=1e-12)


def test_the_loss_is_lognormal_between_patients():
    """The log of the loss factor has mean ln 1.3 and SD 0.3."""
    g = np.log(_bodies(40_000).trait(NAME, "interferon_loss_factor"))
    assert g.mean() == pytest.approx(np.log(1.3), abs=4 * 0.3 / 200)
    assert g.std() == pytest.approx(0.3, rel=0.015)


def test_no_loss_means_no_drug():
    """With a loss factor of 1 and no spread, stopping changes nothing."""
    bodies = _bodies(loss_factor=1.0, loss_log_sd=0.0)
    bodies.advance(30)
    assert (bodies.field(NAME, "log_rate_change") == 0.0).all()
