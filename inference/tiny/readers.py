"""The saved models, loaded with transformers' public API, for scoring."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers.models.blip.modeling_blip import BlipForConditionalGeneration, BlipForQuestionAnswering
from transformers.models.blip.processing_blip import BlipProcessor
from transformers.models.clip.modeling_clip import CLIPModel
from transformers.models.clip.processing_clip import CLIPProcessor
from transformers.models.llava.modeling_llava import LlavaForConditionalGeneration
from transformers.models.llava.processing_llava import LlavaProcessor

WEIGHTS = Path(__file__).parent / "weights"
"""The folder of the checkpoints: one folder for each task, named after it."""

_BATCH = 50
_LONGEST = 24  # tokens: the longest caption has 15


class Captioner:
    """BLIP, captioning.

    Args:
        folder: of the checkpoint.
    """

    def __init__(self, folder: Path = WEIGHTS / "caption") -> None:
        self._processor: Any = BlipProcessor.from_pretrained(folder, backend="pil")
        self._model = BlipForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        self._model.eval()  # type: ignore[no-untyped-call]

    def __call__(self, pictures: Sequence[Image.Image]) -> list[str]:
        """Caption each RGB picture."""
        said: list[str] = []
        for start in range(0, len(pictures), _BATCH):
            batch = self._processor(images=list(pictures[start : start + _BATCH]), return_tensors="pt")
            tokens = self._model.generate(pixel_values=batch.pixel_values, max_new_tokens=_LONGEST)
            said += self._processor.batch_decode(tokens, skip_special_tokens=True)
        return said


class Answerer:
    """BLIP, answering questions.

    Args:
        folder: of the checkpoint.
    """

    def __init__(self, folder: Path = WEIGHTS / "answer") -> None:
        self._processor: Any = BlipProcessor.from_pretrained(folder, backend="pil")
        self._model = BlipForQuestionAnswering.from_pretrained(folder, dtype=torch.float32)
        self._model.eval()  # type: ignore[no-untyped-call]

    def __call__(self, pictures: Sequence[Image.Image], questions: Sequence[str]) -> list[str]:
        """Answer one question about each RGB picture."""
        answers = [""] * len(pictures)
        # generate() ignores the mask of padded questions, so only equally long ones go together.
        alike: dict[int, list[int]] = defaultdict(list)
        for place, question in enumerate(questions):
            alike[len(self._processor.tokenizer(question).input_ids)].append(place)
        for places in alike.values():
            for start in range(0, len(places), _BATCH):
                some = places[start : start + _BATCH]
                batch = self._processor(
                    images=[pictures[place] for place in some],
                    text=[questions[place] for place in some],
                    return_tensors="pt",
                )
                tokens = self._model.generate(**batch, max_new_tokens=_LONGEST)
                for place, answer in zip(
                    some, self._processor.batch_decode(tokens, skip_special_tokens=True), strict=True
                ):
                    answers[place] = answer
        return answers


class Matcher:
    """CLIP, matching.

    Args:
        folder: of the checkpoint.
    """

    def __init__(self, folder: Path = WEIGHTS / "match") -> None:
        self._processor: Any = CLIPProcessor.from_pretrained(folder, backend="pil")
        self._model = CLIPModel.from_pretrained(folder, dtype=torch.float32)
        self._model.eval()  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def __call__(self, pictures: Sequence[Image.Image], labels: Sequence[str]) -> Tensor:
        """Return each label's probability for each picture: float32 [pictures, labels], rows sum to 1."""
        batch = self._processor(images=list(pictures), text=list(labels), return_tensors="pt", padding=True)
        logits: Tensor = self._model(**batch).logits_per_image
        return logits.softmax(-1)


Message = dict[str, Any]
"""A turn in the chat template's form: its role, and its content of texts and pictures."""


class Converser:
    """LLaVA, conversing.

    Args:
        folder: of the checkpoint.
    """

    def __init__(self, folder: Path = WEIGHTS / "converse") -> None:
        self._processor: Any = LlavaProcessor.from_pretrained(folder, backend="pil")
        model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        self._model: Any = model.eval()  # type: ignore[no-untyped-call]

    def __call__(self, dialogues: Sequence[Sequence[Message]]) -> list[str]:
        """Generate the assistant's next turn in each dialogue."""
        said: list[str] = []
        for start in range(0, len(dialogues), _BATCH):
            batch = self._processor.apply_chat_template(
                [list(dialogue) for dialogue in dialogues[start : start + _BATCH]],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                processor_kwargs={"padding": True},
            )
            tokens = self._model.generate(**batch, max_new_tokens=_LONGEST, do_sample=False)
            new = tokens[:, batch["input_ids"].shape[1] :]
            said += self._processor.batch_decode(new, skip_special_tokens=True)
        return said
