"""Configures Python's cyclic garbage collector for long-lived processes with many small objects."""

import gc


def collect_seldom(new_objects: int) -> None:
    """
    Run the collector only after `new_objects` new objects, and never on objects that exist now.

    Pending events are many small objects, hardly any in cycles. With the default (700) the collector scanned them and
    all loaded code again and again. That took a fifth of a sync stage's CPU, and a third of the sandbox's
    (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(max(new_objects, gc.get_threshold()[0]))
