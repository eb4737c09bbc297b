"""Which machines of a cluster take part: numbers of different ones do not meet in one run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from editproof.harness.records.errors import UsageError
from editproof.harness.records.wording import count_noun
from editproof.harness.suites.cases import Environment


@dataclass(frozen=True, slots=True)
class Machine:
    """A node, as it said of itself."""

    node: str
    """Ray's name of the node."""
    names: tuple[str, ...]
    """What people call it: address, host name."""
    environment: Environment


class Machines:
    """Chooses the machines that do the work: all alike."""

    def __init__(self, pin: str, code: str) -> None:
        """`pin`: a device, or a node's name; empty: all must be alike. `code`: ours."""
        self._pin, self._code = pin, code
        self._known: dict[str, Machine] = {}
        self.chosen: Environment | None = None
        """That of all machines that take part; None: it is not known yet."""

    @property
    def nodes(self) -> Collection[str]:
        """The nodes that have said what they are."""
        return self._known.keys()

    def note(self, machine: Machine) -> None:
        """Take down what a node says of itself."""
        self._known[machine.node] = machine

    def find(self, node: str) -> Machine:
        """What a node said."""
        return self._known[node]

    def choose(self, *, all_have_spoken: bool) -> None:
        """Choose, where it can be done now. Raises UsageError where only the user can."""
        ours = [one for one in self._known.values() if one.environment.code == self._code]
        named = [one for one in ours if self._pin in one.names]
        if named:
            self.chosen = named[0].environment
        elif all_have_spoken and self._known:
            self.chosen = self._choose_only(ours)

    def _choose_only(self, ours: list[Machine]) -> Environment:
        """That of all machines with the pinned device. Raises UsageError where they differ, or
        there is none.
        """
        if not ours:
            raise UsageError(
                "no node of the cluster runs this editproof with this Python. Install on all of"
                " them what is installed here"
            )
        kinds = _group([one for one in ours if self._pin in {"", _find_device(one)}])
        if not kinds:
            raise UsageError(
                f"no machine of the cluster is {self._pin!r}: there are {_list_kinds(_group(ours))}"
            )
        if len(kinds) > 1:
            raise UsageError(
                f"the cluster has {len(kinds)} kinds of machines: {_list_kinds(kinds)}. Their"
                " numbers are not compared. Choose one with --pin DEVICE, or with --pin NODE for"
                " machines like that node"
            )
        return kinds[0][0].environment

    def explain_misfit(self, machine: Machine) -> str:
        """Why a machine takes no part; empty: it does."""
        if machine.environment == self.chosen:
            return ""
        if machine.environment.code != self._code:
            return "it runs another editproof or Python"
        return f"it is another kind of machine: {_describe(machine, self.chosen)}"


def _find_device(machine: Machine) -> str:
    return machine.environment.machine["device"]


def _group(machines: Collection[Machine]) -> list[list[Machine]]:
    """Machines that are alike, together; the largest group first."""
    kinds: list[list[Machine]] = []
    for one in machines:
        alike = next((kind for kind in kinds if kind[0].environment == one.environment), None)
        if alike is None:
            kinds.append([one])
        else:
            alike.append(one)
    return sorted(kinds, key=len, reverse=True)


def _list_kinds(kinds: list[list[Machine]]) -> str:
    first = kinds[0][0].environment
    return "; ".join(
        f"{_describe(kind[0], first)} ({count_noun(len(kind), 'node')}, {kind[0].names[0]})"
        for kind in kinds
    )


def _describe(machine: Machine, other: Environment | None) -> str:
    """Its device, and what else differs from the other."""
    parts = [_find_device(machine)]
    if other:
        own = {**machine.environment.machine, **machine.environment.versions}
        theirs = {**other.machine, **other.versions}
        parts += [
            f"{name} {value or 'not installed'}"
            for name, value in own.items()
            if name != "device" and theirs.get(name) != value
        ]
    return " with ".join([parts[0], ", ".join(parts[1:])] if parts[1:] else parts)
