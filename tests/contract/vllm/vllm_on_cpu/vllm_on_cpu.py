"""A plugin for vLLM built for CPUs: what must be changed there, and only there, before it can run HunYuanVL."""


def make_it_run() -> None:
    """Use PyTorch's own operations where the CPU ones fail (vLLM 0.32.0)."""
    from vllm import _custom_ops  # noqa: PLC0415 - vLLM loads this plugin before itself

    # oneDNN's matrix product refuses the strided input of the vision tower's merger.
    _custom_ops._supports_onednn = False
