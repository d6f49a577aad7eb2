"""
What is known of vLLM and transformers together. It chooses the words; the canary gives the verdict. Pure.

Up to transformers 5.20.0 a model on vLLM's Transformers backend returned one tensor for all photos of a batch, and vLLM
cut it by patches (`_split_embeddings` in vLLM's `model_executor/models/transformers/multimodal.py`). From 5.20.1 on
there is one tensor per photo. Up to 0.28 vLLM had a model of its own, which never mixed.
"""

import re

#: What `hangtag ocr vllm` names, and what `make test-vllm` runs: vLLM for CPUs lags behind.
VLLM, TRANSFORMERS = "0.33.0", "5.20.2"
TESTED_VLLM = "0.32.0"
#: Tag of vLLM's own image in compose and Kubernetes: its model of HunyuanOCR keeps photos apart, with any transformers.
IMAGE_VLLM = "0.28.0"
#: vLLM's own model of HunYuanVL: from the release that HunyuanOCR 1.5 asks for to before it was dropped.
_OWN_MODEL, _BACKEND = (0, 25), (0, 29)
_ONE_TENSOR_A_PHOTO = (5, 20, 1)
_NUMBERS = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")

ADVICE = f"install vllm=={VLLM} with transformers=={TRANSFORMERS}"


def fault_of(vllm: str, transformers: str | None = None) -> str | None:
    """
    Say what is wrong with a combination, as far as is known; None if it is known to be sound or not known at all.

    Args:
        vllm: Version of vLLM, as the server or the command says it.
        transformers: Version of transformers beside it; None if it cannot be read.

    """
    release = _numbers(vllm)
    if release is None:
        return None
    name, fault = f"vLLM {release[0]}.{release[1]}", None
    beside = _numbers(transformers) if transformers else None
    if release[:2] < _OWN_MODEL:
        fault = f"{name} has no model of HunyuanOCR that was seen to keep photos apart"
    elif release[:2] == _BACKEND:
        fault = f"{name} fails on the first photo"
    elif release[:2] > _BACKEND and beside is None:
        fault = f"{name} answers one photo with another's text where transformers is older than 5.20.1"
    elif release[:2] > _BACKEND and beside is not None and beside < _ONE_TENSOR_A_PHOTO:
        fault = f"{name} with transformers {transformers} answers one photo with another's text"
    return fault


def _numbers(version: str) -> tuple[int, int, int] | None:
    found = _NUMBERS.match(version.strip())
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None
