"""
Teaches a tiny model by heart what to answer to a few photos, and saves it with the scores of its lines.

Runs in the environment of `make test-vllm`. Knows no model: the `tiny_*.py` scripts bring theirs.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

STEPS, CHECK_EVERY, ENOUGH = 1500, 25, 0.01


@dataclass(frozen=True)
class Pupil:
    """A model with random weights, and how it is asked."""

    model: Any
    processor: Any
    #: Returns the photo and the prompt as the model gets them.
    question: Callable[[Image.Image, str], Any]
    #: Ends an answer.
    eos: str
    #: Tokens before and after the text of a line.
    markers: tuple[str, str]
    repetition_penalty: float = 1.0


def byte_tokenizer(
    special: list[str], named: dict[str, str], template: str, *, bos: str, eos: str, pad: str
) -> PreTrainedTokenizerFast:
    """
    Make a tokenizer with a token per byte and the model's own special tokens, which needs no download.

    `named`: the special tokens that the model's processor finds by a name. `template`: the chat template.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    bare = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(letters)}, merges=[]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bare.decoder = decoders.ByteLevel()
    bare.add_special_tokens([bos, eos, pad, *special])
    return PreTrainedTokenizerFast(
        tokenizer_object=bare,
        bos_token=bos,
        eos_token=eos,
        pad_token=pad,
        extra_special_tokens=named,
        chat_template=template,
    )


@dataclass(frozen=True)
class Lesson:
    """A question with its answer; shapes are (1, tokens)."""

    asked: Any
    wanted: torch.Tensor

    def whole(self) -> dict[str, torch.Tensor]:
        """Question and answer in one, as the model is trained on them."""
        tokens = torch.cat([self.asked["input_ids"], self.wanted], 1)
        kinds = torch.cat([self.asked["mm_token_type_ids"], torch.zeros_like(self.wanted)], 1)
        whole = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "mm_token_type_ids": kinds}
        return {**self.asked, **whole}

    def labels(self) -> torch.Tensor:
        """The answer alone counts."""
        return torch.cat([torch.full_like(self.asked["input_ids"], -100), self.wanted], 1)


def teach(taught: Any, lessons: list[Lesson], penalty: float) -> None:
    """
    Repeat the lessons until every answer comes by itself, with the repetition penalty that is used in earnest.

    Raises:
        RuntimeError: it does not learn.

    """
    exercises = [(lesson.whole(), lesson.labels()) for lesson in lessons]
    optimizer = torch.optim.AdamW(taught.parameters(), lr=3e-3, weight_decay=0.0)
    warming = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 20))
    for step in range(STEPS):
        optimizer.zero_grad()
        lost = 0.0
        for whole, labels in exercises:
            loss = taught(**whole, labels=labels).loss
            loss.backward()
            lost += loss.item() / len(exercises)
        torch.nn.utils.clip_grad_norm_(taught.parameters(), 1.0)
        optimizer.step()
        warming.step()
        if step % CHECK_EVERY == 0:
            print(f"step {step}: loss {lost:.4f}", flush=True)
            if lost < ENOUGH and all(knows(taught, lesson, penalty) for lesson in lessons):
                return
    raise RuntimeError("the tiny model did not learn its answers")


def knows(taught: Any, lesson: Lesson, penalty: float) -> bool:
    """Whether the answer comes, to the last token."""
    most = lesson.wanted.shape[1] + 8
    with torch.no_grad():
        said = taught.generate(**lesson.asked, do_sample=False, repetition_penalty=penalty, max_new_tokens=most)
    return torch.equal(said[:, lesson.asked["input_ids"].shape[1] :], lesson.wanted)


def line_scores(taught: Any, lesson: Lesson, opening: int, closing: int) -> list[float]:
    """exp(mean log probability) of the tokens strictly between each opening and closing marker."""
    with torch.no_grad():
        logits = taught(**lesson.whole()).logits[0, lesson.asked["input_ids"].shape[1] - 1 : -1]
    answer = lesson.wanted[0]
    logprobs = torch.log_softmax(logits.double(), -1).gather(1, answer[:, None])[:, 0]
    starts, ends = ((answer == marker).nonzero()[:, 0].tolist() for marker in (opening, closing))
    return [logprobs[start + 1 : end].mean().exp().item() for start, end in zip(starts, ends, strict=True)]


def learn(folder: Path, pupil: Pupil) -> None:
    """Teach the lessons of a folder; save model, processor and scores there."""
    given = json.loads((folder / "lessons.json").read_text(encoding="utf-8"))
    tokenizer = pupil.processor.tokenizer
    print(f"{sum(weights.numel() for weights in pupil.model.parameters()):,} weights", flush=True)
    lessons = {
        photo: Lesson(
            pupil.question(Image.open(folder / photo).convert("RGB"), given["prompt"]),
            tokenizer(answer + pupil.eos, add_special_tokens=False, return_tensors="pt").input_ids,
        )
        for photo, answer in given["answers"].items()
    }
    teach(pupil.model, list(lessons.values()), pupil.repetition_penalty)
    pupil.model.save_pretrained(folder / "model")
    pupil.processor.save_pretrained(folder / "model")
    opening, closing = (tokenizer.convert_tokens_to_ids(marker) for marker in pupil.markers)
    scores = {photo: line_scores(pupil.model, lesson, opening, closing) for photo, lesson in lessons.items()}
    (folder / "scores.json").write_text(json.dumps(scores), encoding="utf-8")


def prepare() -> None:
    """Make the outcome repeatable, and use one thread: so small a model loses by more where the cores are busy."""
    torch.manual_seed(7)
    torch.set_num_threads(1)
