"""What a model has worked out and may need again, bounded in bytes and in age."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch

MAX_AGE_S = 900.0
"""A person's next question about a picture comes within minutes; nothing of what people post stays longer."""


class TensorCache:
    """Tensors by key, the least recently used dropped first. May be used from several threads.

    Keys carry the server or DM that the thing belongs to: what one server asked is neither found nor felt
    (by an answer that comes sooner) in another.

    Args:
        most_bytes: What all tensors together may take; 0 keeps nothing.
        most_seconds: How long one is kept after it was made, used or not.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        most_bytes: int,
        most_seconds: float = MAX_AGE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, tuple[torch.Tensor, float]] = OrderedDict()
        self.bytes = 0
        """What is held at the moment."""

    def get(self, key: Hashable) -> torch.Tensor | None:
        """Return what was put under `key`, or None."""
        with self._lock:
            self._drop_old()
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, tensor: torch.Tensor) -> None:
        """Keep a copy of `tensor`: a row of a batch would hold the whole batch in memory."""
        if tensor.nbytes > self._most_bytes:
            return
        with self._lock:
            self._drop(key)
            self._held[key] = (tensor.clone(), self._clock() + self._most_seconds)
            self.bytes += tensor.nbytes
            self._drop_old()
            while self.bytes > self._most_bytes:
                self._drop(next(iter(self._held)))

    def _drop(self, key: Hashable) -> None:
        dropped = self._held.pop(key, None)
        if dropped is not None:
            self.bytes -= dropped[0].nbytes

    def _drop_old(self) -> None:
        now = self._clock()
        for key in [key for key, (_, until) in self._held.items() if until <= now]:
            self._drop(key)
