"""The three chaos tools: which experiments there are, running one, and its report."""

import asyncio
import threading
from typing import Annotated

import msgspec
from pydantic import Field

from dynogate.errors import Busy, ChaosDisabled, ReportNotFound
from dynogate.jobs.queue import JobHandle
from dynogate.store.reports import ReportTable, StoredReport
from dynogate.tools.chaos.checkout import checkout
from dynogate.tools.chaos.child import list_experiments, run_experiment
from dynogate.tools.chaos.models import ChaosReport, Experiment, Experiments, Run
from dynogate.tools.context import ToolContext
from dynogate.tools.policy import ChaosPolicy
from dynogate.tools.registry import Annotations, Toolset, invalid

toolset = Toolset("chaos")

_READ = Annotations(read_only=True, idempotent=True)
_EXECUTE = Annotations(read_only=False)
_KIND = "chaos"
_RETRY_SEC = 30.0

_alone = threading.Lock()
"""Two experiments at once would measure each other."""


@toolset.tool(scope="tools:read", annotations=_READ, long_running=True)  # asks a child process
async def list_chaos_experiments(ctx: ToolContext) -> Experiments:
    """List the chaos experiments that run_chaos_experiment can run.

    Each breaks one thing for real, such as the network between a gateway and what it depends on,
    and claims how calls fare meanwhile. Returns their names and claims, what is broken and how, and
    whether they take a few seconds only.
    """
    root = checkout()

    def work(job: JobHandle) -> Experiments:
        return list_experiments(root, job.cancel)

    return await ctx.run_job("list_chaos_experiments", work)


@toolset.tool(scope="tools:execute", annotations=_EXECUTE, long_running=True)
async def run_chaos_experiment(
    ctx: ToolContext,
    *,
    experiment: Annotated[
        str,
        Field(
            description="Its name, as list_chaos_experiments has it.",
            pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$",
        ),
    ],
) -> ChaosReport:
    """Run one chaos experiment against a gateway that it starts for itself, and judge it.

    The gateway that is asked is never broken: the experiment has servers of its own, loads them,
    breaks one thing, and undoes it, also when it is cancelled. It takes up to two minutes, and
    only one runs at a time. Returns whether it is green, the proof that the fault bit, each bar
    with its figure, and the id for get_chaos_report. Off unless the operator enabled it.
    """
    policy = ctx.services.get(ChaosPolicy)
    if not policy.allow:
        raise ChaosDisabled(
            "run_chaos_experiment is off: it loads the machine it runs on. Start the gateway with "
            "DYNOGATE_ALLOW_CHAOS=true, on a machine where nothing else is measured."
        )
    root = checkout()
    reports = ctx.services.get(ReportTable)

    def work(job: JobHandle) -> ChaosReport:
        if not _alone.acquire(blocking=False):
            raise Busy(
                "a chaos experiment runs already, and two would disturb each other",
                retry_after=_RETRY_SEC,
            )
        try:
            chosen = _chosen(experiment, list_experiments(root, job.cancel))

            def tell(elapsed_sec: float) -> None:
                job.progress(min(elapsed_sec, chosen.limit), chosen.limit, chosen.title)

            document = run_experiment(
                chosen.name, root=root, limits=policy.limits, cancel=job.cancel, on_tick=tell
            )
        finally:
            _alone.release()
        return _report(reports.insert(_KIND, document), full=False)

    return await ctx.run_job("run_chaos_experiment", work)


@toolset.tool(scope="tools:read", annotations=_READ)
async def get_chaos_report(
    ctx: ToolContext,
    *,
    report_id: Annotated[
        str | None,
        Field(
            description="As run_chaos_experiment returned it. Default: the newest.",
            min_length=1,
            max_length=100,
        ),
    ] = None,
    full: Annotated[
        bool, Field(description="Also give the whole document, with the load second by second.")
    ] = False,
) -> ChaosReport:
    """Fetch what came out of a chaos experiment that was run before.

    Returns the verdict with its reasons, the proof that the fault bit, each bar with its figure,
    and the recovery time.
    """
    table = ctx.services.get(ReportTable)
    stored = await asyncio.to_thread(table.get, _KIND, report_id)
    if stored is None:
        what = "no chaos report yet" if report_id is None else f"no chaos report {report_id!r}"
        raise ReportNotFound(f"there is {what}; run_chaos_experiment makes one")
    return _report(stored, full=full)


def _chosen(name: str, there: Experiments) -> Experiment:
    for each in there.experiments:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in there.experiments)
    raise invalid("run_chaos_experiment", "experiment", f"is {name!r}; there are {names}")


def _report(stored: StoredReport, *, full: bool) -> ChaosReport:
    return ChaosReport(
        report_id=stored.id,
        created_at=stored.created_at,
        experiments=Run.model_validate_json(stored.document).experiments,
        document=msgspec.json.decode(stored.document) if full else None,
    )
