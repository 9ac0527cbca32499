"""What a tool is given besides its arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from dynogate.errors import MissingCapability
from dynogate.jobs.queue import JobHandle, JobQueue
from dynogate.wire.mcp import LogLevel

T = TypeVar("T")

Progress = Callable[[float, float | None, str], None]
"""Called with what is done, the total (None where unknown) and a message."""


class Services:
    """The domain objects that tools use, by type; wired once by ``build_app``."""

    def __init__(self, *instances: object) -> None:
        self._by_type: dict[type, object] = {type(instance): instance for instance in instances}

    def get(self, kind: type[T]) -> T:
        """The instance of ``kind``.

        Raises:
            LookupError: nothing of that type was wired in.
        """
        try:
            return cast(T, self._by_type[kind])
        except KeyError:
            raise LookupError(f"no {kind.__name__} is wired into this gateway") from None


def no_progress(done: float, total: float | None, message: str) -> None:
    """Where nobody listens for progress."""


class Client:
    """Whoever called, as far as a tool can talk to them while it works; this one is deaf."""

    def log(self, level: LogLevel, data: object, logger: str | None = None) -> None:
        """Tell something, if the client asked to be told what is that severe."""

    async def ask(self, method: str, params: Mapping[str, object]) -> dict[str, object]:
        """Have the client do something: ``sampling/createMessage``, ``elicitation/create``,
        ``roots/list``.

        Raises:
            MissingCapability: it cannot, or did not say it could.
        """
        name = method.partition("/")[0]
        raise MissingCapability(
            f"the client takes no {method} here; connect with MCP and declare {name!r}",
            data={"requiredCapabilities": {name: {}}},
        )


DEAF = Client()


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The call a tool serves.

    Attributes:
        principal: who calls: an authenticated name, or ``local`` for anyone on a loopback bind.
        client_id: what the client calls itself; never an identity.
        credential: the id of the key or token that was shown, for the audit; None without one.
        jobs: where long work runs; cancelling the call cancels its job.
        services: the domain objects of the gateway.
        progress: where to tell how far a long call has come.
        client: whom else to talk to while it works.
    """

    principal: str
    client_id: str | None
    jobs: JobQueue
    services: Services
    progress: Progress = no_progress
    credential: str | None = None
    client: Client = DEAF

    async def run_job(self, kind: str, work: Callable[[JobHandle], T]) -> T:
        """Run blocking ``work`` in the job queue, with this call's principal and progress.

        Raises:
            Busy: the queue is full.
        """
        return await self.jobs.run(kind, work, principal=self.principal, on_progress=self.progress)


class ToolOutput(Protocol):
    """What a tool returns: a Pydantic model that can also tell itself as text."""

    def model_dump_json(self) -> str:
        """The structured content, as JSON."""

    def text(self) -> str:
        """The same for a reader."""
