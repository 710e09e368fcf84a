"""What enumeration of a design gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats


@dataclass(frozen=True)
class Operating:
    """Exact operating characteristics: probabilities to end at each look, [K], and expected numbers.

    `efficacy` and `futility`: ended with and without a rejection; the last look ends every trial. `n` [K]: subjects of
    all arms together at each look.
    """

    efficacy: Floats
    futility: Floats
    n: Floats

    @property
    def stopped(self) -> Floats:
        """P(the trial ends at this look), [K]."""
        return self.efficacy + self.futility

    @property
    def reject(self) -> float:
        """P(the trial rejects): type I error under the null hypothesis, power under an alternative."""
        return float(np.sum(self.efficacy))

    @property
    def expected_n(self) -> float:
        """Expected number of subjects."""
        return float(np.sum(self.stopped * self.n))

    @property
    def early(self) -> float:
        """P(the trial ends before its last look), PET."""
        return float(np.sum(self.stopped[:-1]))
