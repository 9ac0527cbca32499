"""A deadline is known to whatever is done for it, and to nothing else."""

import asyncio

from dynogate.resilience.deadline import deadline, time_left_sec


def test_without_a_deadline_there_is_no_end() -> None:
    """Nothing said, nothing known."""
    assert time_left_sec() is None
    with deadline(None):
        assert time_left_sec() is None


def test_the_nearest_of_nested_deadlines_counts() -> None:
    """Nobody gives more time than they have; what held before holds after."""
    with deadline(10):
        with deadline(1):
            assert 0 < (time_left_sec() or 0) <= 1
        with deadline(100):
            assert 9 < (time_left_sec() or 0) <= 10
    assert time_left_sec() is None


async def test_tasks_and_threads_know_it() -> None:
    """A task begun under it, and a thread that was given the context."""

    async def left() -> float | None:
        return time_left_sec()

    with deadline(10):
        assert 9 < (await asyncio.create_task(left()) or 0) <= 10
        assert 9 < (await asyncio.to_thread(time_left_sec) or 0) <= 10
    assert await asyncio.create_task(left()) is None
