"""The server of known capacity has that capacity."""

import json
import time
import urllib.error
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
    """With the id of the request; anything but a call costs no capacity."""
    request = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "work"}).encode()
    with running(1, 0.2, 0.0) as served:
        start = time.perf_counter()
        for _ in range(5):
            with pytest.raises(urllib.error.HTTPError, match="404") as refused:
                urllib.request.urlopen(f"{served.url}/metrics", timeout=10)
            refused.value.close()
        with urllib.request.urlopen(served.url, request, timeout=10) as answer:
            assert json.load(answer)["id"] == 7
        assert 0.2 <= time.perf_counter() - start < 1.0
