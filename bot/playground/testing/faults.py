"""Fault injection: errors and broken connections for the bot's requests, repeated gateway events."""

from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto


class FaultKind(Enum):
    """How a request fails."""

    STATUS = auto()
    """The answer is an error status, and the request has no effect."""
    CUT_BEFORE = auto()
    """The connection is aborted before the request has an effect."""
    CUT_AFTER = auto()
    """The request has its effect, and the connection is aborted before the answer."""
    REFUSED = auto()
    """The answer is a 429 that does not come from the API but from what stands before it, for the whole
    address: without a Via header, with Retry-After. The request has no effect."""


@dataclass
class Fault:
    """A fault for the next matching requests.

    Attributes:
        kind: How they fail.
        times: How many requests fail.
        status: The status of the answer, for `STATUS`.
        retry_after_s: Seconds, for `REFUSED`.
        method: The HTTP method to match, None for any.
        template: The path template to match, None for any.
    """

    kind: FaultKind
    times: int = 1
    status: int = 500
    retry_after_s: int = 1
    method: str | None = None
    template: str | None = None

    def matches(self, method: str, template: str) -> bool:
        """Tell whether a request matches."""
        return self.method in {None, method} and self.template in {None, template}


class Faults:
    """The pending faults. They apply to the bot's requests, not to other users'."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []
        self._repeats: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Add a fault. Of several that match a request, the first added applies."""
        self._pending.append(fault)

    def remove(self, fault: Fault) -> None:
        """Remove a fault; one that has applied often enough is gone already."""
        if fault in self._pending:
            self._pending.remove(fault)

    def take(self, method: str, template: str) -> Fault | None:
        """Return the fault for a request, and count it down. None where no fault matches."""
        fault = next((each for each in self._pending if each.matches(method, template)), None)
        if fault is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._pending.remove(fault)
        return fault

    def repeat(self, event: str, times: int = 1) -> None:
        """Deliver the next events of a name twice to the bot, as Discord may after a resume."""
        self._repeats[event] += times

    def repeated(self, event: str) -> bool:
        """Tell whether to deliver an event twice, and count that down."""
        if not self._repeats[event]:
            return False
        self._repeats[event] -= 1
        return True

    def clear(self) -> None:
        """Remove all faults and repeats."""
        self._pending.clear()
        self._repeats.clear()
