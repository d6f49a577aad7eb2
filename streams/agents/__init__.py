"""One file per topic consumed: what happens to each event, as a plain coroutine."""
