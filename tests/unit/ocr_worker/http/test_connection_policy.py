"""Which connection is closed for a new one."""

from ocr_worker.http.connection_policy import ConnectionPolicy, Connections, policy_for


def test_the_longest_waiting_of_the_busiest_address_gives_way():
    connections = Connections(ConnectionPolicy(most=16))
    assert [connections.opened(at, "a") for at in range(4)] == [None] * 4
    connections.asked(1)
    assert connections.opened(4, "a") is None
    assert connections.opened(5, "a") == 0
    assert connections.opened(6, "b") is None


def test_the_longest_resting_gives_way_before_any_that_waits():
    connections = Connections(ConnectionPolicy(most=3))
    for at, address in enumerate("abc"):
        connections.opened(at, address)
        connections.asked(at)
    connections.rests(1)
    connections.rests(0)
    assert connections.opened(3, "d") == 1
    connections.closed(1)
    connections.resumes(0)
    assert connections.opened(4, "e") == 3


def test_a_connection_that_is_closed_does_not_rest():
    connections = Connections(ConnectionPolicy(most=2))
    connections.opened(0, "a")
    connections.closed(0)
    connections.rests(0)
    connections.resumes(0)
    assert len(connections) == 0
    assert [connections.opened(at, "b") for at in (1, 2)] == [None, 1]


def test_limits_follow_from_the_files_that_may_be_open():
    assert (policy_for(256).most, policy_for(10**6).most, policy_for(8).most) == (128, 4096, 16)
