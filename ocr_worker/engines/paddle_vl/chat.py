"""
The exact request that PaddleOCR-VL wants from a vLLM server's OpenAI API. Pure.

The image before the text, and the task's own word as the prompt (the model card; vLLM's recipe for it).
"""

from dataclasses import dataclass
from typing import Any

from ocr_worker.engines.vllm.chat import image_url

#: Lines with their places. Other tasks (`OCR:`, `Table Recognition:`) give text without places.
PROMPT = "Spotting:"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. Everything is sent, because vLLM fills what is missing from the model's own defaults."""

    #: A full page of print.
    max_tokens: int = 4096
    #: vLLM ends an answer in which 2 to 128 tokens come this often in a row.
    loop_count: int = 8


def chat_request(
    jpeg: bytes, model: str, sampling: Sampling, *, temperature: float = 0.0, seed: int = 0
) -> dict[str, Any]:
    """Build the JSON body of POST /v1/chat/completions. At temperature 0 the answer is the likeliest one."""
    content = [{"type": "image_url", "image_url": {"url": image_url(jpeg)}}, {"type": "text", "text": PROMPT}]
    return {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": sampling.max_tokens,
        "temperature": temperature,
        "top_p": 1.0,
        "top_k": -1,
        "seed": seed,
        "repetition_detection": {
            "min_pattern_size": 2,
            "max_pattern_size": 128,
            "min_count": sampling.loop_count,
        },
        # Places are special tokens: without them only the text is left.
        "skip_special_tokens": False,
        "logprobs": True,
        "top_logprobs": 0,
    }
