"""
Builds the `vllm serve` command for HunyuanOCR. Pure: starts nothing.

`make test-vllm` runs with these flags (docs/ocr.md).
"""

import json

from ocr_worker.engines.vllm.command import NO_DOMAIN, VllmServe, weights

MODEL = "tencent/HunyuanOCR"
#: A commit of HunyuanOCR 1.5. The repository has no tags, and 1.5 replaced 1.0 in place: never use `main`.
REVISION = "9e01f897bf8956f77a80c350dc0491d6bbbd43e6"
#: The time depends on the visual tokens, not on parallel requests. 2 ** 21 pixels are about 2,080 tokens.
MAX_PIXELS = 2_097_152
LICENCE = (
    "The weights are under the Tencent Hunyuan Community License, which does not apply in the European Union,"
    " the United Kingdom and South Korea: do not run the model or use its output there."
)


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
        *("--max-model-len", "8192", "--max-num-batched-tokens", "8192"),
        *("--max-num-seqs", str(serve.batch)),
        *("--limit-mm-per-prompt", json.dumps({"image": 1, "video": 0})),
        *("--mm-processor-kwargs", json.dumps({"max_pixels": MAX_PIXELS})),
        # Turn caching off: no photo is read twice, and nothing of a photo may remain after its output.
        *("--no-enable-prefix-caching", "--mm-processor-cache-gb", "0"),
        # A missing parameter must not be taken from a file next to the weights.
        *("--generation-config", "vllm"),
        *("--gpu-memory-utilization", f"{serve.memory:g}"),
        # Requests contain their photos. With a domain that does not exist, vLLM fetches no image_url of a caller.
        *("--allowed-media-domains", NO_DOMAIN),
        *("--disable-access-log-for-endpoints", "/health,/metrics"),
    ]
