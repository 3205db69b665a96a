"""Faults to order, so that tests can see what the bot makes of them."""

from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto


class FaultKind(Enum):
    """What goes wrong with a request."""

    STATUS = auto()
    """It is answered with a server error and has no effect."""
    CUT_BEFORE = auto()
    """The connection breaks before it has an effect."""
    CUT_AFTER = auto()
    """It has its effect, and the connection breaks before the answer."""


@dataclass
class Fault:
    """A fault for the next requests that fit.

    Attributes:
        kind: What goes wrong.
        times: How many requests it hits.
        status: The status to answer with, for `STATUS`.
        method: The method that it is meant for, any where none is given.
        template: The route that it is meant for, any where none is given.
    """

    kind: FaultKind
    times: int = 1
    status: int = 500
    method: str | None = None
    template: str | None = None

    def fits(self, method: str, template: str) -> bool:
        """Tell whether a request is meant."""
        return self.method in {None, method} and self.template in {None, template}


class Faults:
    """The faults that wait. They hit the bot's requests, not the members'."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._repeats: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Order a fault."""
        self._waiting.append(fault)

    def take(self, method: str, template: str) -> Fault | None:
        """Return the fault that hits this request, using it up once."""
        fault = next((each for each in self._waiting if each.fits(method, template)), None)
        if fault is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._waiting.remove(fault)
        return fault

    def repeat(self, event: str, times: int = 1) -> None:
        """Deliver the next gateway events of a name twice, as Discord may after a resume."""
        self._repeats[event] += times

    def repeated(self, event: str) -> bool:
        """Tell whether this event is to be delivered twice, using that up."""
        if not self._repeats[event]:
            return False
        self._repeats[event] -= 1
        return True

    def clear(self) -> None:
        """Call everything off."""
        self._waiting.clear()
        self._repeats.clear()
