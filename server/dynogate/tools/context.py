"""What a tool is given besides its arguments."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, Protocol, TypeVar, cast

import msgspec
from pydantic_core import SchemaSerializer

from dynogate.errors import MissingCapability
from dynogate.jobs.queue import JobHandle, JobQueue
from dynogate.tools.inputs import Answer, InputRequest
from dynogate.wire.mcp import LogLevel
from dynogate.wire.results import Content

T = TypeVar("T")

Deferral = Callable[[], Awaitable[None]]

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

    def can(self, request: InputRequest) -> bool:
        """Whether the client can be asked this."""
        return False

    async def ask(self, requests: Mapping[str, InputRequest]) -> dict[str, Answer]:
        """The client's answers to ``requests``, by name; the same name has the same answer.

        What it means to wait for them is told in `dynogate.tools.inputs`.

        Raises:
            MissingCapability: it cannot, or did not say it could.
        """
        for request in requests.values():
            if not self.can(request):
                raise MissingCapability(
                    f"the client takes no {request.method} here; connect with MCP and declare "
                    f"{request.capability!r}",
                    data={"requiredCapabilities": {request.capability: {}}},
                )
        return await self._answers(requests)

    async def _answers(self, requests: Mapping[str, InputRequest]) -> dict[str, Answer]:
        """Those to requests that the client can be asked."""
        return {}


DEAF = Client()


class ToolContext(msgspec.Struct, frozen=True):
    """The call a tool serves.

    Attributes:
        principal: who calls: an authenticated name, or ``local`` for anyone on a loopback bind.
        client_id: what the client calls itself; never an identity.
        credential: the id of the key or token that was shown, for the audit; None without one.
        jobs: where long work runs; cancelling the call cancels its job.
        services: the domain objects of the gateway.
        progress: where to tell how far a long call has come.
        client: whom else to talk to while it works.
        deferral: makes the call one that outlives its request; None where that cannot be.
    """

    principal: str
    client_id: str | None
    jobs: JobQueue
    services: Services
    progress: Progress = no_progress
    credential: str | None = None
    client: Client = DEAF
    deferral: Deferral | None = None

    async def defer(self) -> None:
        """Let the client go its way from here on, where it can come back for the result.

        Long tools call it once all is known that they need; `run_job` does it for them. Without
        effect where the client has to wait.
        """
        if self.deferral is not None:
            await self.deferral()

    async def run_job(self, kind: str, work: Callable[[JobHandle], T]) -> T:
        """Run blocking ``work`` in the job queue, with this call's principal and progress.

        Raises:
            Busy: the queue is full.
        """
        self.jobs.check_room()
        await self.defer()
        return await self.jobs.run(kind, work, principal=self.principal, on_progress=self.progress)


class ToolOutput(Protocol):
    """What a tool returns: a Pydantic model that can also tell itself as text."""

    __pydantic_serializer__: ClassVar[SchemaSerializer]

    def text(self) -> str:
        """The same for a reader."""


class RichOutput(ToolOutput, Protocol):
    """What a tool returns that gives a reader more than text: images, sounds, resources."""

    def blocks(self) -> Sequence[Content]:
        """What a reader gets in place of the text."""
