"""`hangtag klaviyo setup` shows how far it is, and counts down while it waits for Klaviyo's limits."""

import io

from rich.console import Console

from klaviyo_sink.account.pace import most_left_s
from streams.cli.klaviyo.waiting import shown


class Clock:
    at = 100.0

    def __call__(self) -> float:
        return self.at


def test_a_terminal_counts_down_to_the_next_flow_and_to_the_end():
    clock, screen = Clock(), Console(file=io.StringIO(), force_terminal=True, width=160)
    with shown(20, console=screen, clock=clock) as progress:
        progress.done(15)
        progress.waits("POST /api/flows", 45)
        clock.at += 5
        with screen.capture() as seen:
            screen.print(progress._progress.get_renderable())
        assert (
            "15 of 20 campaigns Klaviyo accepts the next POST /api/flows in 40 s; the setup takes at most 44 s more"
            in seen.get()
        )
        clock.at += 41
        progress.done(16)
        with screen.capture() as seen:
            screen.print(progress._progress.get_renderable())
        assert "16 of 20 campaigns" in seen.get()
        assert "the setup takes" not in seen.get()


def test_without_a_terminal_each_wait_that_is_noticed_is_a_line():
    log = io.StringIO()
    with shown(20, console=Console(file=log, width=40), clock=Clock()) as progress:
        progress.done(1)
        progress.waits("POST /api/flows", 1.0)
        progress.done(15)
        progress.waits("POST /api/segments", 45.2)
    assert log.getvalue() == (
        "15 of 20 campaigns: Klaviyo accepts the next POST /api/segments in 45 s; the setup takes at most 49 s more\n"
    )


def test_a_setup_of_any_length_takes_a_minute_for_every_fifteen_flows():
    assert [most_left_s(count, 0) for count in (0, 1, 15, 16, 20, 31)] == [0, 0, 14, 60, 64, 120]
