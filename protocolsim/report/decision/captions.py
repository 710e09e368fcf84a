"""What stands under the figures over a threshold, written for whatever threshold they mark."""

from __future__ import annotations

import math
from collections.abc import Mapping

from protocolsim.report.decision.series import Drawn
from protocolsim.report.protocol import text
from protocolsim.report.style import numbers
from protocolsim.scenario.build.values.spoken import at_head
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.branch_curve import decided_by, tried_after_assessments
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.estimation.estimate import Estimate

SHARES = ("share_sent", "sensitivity", "specificity")
FOLLOWING = ("expected_count", "expected_stop", "expected_dose")
_CAPTIONED = (*SHARES, *FOLLOWING)


class MarkedThreshold:
    """One threshold of a curve, and what the captions say of it; without a number it is the scenario's own."""

    def __init__(self, drawn: Drawn, threshold: float | None = None, at: Mapping[str, Estimate] | None = None) -> None:
        """`at`: the estimates at it, where they are at hand."""
        self.drawn = drawn
        self.own = drawn.curve.own
        self.threshold = self.own if threshold is None else threshold
        self.said = drawn.said(self.threshold)
        self.at: Mapping[str, Estimate] = drawn.curve.at(self.threshold, _CAPTIONED) if at is None else at

    @property
    def named(self) -> str:
        """'the scenario's own threshold, 75 %', or 'the threshold set here, 50 % (the scenario's own is 75 %)'."""
        if self.threshold == self.own:
            return f"the scenario's own threshold, {self.said}"
        return f"the threshold set here, {self.said} (the scenario's own is {self.drawn.said(self.own)})"

    def listed(self, names: tuple[str, ...]) -> str:
        """Estimates at it, in words; without those of no subject, such as true responders where no drug works."""
        known = [self.at[n] for n in names if n in self.at and not math.isnan(self.at[n].value)]
        return "; ".join(f"{one.label} {numbers.simulated(one).strip()}" for one in known)

    @property
    def operating_point(self) -> str:
        """How many true responders pass at it, and how many others."""
        right, wrong = self.at["sensitivity"].value, 1.0 - self.at["specificity"].value
        where = "the scenario's own " if self.threshold == self.own else ""
        passing, others = numbers.percent(right), numbers.percent(wrong)
        return f"at {where}{self.said}, {passing} of true responders pass and {others} of the others"


def of_curves(marked: MarkedThreshold, compare: ThresholdCurve | None) -> str:
    """Under the shares."""
    said = "" if compare is None else f" Dashed: the share that passes in '{compare.scenario.title}'."
    return (
        f"{_reach(marked.drawn)} Lines are steps, as only values that occur can be told apart; bands are two Monte "
        f"Carlo standard errors wide on either side. The vertical line is {marked.named}. At it: "
        f"{marked.listed(SHARES)}.{said} Dots are the values at the end of the range. Look at how much of the range "
        "changes little, and where a line jumps."
    )


def of_measures(marked: MarkedThreshold, compare: ThresholdCurve | None) -> str:
    """Under all measures of the rule."""
    said = "" if compare is None else f" Dashed: '{compare.scenario.title}'."
    return (
        f"{_reach(marked.drawn)} Lines are steps, bands two Monte Carlo standard errors wide on either side; below are "
        f"means over those who reach the decision, from there to the horizon. The vertical line is {marked.named}. At "
        f"it: {marked.listed((*SHARES, *FOLLOWING))}.{said} Look at where a line jumps, and at what a lower count is "
        "bought with."
    )


def of_roc(marked: MarkedThreshold) -> str:
    """Under the ROC curve."""
    return (
        f"Each dot is a threshold, some of them labelled; the diamond is {marked.named}. A rule on the dotted "
        "diagonal knows nothing, a perfect one lies in the upper left corner. Where dots are far apart no threshold "
        f"lies between, and the line only joins neighbours. Here, {marked.operating_point}."
    )


def of_what_follows(marked: MarkedThreshold, compare: ThresholdCurve | None) -> str:
    """Under what follows the decision."""
    same = (
        " The probability of stopping is the same at every threshold and is not drawn."
        if marked.drawn.constant("expected_stop")
        else ""
    )
    dashes = "" if compare is None else f" Dashed: '{compare.scenario.title}'."
    return (
        "Means over those who reach the decision, from there to the horizon; bands are two Monte Carlo standard errors "
        f"on either side, the vertical line is {marked.named}. At it: {marked.listed(FOLLOWING)}.{same}{dashes} "
        "Look at what a lower count is bought with."
    )


def of_loss(marked: MarkedThreshold, best: str, remarks: str) -> str:
    """Under the loss; `best` says where it is smallest."""
    return (
        "The loss is the expected count, plus the price of a stop times its probability, plus the price of a unit of "
        "dose times the dose, over the horizon. Prices are not facts: look at all the lines. Triangles mark the "
        f"smallest loss of each, the dashed line {marked.named}; {best}. {remarks}"
    ).strip()


def of_definitions(marked: MarkedThreshold, estimates: str) -> str:
    """Under the definitions of the measure; `estimates` are the shares that pass by each."""
    return (
        "The same patients and scans, judged by each definition of the measure; only the decision differs. The dashed "
        f"line is {marked.named}. At it: {estimates}. Look at how far apart the lines are at one threshold, and "
        "whether one of them is higher in both panels on the right."
    )


def without_curve(scenario: Scenario) -> str:
    """Why the numbers of rules that are tried after assessments have no curve, in a sentence; "" where all have one."""
    curved = decided_by(scenario)
    found = {name: triggers for name, triggers in tried_after_assessments(scenario).items() if name not in curved}
    if not found:
        return ""
    named = text.listed([scenario.spoken.number(name) for name in found])
    triggers = dict.fromkeys(scenario.spoken.trigger(t) for ts in found.values() for t in ts)
    have, rules = ("has", "its rule is") if len(found) == 1 else ("have", "their rules are")
    return (
        f"{at_head(named)} {have} no curve: {rules} tried {text.listed(list(triggers), 'or')}, so that at another "
        "value patients would go on at other visits, and what would be read after these stands in no record; "
        "'protocolsim sweep' simulates it."
    )


def _reach(drawn: Drawn) -> str:
    number = numbers.count(len(drawn.curve.measured), "subject")
    return f"All {number} of {numbers.count(drawn.curve.replicates, 'simulated trial')} who reached the decision."
