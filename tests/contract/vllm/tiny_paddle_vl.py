"""
Make a PaddleOCR-VL checkpoint of under a million weights, and teach it by heart what to answer to a few photos.

    python tiny_paddle_vl.py FOLDER        (in the environment of `make test-vllm`)

FOLDER/lessons.json holds the prompt and the answer to each photo in FOLDER. The checkpoint goes to FOLDER/model, the
score of each line, as transformers computes it, to FOLDER/scores.json. What it says to any other photo is noise.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from teaching import Pupil, byte_tokenizer, learn, prepare
from transformers import (
    PaddleOCRVLConfig,
    PaddleOCRVLForConditionalGeneration,
    PaddleOCRVLImageProcessorPil,
    PaddleOCRVLProcessor,
)

BOS, EOS, PAD = "<|begin_of_sentence|>", "</s>", "<unk>"
IMAGE_START, IMAGE, IMAGE_END, VIDEO = "<|IMAGE_START|>", "<|IMAGE_PLACEHOLDER|>", "<|IMAGE_END|>", "<|VIDEO|>"
TEXT_START, TEXT_END = "<|TEXT_START|>", "<|TEXT_END|>"
#: Thousandths of a side.
PLACES = ("<|LOC_BEGIN|>", "<|LOC_END|>", *(f"<|LOC_{at}|>" for at in range(1001)))
#: As the real prompt is laid out (the model's chat template).
TEMPLATE = (
    BOS
    + "{%- for message in messages -%}User: {% for part in message.content -%}{%- if part.type == 'text' -%}"
    + "{{ part.text }}{%- else -%}"
    + IMAGE_START
    + IMAGE
    + IMAGE_END
    + "{%- endif -%}{%- endfor -%}{{ '\n' }}{%- endfor -%}{{ 'Assistant:\n' }}"
)


def processor() -> PaddleOCRVLProcessor:
    """A token per byte or place, and photos of 56 x 56 px or more left at their size, to the next 28 px."""
    special = [IMAGE_START, IMAGE, IMAGE_END, VIDEO, TEXT_START, TEXT_END, *PLACES]
    tokenizer = byte_tokenizer(special, {"image_token": IMAGE}, TEMPLATE, bos=BOS, eos=EOS, pad=PAD)
    images = PaddleOCRVLImageProcessorPil(size={"shortest_edge": 56 * 56, "longest_edge": 1024 * 1024})
    return PaddleOCRVLProcessor(image_processor=images, tokenizer=tokenizer, chat_template=TEMPLATE)


def model(reads: PaddleOCRVLProcessor) -> PaddleOCRVLForConditionalGeneration:
    """Random weights in the real architecture, as small as vLLM's kernels allow (heads of 64)."""
    token = reads.tokenizer.convert_tokens_to_ids
    text = {
        "vocab_size": len(reads.tokenizer), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64, "max_position_embeddings": 16384,
        "bos_token_id": token(BOS), "eos_token_id": token(EOS), "pad_token_id": token(PAD), "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [8, 12, 12]},
    }  # fmt: skip
    vision = {
        "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": 56, "patch_size": 14,
    }  # fmt: skip
    config = PaddleOCRVLConfig(
        text_config=text, vision_config=vision, image_token_id=token(IMAGE), video_token_id=token(VIDEO),
        vision_start_token_id=token(IMAGE_START), vision_end_token_id=token(IMAGE_END), tie_word_embeddings=True,
    )  # fmt: skip
    return PaddleOCRVLForConditionalGeneration(config).float()


def question(reads: PaddleOCRVLProcessor, photo: Image.Image, prompt: str) -> Any:
    """The photo and the prompt as the model gets them."""
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}]
    rendered = reads.apply_chat_template(asked, tokenize=False)
    return reads(images=[photo], text=[rendered], return_tensors="pt")


def main(folder: Path) -> None:
    """Make it, teach it, save it."""
    prepare()
    reads = processor()
    learn(folder, Pupil(model(reads), reads, partial(question, reads), EOS, (TEXT_START, TEXT_END)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
