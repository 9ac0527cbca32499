"""Profiles for other programs: summary, whole, Scalene's own JSON, folded stacks, speedscope, HTML.

Speedscope files open at https://www.speedscope.app (which reads them in the browser and sends them
nowhere); folded stacks feed flamegraph.pl and every tool that learned its format; the HTML page
stands alone.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from pyinstrument.renderers import HTMLRenderer, SpeedscopeRenderer
from pyinstrument.session import Session

from dynogate.errors import ToolError
from dynogate.profiling.models import Frame, ProfileResult, StackSample

MAX_EXPORT_BYTES = 64 * 1024 * 1024
"""Exports above this are refused."""

MAX_STACKS = 20_000
"""Stacks in one picture; the lightest beyond them are drawn as one."""

MAX_DEPTH = 200
"""Levels in one picture: deep recursion keeps its outermost and innermost half."""

_CONTENT_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:\">"
)


class ExportFormat(StrEnum):
    """What a profile can be written as."""

    SUMMARY = "summary"  # JSON: what ran, where, how it ended, its figures
    FULL = "full"  # JSON: the whole ProfileResult
    RAW = "raw"  # Scalene's own JSON, untouched
    COLLAPSED = "collapsed"  # "root (file:line);leaf (file:line) microseconds of CPU" a line
    SPEEDSCOPE = "speedscope"  # JSON for https://www.speedscope.app, in CPU seconds
    HTML = "html"  # a page with the call tree and a flame graph


@dataclass(frozen=True, slots=True)
class Export:
    """A file to be sent or saved."""

    content: bytes
    content_type: str
    file_name: str


def export_profile(
    profile: ProfileResult,
    format_name: str,
    *,
    max_bytes: int = MAX_EXPORT_BYTES,
) -> Export:
    """Write a profile in another form.

    Args:
        profile: what to write; ``raw`` needs its ``raw`` bytes, the last three formats its stacks.
        format_name: one of ``ExportFormat``.
        max_bytes: size above which the export is refused.

    Raises:
        ValueError: ``format_name`` is not known.
        ToolError: the profile lacks what the format shows, or the result is over ``max_bytes``.
    """
    chosen = ExportFormat(format_name)
    write, content_type, suffix = _WRITERS[chosen]
    content = write(profile)
    if len(content) > max_bytes:
        raise ToolError(
            f"the profile is {len(content) / 2**20:.1f} MiB as '{chosen}', over the limit of "
            f"{max_bytes / 2**20:.1f} MiB; 'summary' and 'collapsed' are smaller"
        )
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePath(profile.target.name).stem).strip("-")[:60]
    parts = [part for part in (stem or "profile", profile.profile_id) if part]
    return Export(content, content_type, "-".join(parts) + suffix)


def _summary(profile: ProfileResult) -> bytes:
    text = profile.model_dump_json(
        include={
            "profile_id": True,
            "created_at": True,
            "tags": True,
            "target": {"kind", "name", "path", "sha256"},
            "options": True,
            "environment": True,
            "summary": True,
            "line_sampler": True,
            "gpu": True,
        }
    )
    return text.encode()


def _full(profile: ProfileResult) -> bytes:
    return profile.model_dump_json().encode()


def _raw(profile: ProfileResult) -> bytes:
    if not profile.raw:
        raise ToolError("this profile holds no raw Scalene JSON; 'full' has everything parsed")
    return profile.raw


def _collapsed(profile: ProfileResult) -> bytes:
    weights: dict[str, float] = {}
    for stack in _stacks(profile):
        folded = ";".join(_folded(frame) for frame in stack.frames)
        weights[folded] = weights.get(folded, 0.0) + stack.cpu_sec
    return "".join(f"{stack} {round(sec * 1e6)}\n" for stack, sec in weights.items()).encode()


def _folded(frame: Frame) -> str:
    """One level of a folded stack: ``;`` and line ends separate, so they cannot stay."""
    return re.sub(r"[;\r\n]", "_", f"{frame.function} ({frame.file}:{frame.lineno})")


def _speedscope(profile: ProfileResult) -> bytes:
    # show_all: without it pyinstrument leaves out whatever is below 1 % of the time.
    text: str = SpeedscopeRenderer(show_all=True).render(_session(profile))
    return text.encode()


def _html(profile: ProfileResult) -> bytes:
    """pyinstrument's page, with what it leaves open closed.

    It pastes JSON into a script element as it is, so that a function called ``</script>`` would
    end the script and start its own; and its style sheet fetches a font from the network. ``<``
    is escaped, and a policy in the page forbids every fetch.
    """
    page: str = HTMLRenderer().render(_session(profile))
    head, mark, tail = page.partition("const sessionData = ")
    document, end = json.JSONDecoder().raw_decode(tail)
    data = json.dumps(document).replace("<", "\\u003c")
    head = head.replace('<meta charset="utf-8">', f'<meta charset="utf-8">{_CONTENT_POLICY}', 1)
    return f"{head}{mark}{data}{tail[end:]}".encode()


def _session(profile: ProfileResult) -> Session:
    """The stacks as a pyinstrument session: one record a stack, equal prefixes side by side."""
    stacks = _stacks(profile)
    first_lines: dict[tuple[str, str], int] = {}
    for frame in (frame for stack in stacks for frame in stack.frames):
        key = frame.file, frame.function
        first_lines[key] = min(frame.lineno, first_lines.get(key, frame.lineno))
    # A function is one box, whatever line of it was running: pyinstrument merges equal names.
    records = sorted(
        (
            [
                f"{_plain(frame.function)}\0{_plain(frame.file)}\0"
                f"{first_lines[frame.file, frame.function]}\x01l{frame.lineno}"
                for frame in stack.frames
            ],
            stack.cpu_sec,
        )
        for stack in stacks
    )
    total = sum(seconds for _, seconds in records)
    samples = sum(stack.count for stack in stacks)
    interval = total / samples
    return Session(
        frame_records=records,
        start_time=profile.created_at.timestamp(),
        duration=total,
        min_interval=interval,
        max_interval=interval,
        sample_count=samples,
        # Never empty: pyinstrument pops its first element.
        start_call_stack=[records[0][0][0].partition("\x01")[0]],
        target_description=profile.target.name,
        cpu_time=total,
        sys_path=[str(PurePath(profile.target.path).parent)] if profile.target.path else [],
        sys_prefixes=[str(PurePath(profile.environment.python).parent.parent)],
    )


def _plain(name: str) -> str:
    """A name without the characters that pyinstrument uses as separators."""
    return name.replace("\0", "").replace("\x01", "")


def _stacks(profile: ProfileResult) -> tuple[StackSample, ...]:
    """The stacks to draw, bounded in number and depth.

    Raises:
        ToolError: the profile holds none.
    """
    stacks = [stack for stack in profile.stacks if stack.frames and stack.cpu_sec > 0]
    if not stacks:
        raise ToolError(
            "this profile holds no call stacks, which this format draws; profile again with "
            "stacks=true and a program that computes for at least some tenths of a second"
        )
    stacks.sort(key=lambda stack: stack.cpu_sec, reverse=True)
    kept, rest = stacks[:MAX_STACKS], stacks[MAX_STACKS:]
    if rest:
        frame = Frame(file="", function=f"({len(rest)} lighter stacks)", lineno=0)
        seconds, count = sum(s.cpu_sec for s in rest), sum(s.count for s in rest)
        kept.append(StackSample(frames=(frame,), cpu_sec=seconds, count=count))
    return tuple(_bounded(stack) for stack in kept)


def _bounded(stack: StackSample) -> StackSample:
    """The stack, with the middle of a very deep one left out and said so."""
    left_out = len(stack.frames) - MAX_DEPTH
    if left_out <= 0:
        return stack
    gap = Frame(file="", function="(frames left out)", lineno=0)
    frames = (*stack.frames[: MAX_DEPTH // 2], gap, *stack.frames[-(MAX_DEPTH // 2) :])
    return stack.model_copy(update={"frames": frames})


_WRITERS: dict[ExportFormat, tuple[Callable[[ProfileResult], bytes], str, str]] = {
    ExportFormat.SUMMARY: (_summary, "application/json", ".summary.json"),
    ExportFormat.FULL: (_full, "application/json", ".profile.json"),
    ExportFormat.RAW: (_raw, "application/json", ".scalene.json"),
    ExportFormat.COLLAPSED: (_collapsed, "text/plain; charset=utf-8", ".collapsed.txt"),
    ExportFormat.SPEEDSCOPE: (_speedscope, "application/json", ".speedscope.json"),
    ExportFormat.HTML: (_html, "text/html; charset=utf-8", ".html"),
}
