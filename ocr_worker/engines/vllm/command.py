"""What every `vllm serve` command of ours has: pinned weights, and no address that vLLM may fetch. Pure."""

import re
from dataclasses import dataclass

#: A name that can never resolve (RFC 6761), because an empty list allows every domain.
NO_DOMAIN = "none.invalid"
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class VllmServe:
    """What may differ from one GPU to the next. One server per GPU."""

    #: A Hugging Face name, or the folder of a download.
    model: str
    #: Full commit of the weights; not needed for a folder.
    revision: str = ""
    host: str = "127.0.0.1"
    #: Not 8000 and not 7860: the worker and its page are there.
    port: int = 8100
    #: Photos in one batch; more wait. How many more is for the workers before it to bound: vLLM does not.
    batch: int = 32
    #: Share of the GPU's memory that vLLM takes at once, whether it needs it or not.
    memory: float = 0.9


def weights(serve: VllmServe) -> tuple[str, ...]:
    """
    Return the arguments that pin the weights; none for a folder.

    Raises:
        ValueError: the revision is no full commit.

    """
    if serve.model.startswith(("/", "./", "../", "~")):
        return ()
    if not _COMMIT.fullmatch(serve.revision):
        raise ValueError("--revision must be a full commit of 40 hex digits: names move, and weights with them")
    return ("--revision", serve.revision, "--tokenizer-revision", serve.revision)
