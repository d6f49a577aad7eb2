"""
Builds the `vllm serve` command for PaddleOCR-VL. Pure: starts nothing.

vLLM includes the model and transformers its processor, so no code from the weights' repository runs.
"""

import json

from ocr_worker.engines.vllm.command import NO_DOMAIN, VllmServe, weights

MODEL = "PaddlePaddle/PaddleOCR-VL-1.6"
#: Fewest and most pixels to which the model's processor scales a photo.
MIN_PIXELS, MAX_PIXELS = 112_896, 1_605_632
LICENCE = "The weights come under Apache-2.0: any territory, any use."


def vllm_serve(serve: VllmServe, executable: str = "vllm") -> list[str]:
    """
    Return the command as a list of arguments, without the API key: vLLM reads it from VLLM_API_KEY.

    Raises:
        ValueError: The revision is not a full commit.

    """
    return [
        *(executable, "serve", serve.model),
        *weights(serve),
        *("--served-model-name", MODEL),
        *("--host", serve.host, "--port", str(serve.port)),
        *("--max-model-len", "16384", "--max-num-batched-tokens", "16384"),
        *("--max-num-seqs", str(serve.batch)),
        *("--limit-mm-per-prompt", json.dumps({"image": 1, "video": 0})),
        # Turn caching off: no photo is read twice, and nothing of a photo may remain after its output.
        *("--no-enable-prefix-caching", "--mm-processor-cache-gb", "0"),
        # A missing parameter must not be taken from a file next to the weights.
        *("--generation-config", "vllm"),
        *("--gpu-memory-utilization", f"{serve.memory:g}"),
        # Requests contain their photos. With a domain that does not exist, vLLM fetches no image_url of a caller.
        *("--allowed-media-domains", NO_DOMAIN),
        *("--disable-access-log-for-endpoints", "/health,/metrics"),
    ]
