"""What `--parameters` asks for: fixed, drawn from plausible ranges, or drawn from a posterior."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path

from protocolsim.errors import SimulationError, UsageError, nearest
from protocolsim.scenario.redrawn import redrawn
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.settable import SAMPLE
from protocolsim.study.parameters.draws import ParameterDraws
from protocolsim.study.parameters.uncertain import UncertainParameter, uncertain_in

FIXED, PLAUSIBLE = "fixed", "plausible"
ParametersLike = str | PathLike[str]
"""``"fixed"``, ``"plausible"``, or the path of a posterior that `calibrate` wrote."""


def draws_asked(scenario: Scenario, parameters: ParametersLike, seed: int | None) -> ParameterDraws | None:
    """The draws that are asked for; None where parameters are fixed.

    `seed` is the scenario's own where it is None. Raises UsageError, in one sentence, for what is neither word nor a
    posterior of this scenario.
    """
    asked = fspath(parameters)
    if asked == FIXED:
        return None
    seed = scenario.seed if seed is None else seed
    if asked == PLAUSIBLE:
        uncertain, _ = uncertain_in(scenario)
        _can_stand(uncertain, scenario)
        return ParameterDraws(uncertain, seed)
    path = Path(asked)
    close = nearest(asked, (FIXED, PLAUSIBLE))
    if not path.suffix and not os.path.lexists(path):
        meant = f"; did you mean '{close}'?" if close is not None else ""
        raise UsageError(f"--parameters {asked}: expected fixed, plausible, or a posterior of calibrate{meant}")
    from protocolsim.study.parameters.posterior_file import read_posterior

    uncertain, joint = read_posterior(path, scenario)
    return ParameterDraws(uncertain, seed, joint)


def _can_stand(uncertain: Sequence[UncertainParameter], scenario: Scenario) -> None:
    """Refuse what the file itself cannot hold over its plausible range, before anything is simulated.

    Each of the scenario's own stands alone here, at both ends and between; what draws bring together is seen later.
    """
    for parameter in uncertain:
        for uniform in () if parameter.model else (0.0, 1.0, SAMPLE):
            try:
                redrawn(scenario, {parameter.path: parameter.at(uniform)})
            except SimulationError as error:
                raise UsageError(f"--parameters {PLAUSIBLE}: {error}") from None
