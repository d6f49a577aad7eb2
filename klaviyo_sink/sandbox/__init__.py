"""
A local, stateful Klaviyo for development and tests: rejects what Klaviyo rejects, keeps its data in memory only.

docs/sandbox.md lists what it models. Knows nothing of the sink, whose request models it must not share.
"""
