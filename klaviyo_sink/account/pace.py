"""How long Klaviyo's limits make a setup of many campaigns take. Pure."""

from klaviyo_sink.limits import MINUTE_S, PUBLISHED


def most_left_s(campaigns: int, wait_s: float) -> float:
    """
    Return at most how many seconds so many campaigns take if Klaviyo takes the next segment or flow in `wait_s`.

    Fewer if some exist already. Segments and flows have the same limits, and are made side by side.
    """
    if campaigns <= 0:
        return wait_s
    per_s, per_minute = PUBLISHED["POST /api/flows"]
    minutes, rest = divmod(campaigns - 1, per_minute)
    return wait_s + minutes * MINUTE_S + rest / per_s
