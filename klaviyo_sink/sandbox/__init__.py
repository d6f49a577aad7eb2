"""
A local, stateful Klaviyo to work and test against: refuses what Klaviyo refuses, forgets everything on exit.

What it models and what not: docs/sandbox.md. Knows nothing of the sink, whose request models it must not share.
"""
