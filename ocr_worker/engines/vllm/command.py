"""The parts that every `vllm serve` command shares: pinned weights, and no address that vLLM may fetch. Pure."""

import re
from dataclasses import dataclass

#: A name that can never resolve (RFC 6761), because an empty list allows every domain.
NO_DOMAIN = "none.invalid"
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class VllmServe:
    """Options of the command. Run one server per GPU."""

    #: A Hugging Face name, or the folder of a download.
    model: str
    #: Full commit of the weights; unused for a folder.
    revision: str = ""
    host: str = "127.0.0.1"
    #: Neither 8000 nor 7860, which the worker and its page use.
    port: int = 8100
    #: Photos per batch; others wait. The workers must limit how many, because vLLM does not.
    batch: int = 32
    #: Share of the GPU's memory that vLLM allocates at start, needed or not.
    memory: float = 0.9


def weights(serve: VllmServe) -> tuple[str, ...]:
    """
    Return the arguments that pin the weights; none for a folder.

    Raises:
        ValueError: The revision is not a full commit.

    """
    if serve.model.startswith(("/", "./", "../", "~")):
        return ()
    if not _COMMIT.fullmatch(serve.revision):
        raise ValueError("--revision must be a full commit of 40 hex digits, because branches and tags can move")
    return ("--revision", serve.revision, "--tokenizer-revision", serve.revision)
