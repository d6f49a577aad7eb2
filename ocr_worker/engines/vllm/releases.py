"""
Known faults of vLLM and transformers in combination, for messages. Only the canary decides. Pure.

Up to transformers 5.20.0 a model on vLLM's Transformers backend returned one tensor for all photos of a batch, and vLLM
cut it by patches (`_split_embeddings` in vLLM's `model_executor/models/transformers/multimodal.py`). From 5.20.1 on
there is one tensor per photo. Up to 0.28 vLLM had a model of its own, which never mixed photos.
"""

import re

#: The versions that `hangtag ocr vllm` recommends and `make test-vllm` runs; vLLM's builds for CPUs lag behind.
VLLM, TRANSFORMERS = "0.33.0", "5.20.2"
TESTED_VLLM = "0.32.0"
#: Tag of vLLM's image in compose and Kubernetes. Its HunyuanOCR model keeps photos apart with any transformers.
IMAGE_VLLM = "0.28.0"
#: Releases with vLLM's own model of HunYuanVL: from the one that HunyuanOCR 1.5 requires, to the last before its
#: removal.
_OWN_MODEL, _BACKEND = (0, 25), (0, 29)
_ONE_TENSOR_A_PHOTO = (5, 20, 1)
_NUMBERS = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")

ADVICE = f"install vllm=={VLLM} with transformers=={TRANSFORMERS}"


def fault_of(vllm: str, transformers: str | None = None) -> str | None:
    """
    Return the known fault of a combination; None if it works or is unknown.

    Args:
        vllm: Version of vLLM, as the server or the command reports it.
        transformers: Version of transformers; None if unknown.

    """
    release = _numbers(vllm)
    if release is None:
        return None
    name, fault = f"vLLM {release[0]}.{release[1]}", None
    beside = _numbers(transformers) if transformers else None
    if release[:2] < _OWN_MODEL:
        fault = f"{name} has no HunyuanOCR model that is known to keep photos apart"
    elif release[:2] == _BACKEND:
        fault = f"{name} fails on the first photo"
    elif release[:2] > _BACKEND and beside is None:
        fault = f"{name} returns one photo's text for another if transformers is older than 5.20.1"
    elif release[:2] > _BACKEND and beside is not None and beside < _ONE_TENSOR_A_PHOTO:
        fault = f"{name} with transformers {transformers} returns one photo's text for another"
    return fault


def _numbers(version: str) -> tuple[int, int, int] | None:
    found = _NUMBERS.match(version.strip())
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None
