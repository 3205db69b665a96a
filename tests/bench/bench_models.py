"""How long a batch takes with full-size models of random weights, and what keeping encodings gains.

python -m tests.bench.bench_models

The weights are random, so texts mean nothing: captions are cut at 12 words and answers at 3, as long as
real ones are. Compare within a run: times depend on the machine, ratios hardly.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForQuestionAnswering,
    CLIPConfig,
    CLIPModel,
)

from inference.models.blip import answer, caption
from inference.models.clip import ClipMatcher
from inference.models.device import device_for, dtype_for, limit_threads
from inference.models.tensor_cache import TensorCache
from inference.schema import Answer, Caption, Match
from tests.inference.models.conftest import name_of, picture_of
from tests.inference.models.random_models import blip_processor, clip_processor

BATCHES = (1, 4, 8)
REPEATS = 2
SIZE = (1440, 1080)
LABELS = tuple(
    f"a {colour} {shape}" for colour in ("red", "green", "blue", "yellow") for shape in ("circle", "square")
)
ROW = "{:<44}{:>7}{:>12}{:>12}{:>9}"
ROOM = 512 * 2**20


def seconds(*runs: Callable[[], object]) -> list[float]:
    """Time each run, in turns so that a busy machine slows all alike, and return the shortest of each."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(REPEATS):
        for run, its in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            its.append(time.perf_counter() - start)
    return [min(its) for its in times]


def ready(model: Any) -> Any:
    """Put a model where the worker would."""
    device = device_for("auto")
    return model.to(device, dtype_for(device)).eval().requires_grad_(requires_grad=False)


def row(what: str, batch: int, plain: float, better: float | None) -> None:
    """Print a line of the table: milliseconds a job, and the ratio."""
    each = plain / batch * 1000
    rest = (f"{better / batch * 1000:.0f}", f"{plain / better:.2f}") if better else ("", "")
    print(ROW.format(what, batch, f"{each:.0f}", *rest))


def forward(engine: Any, requests: list[Any]) -> Callable[[], object]:
    """Prepare and run a batch, as the worker does."""
    pictures = [picture_of(number, SIZE) for number in range(len(requests))]

    def run() -> object:
        return engine.forward(
            [engine.prepare(request, [picture]) for request, picture in zip(requests, pictures, strict=True)]
        )

    return run


def bench_captions() -> None:
    """Captions: nothing is kept."""
    model = ready(BlipForConditionalGeneration(BlipConfig()))
    engine = caption.BlipCaptioner(model, blip_processor(384), "random")
    for batch in BATCHES:
        (plain,) = seconds(forward(engine, [Caption(picture=name_of(n)) for n in range(batch)]))
        row("caption", batch, plain, None)


def bench_answers() -> None:
    """Answers: the first question about a picture against the next."""
    model, processor = ready(BlipForQuestionAnswering(BlipConfig())), blip_processor(384)
    forgetful = answer.BlipAnswerer(model, processor, "random", TensorCache(0))
    keeping = answer.BlipAnswerer(model, processor, "random", TensorCache(ROOM))
    for batch in BATCHES:
        for kind, others in (("one length", "what is in the picture ?"), ("two lengths", "is it red ?")):
            questions = [others if n % 2 else "what is in the picture ?" for n in range(batch)]
            requests = [Answer(picture=name_of(n), question=one) for n, one in enumerate(questions)]
            forward(keeping, requests)()
            first, following = seconds(forward(forgetful, requests), forward(keeping, requests))
            row(f"answer, {kind}: first | next", batch, first, following)


def bench_matches() -> None:
    """Matches: labels new against kept, with pictures new both times."""
    config = CLIPConfig(vision_config={"patch_size": 16})
    model, processor = ready(CLIPModel(config)), clip_processor(224)
    forgetful = ClipMatcher(model, processor, "random", TensorCache(0), TensorCache(0))
    keeping = ClipMatcher(model, processor, "random", TensorCache(0), TensorCache(ROOM))
    for batch in BATCHES:
        requests = [
            Match(pictures=(name_of(n),), labels=tuple(f"{label} {n}" for label in LABELS))
            for n in range(batch)
        ]
        forward(keeping, requests)()
        new, known = seconds(forward(forgetful, requests), forward(keeping, requests))
        row("match, 8 labels: new | labels kept", batch, new, known)


def main() -> None:
    """Print the table."""
    limit_threads()
    torch.manual_seed(0)
    caption.MAX_TOKENS, answer.MAX_TOKENS = 12, 3
    device = device_for("auto")
    print(f"{device}, {dtype_for(device)}, {torch.get_num_threads()} threads; milliseconds a job")
    print(ROW.format("", "batch", "ms", "kept, ms", "ratio"))
    bench_captions()
    bench_answers()
    bench_matches()


if __name__ == "__main__":
    main()
