"""A disease: what happens to a subject whether or not anybody looks, and what looking shows."""

from __future__ import annotations

from dataclasses import dataclass

from protocolsim.component import Component


@dataclass(frozen=True, kw_only=True, eq=False)
class Disease(Component):
    """A disease model, and the people who have it.

    A disease provides the subjects' traits that drugs may need (`weight`, kg), reads the signals
    that drugs write (such as `log_new_lesion_rate`, summed over drugs), and offers assessments.
    """
