"""
The exact `vllm serve` command for HunyuanOCR. Pure: starts nothing.

The flags are those that `make test-vllm` runs with (docs/ocr.md).
"""

import json

from ocr_worker.engines.vllm.command import NO_DOMAIN, VllmServe, weights

MODEL = "tencent/HunyuanOCR"
#: A commit of HunyuanOCR 1.5. The repository has no tags, and 1.5 once replaced 1.0 in place: never follow `main`.
REVISION = "9e01f897bf8956f77a80c350dc0491d6bbbd43e6"
#: Visual tokens, not parallel requests, are what costs: 2 MP are about 2,080 of them. (2 ** 21)
MAX_PIXELS = 2_097_152
LICENCE = (
    "The weights come under the Tencent Hunyuan Community License, which grants nothing in the European Union,"
    " the United Kingdom and South Korea: neither running the model there nor using its output."
)


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
        *("--max-model-len", "8192", "--max-num-batched-tokens", "8192"),
        *("--max-num-seqs", str(serve.batch)),
        *("--limit-mm-per-prompt", json.dumps({"image": 1, "video": 0})),
        *("--mm-processor-kwargs", json.dumps({"max_pixels": MAX_PIXELS})),
        # Nothing of a photo outlives its answer, and no photo comes twice.
        *("--no-enable-prefix-caching", "--mm-processor-cache-gb", "0"),
        # What we do not send must not come from a file beside the weights.
        *("--generation-config", "vllm"),
        *("--gpu-memory-utilization", f"{serve.memory:g}"),
        # Photos come inside requests; without a domain that exists, vLLM fetches no image_url of a caller.
        *("--allowed-media-domains", NO_DOMAIN),
        *("--disable-access-log-for-endpoints", "/health,/metrics"),
    ]
