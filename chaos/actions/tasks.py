"""Tasks that run while something is done to the gateway."""

from chaos.rig.processes import until
from chaos.rig.rig import current
from chaos.rig.speaker import Speaker
from dynogate.errors import RigFailed

NOTE = "tasks"


def start_tasks(seconds: list[float], tool: str = "work") -> list[str]:
    """Start a task for each of these times, that takes so long; their ids.

    Args:
        seconds: of each.
        tool: ``work``, which runs a program, or ``rest``.

    Raises:
        RigFailed: the gateway did not acknowledge one.
    """
    rig = current()
    ids: list[str] = rig.notes.setdefault(NOTE, [])
    with Speaker() as speaker:
        for each in seconds:
            answer = speaker.call(tool, seconds=each)
            task = answer.get("result", {}).get("taskId")
            if task is None:
                raise RigFailed(f"no task was made: {answer}")
            ids.append(task)
    return ids


def wait_for_task(status: str, seconds: float = 10.0) -> None:
    """Wait until one of the tasks has this status.

    Raises:
        RigFailed: none had it in time.
    """
    rig = current()
    with Speaker() as speaker:

        def is_there() -> bool:
            found = (speaker.task(each) for each in rig.notes[NOTE])
            return any(answer.get("result", {}).get("status") == status for answer in found)

        until(is_there, f"a task that is {status}", seconds)
