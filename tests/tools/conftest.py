"""A context for calls of tools without a gateway."""

from collections.abc import AsyncIterator

import pytest

from dynogate.jobs.queue import JobQueue
from dynogate.tools.context import Services, ToolContext


@pytest.fixture
async def context() -> AsyncIterator[ToolContext]:
    """The call of somebody who cannot be asked anything."""
    jobs = JobQueue(max_running=1, max_queued=0)
    yield ToolContext(principal="local", client_id=None, jobs=jobs, services=Services())
    await jobs.drain(1)
