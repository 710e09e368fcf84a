"""The names that rules and formulas of `interim:` may use, and rules over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocolsim.interim.design import BUILT_IN
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import Node, names_in
from protocolsim.protocol.states import Rule
from protocolsim.records import HIDDEN
from protocolsim.scenario.build.interim.around import Around
from protocolsim.scenario.file.parts import Scalar
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import NONE, Dimension

_TRUTH = "truth"


class TrialNames:
    """What an expression of `interim:` may name: the scenario's parameters, and numbers of the trial at a look.

    `slots` are the places of the latter in what a design evaluates its rules on (`Design.slots`).
    """

    def __init__(
        self, around: Around, numbers: Sequence[str], boundaries: Sequence[str], slots: Mapping[str, int]
    ) -> None:
        """`numbers` and `boundaries` are declared in the file, sound or not."""
        self.around, self.q, self.slots = around, around.q, slots
        self.dimensions: dict[str, Dimension] = dict(self.q.parameters.dimensions)
        self.dimensions |= dict.fromkeys((*numbers, *boundaries, *BUILT_IN), NONE)

    def rule(self, address: Address, text: Scalar, *, wants_truth: bool) -> Rule | None:
        """A compiled rule or formula; None, with a fault noted, where it cannot be one."""
        read = self.q.comparison_or_number(
            address, text, self.dimensions, wants_truth=wants_truth, all_known=self._all_known
        )
        if read is None:
            return None
        node, dimension = read
        if not wants_truth and dimension != NONE:
            self.q.faults.append(address, f"expected a number without a unit, found '{text}'")
            return None
        if any(name not in self.slots and name not in self.q.parameters.values for name in names_in(node)):
            return None  # what it names is at fault
        return Rule(str(text), compiled(node, self.q.parameters.values, self.slots))

    def _all_known(self, address: Address, node: Node) -> bool:
        """Whether all names are known; faults for others, which say what a name is that means something elsewhere."""
        unknown = [name for name in names_in(node) if name not in self.dimensions]
        with self.q.faults.watch() as here:
            for name in unknown:
                why = self._elsewhere(name)
                if why is not None:
                    self.q.faults.append(address, why)
        others = [name for name in names_in(node) if name in self.dimensions or self._elsewhere(name) is None]
        return self.q.names.all_known(address, others, self.dimensions) and here.ok

    def _elsewhere(self, name: str) -> str | None:
        """What this name means in the rest of the file, and why a look cannot read it; None where it means nothing."""
        if name == _TRUTH or name.startswith(HIDDEN) or name in self.around.hidden:
            return f"'{name}' is hidden from everybody in the trial; a look reads what is known at its cut-off"
        declared = self.q.names.declared
        if name in declared("analysis"):
            return f"'{name}' is an analysis; declare a statistic of it, such as {{z of: {name}}}, and name that"
        if name in declared("endpoints"):
            return f"'{name}' is an endpoint; declare a statistic of it, such as {{value of: {name}}}, and name that"
        if name in declared("populations"):
            return f"'{name}' is a population; declare a statistic of it, such as {{number of: {name}}}, and name that"
        if name in self.around.reader.rules.dimensions:
            return f"'{name}' is a number of each subject; a rule about the trial reads its statistics"
        return None
