"""Python's cyclic collector in long-lived processes that hold many small objects. Knows nothing else."""

import gc


def collect_seldom(new_objects: int) -> None:
    """
    Let Python's cyclic collector look after so many new objects, and never at what is here from the start.

    Events held are many small objects, hardly any in cycles. As it comes (700), the collector walked them and all
    loaded code again and again: a fifth of a sync stage's CPU, a third of the sandbox's (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(max(new_objects, gc.get_threshold()[0]))
