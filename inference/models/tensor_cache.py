"""A cache of tensors, limited in bytes and in age."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch

MAX_AGE_S = 900.0
"""Seconds: a user's next question about an image comes within minutes, and nothing of user content stays
longer."""


class TensorCache:
    """Tensors by key; the least recently used is dropped first. Thread-safe.

    Keys include the guild or DM that the data belongs to, so that what one guild asks is neither found nor
    noticeable (by a faster reply) in another.

    Args:
        max_bytes: Bytes of all tensors together; 0 caches nothing.
        max_age_s: Seconds for which a tensor is kept after it was put, used or not.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        max_bytes: int,
        max_age_s: float = MAX_AGE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._clock = clock
        self._lock = threading.Lock()
        self._tensors: OrderedDict[Hashable, tuple[torch.Tensor, float]] = OrderedDict()
        self.bytes = 0
        """Bytes of all tensors in the cache."""

    def get(self, key: Hashable) -> torch.Tensor | None:
        """Return the tensor under `key`, or None."""
        with self._lock:
            self._drop_expired()
            found = self._tensors.get(key)
            if found is None:
                return None
            self._tensors.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, tensor: torch.Tensor) -> None:
        """Cache a copy of `tensor`: a row of a batch would keep the whole batch in memory."""
        if tensor.nbytes > self._max_bytes:
            return
        with self._lock:
            self._drop(key)
            self._tensors[key] = (tensor.clone(), self._clock() + self._max_age_s)
            self.bytes += tensor.nbytes
            self._drop_expired()
            while self.bytes > self._max_bytes:
                self._drop(next(iter(self._tensors)))

    def _drop(self, key: Hashable) -> None:
        dropped = self._tensors.pop(key, None)
        if dropped is not None:
            self.bytes -= dropped[0].nbytes

    def _drop_expired(self) -> None:
        now = self._clock()
        for key in [key for key, (_, expires) in self._tensors.items() if expires <= now]:
            self._drop(key)
