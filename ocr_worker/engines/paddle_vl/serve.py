"""
The exact `vllm serve` command for PaddleOCR-VL. Pure: starts nothing.

vLLM has the model itself and transformers has its processor, so that no code from the weights' repository runs.
"""

import json

from ocr_worker.engines.vllm.command import NO_DOMAIN, VllmServe, weights

MODEL = "PaddlePaddle/PaddleOCR-VL-1.6"
#: Pixels that the model's processor scales a photo to: at least, at most.
MIN_PIXELS, MAX_PIXELS = 112_896, 1_605_632
LICENCE = "The weights come under Apache-2.0: any territory, any use."


def vllm_serve(serve: VllmServe, executable: str = "vllm") -> list[str]:
    """
    Build the command, one argument an item. Its key is not among them: vLLM reads it from VLLM_API_KEY.

    Raises:
        ValueError: the revision is no full commit.

    """
    return [
        *(executable, "serve", serve.model),
        *weights(serve),
        *("--served-model-name", MODEL),
        *("--host", serve.host, "--port", str(serve.port)),
        *("--max-model-len", "16384", "--max-num-batched-tokens", "16384"),
        *("--max-num-seqs", str(serve.batch)),
        *("--limit-mm-per-prompt", json.dumps({"image": 1, "video": 0})),
        # Nothing of a photo outlives its answer, and no photo comes twice.
        *("--no-enable-prefix-caching", "--mm-processor-cache-gb", "0"),
        # What a request leaves out must not come from a file beside the weights.
        *("--generation-config", "vllm"),
        *("--gpu-memory-utilization", f"{serve.memory:g}"),
        # Photos come inside requests; without a domain that exists, vLLM fetches no image_url of a caller.
        *("--allowed-media-domains", NO_DOMAIN),
        *("--disable-access-log-for-endpoints", "/health,/metrics"),
    ]
