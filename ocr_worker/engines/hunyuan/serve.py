"""
The exact `vllm serve` command for HunyuanOCR. Pure: starts nothing.

The flags are those that `make test-vllm` runs with (docs/ocr.md).
"""

import json
import re
from dataclasses import dataclass

MODEL = "tencent/HunyuanOCR"
#: A commit of HunyuanOCR 1.5. The repository has no tags, and 1.5 once replaced 1.0 in place: never follow `main`.
REVISION = "9e01f897bf8956f77a80c350dc0491d6bbbd43e6"
#: A name that can never resolve (RFC 6761), because an empty list allows every domain.
NO_DOMAIN = "none.invalid"
#: Visual tokens, not parallel requests, are what costs: 2 MP are about 2,080 of them. (2 ** 21)
MAX_PIXELS = 2_097_152
LICENCE = (
    "The weights come under the Tencent Hunyuan Community License, which grants nothing in the European Union,"
    " the United Kingdom and South Korea: neither running the model there nor using its output."
)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class VllmServe:
    """What may differ from one GPU to the next. One server per GPU."""

    #: A Hugging Face name, or the folder of a download.
    model: str = MODEL
    revision: str = REVISION
    host: str = "127.0.0.1"
    #: Not 8000 and not 7860: the worker and its page are there.
    port: int = 8100
    #: Photos in one batch; more wait. How many more is for the workers before it to bound: vLLM does not.
    batch: int = 32
    #: Share of the GPU's memory that vLLM takes at once, whether it needs it or not.
    memory: float = 0.9


def vllm_serve(serve: VllmServe, executable: str = "vllm") -> list[str]:
    """
    Build the command, one argument an item. Its key is not among them: vLLM reads it from VLLM_API_KEY.

    Raises:
        ValueError: the revision is no full commit.

    """
    local = serve.model.startswith(("/", "./", "../", "~"))
    if not local and not _COMMIT.fullmatch(serve.revision):
        raise ValueError("the revision must be a full commit of 40 hex digits: names move, and weights with them")
    return [
        *(executable, "serve", serve.model),
        *(() if local else ("--revision", serve.revision, "--tokenizer-revision", serve.revision)),
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
