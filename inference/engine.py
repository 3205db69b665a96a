"""What the worker asks of a model, whatever library runs it."""

from collections.abc import Sequence
from typing import Any, Protocol

from PIL import Image

from inference.schema import Answer, Answered, Caption, Captioned, Match, Matched


class Engine(Protocol):
    """A model that serves one task. Its methods block: the worker calls them in threads."""

    name: str
    """The model's name and revision, for logs and `/healthz`."""

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> Any:  # noqa: ANN401
        """Turn one job into tensors, while another batch is in `forward`.

        Args:
            request: What is asked.
            pictures: Upright RGB pictures, long side at most 1536, in the request's order.

        Returns:
            Whatever this engine's `forward` takes.

        Raises:
            RequestError: What is asked does not fit the model (a question or label with too many tokens).
        """

    def forward(self, batch: Sequence[Any]) -> list[Captioned | Answered | Matched]:
        """Run a batch. No answer depends on what else is in the batch.

        Raises:
            Exception: Anything at all; the worker splits the batch until the bad job is alone.
        """

    def warm_up(self) -> None:
        """Run one pass on a blank picture, so that the first job finds everything compiled and allocated.

        Raises:
            Exception: The model is broken; the worker exits.
        """
