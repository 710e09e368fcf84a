"""Interferon beta: silent while taken on arrival, lost slowly, back quickly; a gain to who starts it, that wanes."""

from __future__ import annotations

import numpy as np
import pytest

from protocolsim.drug.interferon_beta import COMPONENT as INTERFERON_BETA
from protocolsim.units import MINUTES_PER_WEEK
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


# Patients who start it ------------------------------------------------------------------------------------------------


def _started(count: int = 3, **values: float) -> Bodies:
    bodies = _bodies(count, taken_on_arrival=0.0, **values)
    bodies.field(NAME, "level")[:] = 1.0
    return bodies


def test_without_it_who_arrives_without_it_stays_as_it_is():
    """A patient who never starts it has the rates of the disease: it writes 0, whatever the weeks."""
    bodies = _bodies(5, taken_on_arrival=0.0)
    bodies.advance(30)
    assert (bodies.field(NAME, "log_rate_change") == 0.0).all()


def test_starting_follows_its_closed_form():
    """t weeks after starting the log rate has fallen by the patient's own response times 1 - exp(-t/1)."""
    bodies = _started(neutralised_share=0.0)
    response = -np.log(bodies.trait(NAME, "interferon_loss_factor"))
    for week in (0.5, 1, 3, 52):
        bodies.advance(week)
        assert bodies.field(NAME, "log_rate_change") == pytest.approx(response * (1 - np.exp(-week)), abs=1e-12)
    bodies.field(NAME, "level")[:] = 0.0
    bodies.advance(60)  # stopped after a year, it leaves as it does from those who arrived on it
    assert bodies.field(NAME, "log_rate_change") == pytest.approx(response * np.exp(-1.0), rel=1e-9)


def test_the_response_is_lognormal_between_patients():
    """The log of the rate ratio has mean ln 0.22 and SD 0.8, and nobody is neutralised where nobody ever is."""
    bodies = _started(40_000, neutralised_share=0.0)
    response = -np.log(bodies.trait(NAME, "interferon_loss_factor"))
    assert response.mean() == pytest.approx(np.log(0.22), abs=4 * 0.8 / 200)
    assert response.std() == pytest.approx(0.8, rel=0.015)
    assert (bodies.trait(NAME, "interferon_neutralised") == 0.0).all()


def test_neutralised_is_as_if_it_had_been_stopped():
    """From the minute on treatment at which antibodies neutralise it, the effect leaves with the offset time, for good.

    Where treatment pauses, the time off it does not count.
    """
    bodies = _started(200, neutralised_share=100.0)
    response = -np.log(bodies.trait(NAME, "interferon_loss_factor"))
    after = bodies.field(NAME, "neutralised_after") / MINUTES_PER_WEEK
    bodies.advance(40)
    passed = np.maximum(0.0, 40 - after)
    gained = (1 - np.exp(-np.minimum(after, 40.0))) * np.exp(-passed / 8)
    assert bodies.field(NAME, "log_rate_change") == pytest.approx(response * gained, abs=1e-9)
    bodies.field(NAME, "level")[:] = 0.0
    bodies.advance(240)
    bodies.field(NAME, "level")[:] = 1.0
    bodies.advance(241)
    effect = bodies.field(NAME, "log_rate_change") / response
    assert effect[after < 40] == pytest.approx(0.0, abs=1e-9)
    assert (effect[after > 41] > 0.6).all()


def test_who_is_neutralised_and_when():
    """Forty per cent are, if they stay on it, after an exponential time on treatment with a mean of 52 weeks."""
    bodies = _started(40_000)
    neutralised = bodies.trait(NAME, "interferon_neutralised") == 1.0
    after = bodies.field(NAME, "neutralised_after")
    assert neutralised.mean() == pytest.approx(0.4, abs=4 * np.sqrt(0.24 / 40_000))
    assert np.isinf(after[~neutralised]).all()
    weeks = after[neutralised] / MINUTES_PER_WEEK
    assert weeks.mean() == pytest.approx(52, rel=0.03)
    assert (weeks > 52).mean() == pytest.approx(np.exp(-1), abs=0.02)
    response = -np.log(bodies.trait(NAME, "interferon_loss_factor"))
    assert np.corrcoef(response, neutralised)[0, 1] == pytest.approx(0.0, abs=0.02)


def test_any_split_of_an_interval_gives_the_same_to_who_starts():
    """A year on it in one step or in 137 ends in the same place, whether antibodies come meanwhile or not."""
    one, many = _started(50, neutralised_share=60.0), _started(50, neutralised_share=60.0)
    one.advance(52)
    for step in range(1, 138):
        many.advance(52 * step / 137)
    assert many.body == pytest.approx(one.body, abs=1e-9)


def test_whoever_arrives_on_it_is_the_same_patient_as_before():
    """What starters draw besides leaves those who arrive on it as they were: nobody of them is neutralised."""
    bodies = _bodies(1000, neutralised_share=100.0, neutralisation_time=26.0, response_rate_ratio=0.1)
    assert (bodies.trait(NAME, "interferon_loss_factor") == _bodies(1000).trait(NAME, "interferon_loss_factor")).all()
    assert (bodies.trait(NAME, "interferon_neutralised") == 0.0).all()
    assert np.isinf(bodies.field(NAME, "neutralised_after")).all()


def test_one_either_arrives_on_it_or_not():
    """Half an arrival is none: refused in words."""
    with pytest.raises(ValueError, match="arrive on it"):
        _bodies(1, taken_on_arrival=0.5)
