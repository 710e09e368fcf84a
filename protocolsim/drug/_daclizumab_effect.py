"""What daclizumab does to new lesions at a concentration, and what is measured of it, by whatever route it came."""

from __future__ import annotations

from protocolsim.arithmetic import inlined, power
from protocolsim.component import Variable
from protocolsim.kinetics import saturation

LYMPHOCYTES = (
    "lymphocytes",
    "lymphocytes by flow cytometry",
    Variable("nk_cd56bright", "", "CD56bright NK cells, share of lymphocytes", least=0, label="CD56bright NK cells"),
    Variable("cd8", "", "CD8 T cells, share of the patient's own baseline", least=0, label="CD8 T cells"),
)
"""The assessment of lymphocytes, which both routes declare."""


@inlined
def log_ratio_goal(
    full: float, half: float, steepness: float, on_drug: float, concentration: float, own_effect: float
) -> float:
    """Where the log rate ratio tends at this concentration (mg/L): Hill's curve, and the patient's own deviation."""
    # Hill's curve is plain saturation of a bent concentration, which at a steepness of 1 is the concentration itself.
    bent = concentration if steepness == 1.0 else half * power(concentration / half, steepness)
    common: float = full * saturation(bent, half)
    return common + own_effect * min(1.0, concentration / on_drug)
