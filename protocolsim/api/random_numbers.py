"""The random numbers of a study, each of which can be looked up."""

from __future__ import annotations

from protocolsim.api.arguments import checked
from protocolsim.errors import UsageError
from protocolsim.randomness import MAX_REPLICATES, MAX_SEED
from protocolsim.randomness import uniform as _uniform

_MOST = {"seed": MAX_SEED, "replicate": MAX_REPLICATES - 1, **dict.fromkeys(("subject", "stream", "index"), 2**31 - 1)}


@checked
def uniform(seed: int, replicate: int, subject: int, stream: int, index: int) -> float:
    """Look up a random number: a pure function of what it is for, so that no other draw can change it.

    Parameters
    ----------
    seed : int
        The random seed of the study.
    replicate : int
        Of which trial, counted from 0.
    subject : int
        Of which subject, counted from 0 in the order of screening.
    stream : int
        The number of the purpose; each disease and drug has a block of 100 of its own.
    index : int
        The planned number of the use, such as which visit.

    Returns
    -------
    float
        Between 0 and 1, both excluded.

    Raises
    ------
    UsageError
        For numbers that are negative or too large.

    Examples
    --------
    >>> protocolsim.uniform(2009, 0, 3, 1000, 0) == protocolsim.uniform(2009, 0, 3, 1000, 0)
    True
    >>> protocolsim.uniform(2009, 0, 3, 1000, 0) == protocolsim.uniform(2009, 0, 4, 1000, 0)
    False
    """
    asked = {"seed": seed, "replicate": replicate, "subject": subject, "stream": stream, "index": index}
    for name, value in asked.items():
        if not 0 <= value <= _MOST[name]:
            raise UsageError(f"{name}: {value} is not between 0 and {_MOST[name]}")
    return float(_uniform(seed, replicate, subject, stream, index))
