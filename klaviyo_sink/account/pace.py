"""How long Klaviyo's limits make a setup of many campaigns take. Pure."""

from klaviyo_sink.limits import MINUTE_S, PUBLISHED


def most_left_s(campaigns: int, wait_s: float) -> float:
    """
    Return the most seconds that `campaigns` take if Klaviyo accepts the next segment or flow after `wait_s`.

    If some exist already, it takes less. Segments and flows have the same limits and are created in parallel.
    """
    if campaigns <= 0:
        return wait_s
    per_s, per_minute = PUBLISHED["POST /api/flows"]
    minutes, rest = divmod(campaigns - 1, per_minute)
    return wait_s + minutes * MINUTE_S + rest / per_s
