"""
A local, stateful Klaviyo to work and test against: refuses what Klaviyo refuses, forgets everything on exit.

What it imitates and what not: docs/klaviyo.md. Knows nothing of the sink, whose request models it must not share.
"""
