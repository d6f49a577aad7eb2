"""A plugin for vLLM built for CPUs: what must be changed there, and only there, before it can run HunYuanVL."""


def make_it_run() -> None:
    """Take PyTorch's own operations where the CPU ones fail (vLLM 0.28.0)."""
    from vllm import _custom_ops  # noqa: PLC0415 - vLLM loads this plugin before itself
    from vllm.model_executor.layers.rotary_embedding.xdrope import XDRotaryEmbedding  # noqa: PLC0415 - same

    # oneDNN's matrix product refuses the strided input of the vision tower's merger.
    _custom_ops._supports_onednn = False
    # The CPU's rotary embedding expects one position per token; here a token has four, and it reads past the end.
    XDRotaryEmbedding.forward_cpu = XDRotaryEmbedding.forward_native
