"""
Make a HunYuanVL checkpoint of 0.7 million weights, and teach it by heart what to answer to a few photos.

    python tiny_hunyuan.py FOLDER          (in the environment of `make test-vllm`)

FOLDER/lessons.json holds the prompt and the answer to each photo in FOLDER. The checkpoint goes to FOLDER/model, the
score of each line, as transformers computes it, to FOLDER/scores.json. What it says to any other photo is noise.
Needs no download: the tokenizer knows bytes and the model's own special tokens, nothing else.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from teaching import Pupil, byte_tokenizer, learn, prepare
from transformers import (
    HunYuanVLConfig,
    HunYuanVLForConditionalGeneration,
    HunYuanVLImageProcessorPil,
    HunYuanVLProcessor,
)

#: The special tokens' names are the real tokenizer's (Tencent-Hunyuan/HunyuanOCR issue 52; eole-nlp/eole's recipe).
HOLDER = "<｜hy_place▁holder▁no▁{}｜>"
BOS, USER, PAD = "<｜hy_begin▁of▁sentence｜>", "<｜hy_User｜>", "<｜hy_▁pad▁｜>"
EOS, SEP, IMAGE_START, IMAGE_END, IMAGE = (HOLDER.format(number) for number in (2, 3, 100, 101, 102))
MARKERS = tuple(HOLDER.format(number) for number in (110, 111, 112, 113))
#: As the real prompt is laid out: the system's words, the picture, the question, and then the answer at once.
TEMPLATE = (
    "{%- macro said(content) -%}{%- if content is string -%}{{ content }}{%- else -%}{%- for part in content -%}"
    "{%- if part.type == 'text' -%}{{ part.text }}{%- else -%}" + IMAGE_START + IMAGE + IMAGE_END + "{%- endif -%}"
    "{%- endfor -%}{%- endif -%}{%- endmacro -%}"
    + BOS
    + "{%- for message in messages -%}{{ said(message.content) }}"
    + "{{ '" + SEP + "' if message.role == 'system' else '" + USER + "' }}{%- endfor -%}"
)  # fmt: skip


def processor() -> HunYuanVLProcessor:
    """A token per byte, and photos of 64 x 64 px or more left at their size."""
    named = {"image_token": IMAGE, "image_start_token": IMAGE_START, "image_end_token": IMAGE_END}
    special = [SEP, USER, IMAGE_START, IMAGE_END, IMAGE, *MARKERS]
    tokenizer = byte_tokenizer(special, named, TEMPLATE, bos=BOS, eos=EOS, pad=PAD)
    images = HunYuanVLImageProcessorPil(min_pixels=64 * 64, max_pixels=2048 * 2048)
    return HunYuanVLProcessor(image_processor=images, tokenizer=tokenizer, chat_template=TEMPLATE)


def model(reads: HunYuanVLProcessor) -> HunYuanVLForConditionalGeneration:
    """Random weights in the real architecture, as small as vLLM's kernels allow (heads of 64)."""
    token = reads.tokenizer.convert_tokens_to_ids
    text = {
        "vocab_size": len(reads.tokenizer), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64, "max_position_embeddings": 8192,
        "bos_token_id": token(BOS), "eos_token_id": token(EOS), "pad_token_id": token(PAD), "eod_token_id": token(EOS),
        "sep_token_id": token(SEP), "tie_word_embeddings": True,
        "rope_parameters": {
            "rope_type": "dynamic", "rope_theta": 10000.0, "alpha": 1000.0, "factor": 1.0,
            # All to the first axis: transformers and vLLM share out the frequencies among the axes each in its own way.
            "mrope_section": [32, 0, 0, 0],
        },
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "out_hidden_size": 64, "max_image_size": 2048,
    }  # fmt: skip
    config = HunYuanVLConfig(
        text_config=text, vision_config=vision, image_token_id=token(IMAGE), im_start_id=token(IMAGE_START),
        im_end_id=token(IMAGE_END), im_newline_id=token(IMAGE), tie_word_embeddings=True,
    )  # fmt: skip
    made = HunYuanVLForConditionalGeneration(config).float()
    # vLLM interpolates the table of positions a little otherwise than transformers does; nothing does that to zeros.
    made.model.vision_tower.embeddings.position_embedding.weight.requires_grad_(False).zero_()
    return made


def question(reads: HunYuanVLProcessor, photo: Image.Image, prompt: str) -> Any:
    """The photo and the prompt as the model gets them."""
    said = [
        {"role": "system", "content": ""},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]},
    ]
    rendered = reads.apply_chat_template(said, tokenize=False)
    return reads(images=[photo], text=[rendered], return_tensors="pt")


def lay_out_as_tencent_does(file: Path) -> None:
    """Write the configuration as the real checkpoint's is: flat, with the older names that vLLM's own model reads."""
    config = json.loads(file.read_text(encoding="utf-8"))
    text = config.pop("text_config")
    rope = text.pop("rope_parameters")
    scaling = {"alpha": rope["alpha"], "factor": 1.0, "type": "xdrope", "xdrope_section": rope["mrope_section"]}
    scaling |= {"beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0}
    older = {"use_qk_norm": True, "rope_theta": rope["rope_theta"], "rope_scaling": scaling}
    older |= {f"image_{which}_token_id": config[f"im_{which}_id"] for which in ("start", "end", "newline")}
    file.write_text(json.dumps(text | config | older), encoding="utf-8")


def main(folder: Path) -> None:
    """Make it, teach it, save it."""
    prepare()
    reads = processor()
    markers = (HOLDER.format(112), HOLDER.format(113))
    learn(folder, Pupil(model(reads), reads, partial(question, reads), EOS, markers, repetition_penalty=1.08))
    lay_out_as_tencent_does(folder / "model" / "config.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
