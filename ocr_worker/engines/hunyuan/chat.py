"""
Builds the request for HunyuanOCR on a vLLM server's OpenAI API. Pure.

An empty system message, the image before the text, and the official Chinese prompt. Other requests return text without
boxes, or descriptions (Tencent-Hunyuan/HunyuanOCR: inference/vLLM/infer_vllm_client.py, issues 52, 63, 72, 80).
"""

from dataclasses import dataclass
from typing import Any

from ocr_worker.engines.vllm.chat import image_url

#: The prompt for spotting (`inference/utils/tasks.py`, key spotting_hunyuan). Any other wording reads worse, silently.
PROMPT = "检测并识别图片中的文字，将文本坐标格式化输出。"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling parameters. All are sent, because vLLM takes missing ones from the model's own defaults."""

    #: Outfit photos need 30 to 450 tokens; a full page of print needs over 512.
    max_tokens: int = 2048
    #: The value of HunyuanOCR 1.5's own clients.
    repetition_penalty: float = 1.08
    #: vLLM ends the output when 2 to 128 tokens repeat this often in a row.
    loop_count: int = 8


def chat_request(
    jpeg: bytes, model: str, sampling: Sampling, *, temperature: float = 0.0, seed: int = 0
) -> dict[str, Any]:
    """Build the JSON body of POST /v1/chat/completions. At temperature 0 the output is the most likely one."""
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": ""},
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": image_url(jpeg)}},
                    {"type": "text", "text": PROMPT},
                ],
            },
        ],
        "max_tokens": sampling.max_tokens,
        "temperature": temperature,
        "top_p": 1.0,
        "top_k": -1,
        "seed": seed,
        "repetition_penalty": sampling.repetition_penalty,
        "repetition_detection": {
            "min_pattern_size": 2,
            "max_pattern_size": 128,
            "min_count": sampling.loop_count,
        },
        # The markers between lines are special tokens. They are needed to find the box and the score of each line.
        "skip_special_tokens": False,
        "logprobs": True,
        "top_logprobs": 0,
    }
