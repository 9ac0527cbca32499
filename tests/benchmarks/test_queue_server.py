"""The server of known capacity has that capacity."""

import json
import urllib.request

import pytest

from benchmarks.queue_server import Queue, running


def test_the_capacity_is_workers_over_service_time() -> None:
    """Four workers of 10 ms finish 400 calls a second, if enough come."""
    queue = Queue(4, 0.010, 0.3, None)
    ends = sorted(queue.finish(call / 1000) or 0.0 for call in range(20_000))
    assert (len(ends) - 1) / (ends[-1] - ends[0]) == pytest.approx(400, rel=0.02)


def test_a_full_queue_sheds() -> None:
    """One served, two waiting, the rest sent away."""
    queue = Queue(1, 1.0, 0.0, 2)
    assert [queue.finish(0.0) for _ in range(4)] == pytest.approx([1.0, 2.0, 3.0, None])


def test_it_answers_json_rpc_over_http() -> None:
    """With the id of the request."""
    request = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "work"}).encode()
    served = running(1, 0.001, 0.1, None)
    with served as url, urllib.request.urlopen(url, request, timeout=10) as answer:
        assert json.load(answer)["id"] == 7
