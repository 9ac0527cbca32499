"""Scalene's JSON as data, whoever wrote it and however broken it is."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from dynogate.errors import BadScript
from dynogate.profiling.capture.parser import ProfileParser, growth_rate
from dynogate.profiling.models import Outcome


def line(lineno: int, text: str = "x = 1\n", **fields: Any) -> dict[str, Any]:
    return {"lineno": lineno, "line": text, **fields}


def document(lines: list[dict[str, Any]], **fields: Any) -> bytes:
    base = {
        "program": "/srv/app/slow.py",
        "elapsed_time_sec": 2.0,
        "memory": True,
        "max_footprint_mb": 40.0,
        "files": {"/srv/app/slow.py": {"percent_cpu_time": 100.0, "lines": lines}},
    }
    return json.dumps(base | fields).encode()


@pytest.mark.parametrize(
    "raw", [b"", b"  \n", b"{}", b'{"files": {"a.py": {"lines": [{"li', b"[]", b"\xff"]
)
def test_a_document_without_a_profile_is_empty(raw: bytes) -> None:
    """Nothing, ``{}``, half a document or something else: empty, never an exception."""
    assert ProfileParser().parse(raw).empty


@pytest.mark.parametrize("raw", [b"", b'{"files": 3}', b'{"files": {"a.py": {"lines": [{"li'])
def test_an_unreadable_document_says_why(raw: bytes) -> None:
    """What is broken is told apart from a run without samples."""
    assert ProfileParser().parse(raw).problem
    assert ProfileParser().parse(b"{}").problem is None


def test_a_document_too_large_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program can write what it likes in the profile's place."""
    monkeypatch.setattr("dynogate.profiling.capture.parser.MAX_JSON_BYTES", 10)
    assert ProfileParser().parse(b'{"files": {}}').problem == "it is over 10 bytes"


def test_deep_nesting_is_an_empty_profile() -> None:
    """A document nested beyond any sense is refused without a crash."""
    assert ProfileParser().parse(b'{"files":' * 100_000).empty


def test_cpu_is_a_share_of_what_was_credited() -> None:
    """Scalene's shares of the wall clock become shares of CPU time; waiting stays its own."""
    raw = document(
        [
            line(1, n_cpu_percent_python=30.0, n_cpu_percent_c=10.0, n_sys_percent=20.0),
            line(2, n_cpu_percent_python=10.0),
        ]
    )
    costs = ProfileParser().parse(raw).lines
    first = costs["/srv/app/slow.py", 1]
    assert (first.cpu_python, first.cpu_native, first.cpu_system) == (60.0, 20.0, 20.0)
    assert costs["/srv/app/slow.py", 2].cpu == 20.0


def test_lines_that_cost_nothing_are_left_out() -> None:
    """Scalene lists every line of a file."""
    raw = document([line(1), line(2, n_malloc_mb=4.0, n_mallocs=4)])
    assert [lineno for _, lineno in ProfileParser().parse(raw).lines] == [2]


def test_sources_are_unescaped() -> None:
    """Scalene writes angle brackets as literal escapes, for its own page."""
    raw = document([line(1, "if a \\u003c b \\u0026 c \\u003e d:\n", n_malloc_mb=1.0)])
    assert ProfileParser().parse(raw).texts["/srv/app/slow.py", 1] == "if a < b & c > d:"


def test_without_memory_the_footprint_is_unknown() -> None:
    """A footprint of 0 is not the same as none measured."""
    parsed = ProfileParser().parse(document([line(1, n_cpu_percent_c=1.0)], memory=False))
    assert parsed.max_footprint_mb is None


def test_stacks_name_files_with_spaces() -> None:
    """A frame is ``file function:line``, and a path may hold blanks."""
    stack = [["/srv/my app/a.py <module>:3;", "/srv/my app/a.py f:9;"], {"count": 2, "c_time": 0.5}]
    parsed = ProfileParser().parse(document([line(1)], stacks=[stack]))
    (sample,) = parsed.stacks
    assert [(f.file, f.function, f.lineno) for f in sample.frames] == [
        ("/srv/my app/a.py", "<module>", 3),
        ("/srv/my app/a.py", "f", 9),
    ]
    assert (sample.cpu_sec, sample.count) == (1.0, 2)


def test_frames_that_are_none_are_left_out() -> None:
    """A stack of nothing readable is no stack."""
    parsed = ProfileParser().parse(document([line(1)], stacks=[[["???"], {"count": 1}]]))
    assert parsed.stacks == ()


def test_growth_is_in_megabytes_a_second() -> None:
    """The slope of the footprint, not Scalene's percentage; one outlier does not move it."""
    samples = [(i * 1e8, 2.0 * i) for i in range(20)]
    samples[10] = (10e8, 500.0)
    parsed = ProfileParser().parse(document([line(1)], samples=samples))
    assert growth_rate(parsed.memory_timeline) == pytest.approx(20.0, rel=0.05)


def test_growth_needs_three_moments() -> None:
    """Below three there is no slope to speak of."""
    assert growth_rate([(0.0, 1.0), (1.0, 2.0), (1.0, 3.0)]) is None


def test_gpu_is_reported_as_seen() -> None:
    """The device's name comes along."""
    parsed = ProfileParser().parse(document([line(1)], gpu=True, gpu_device="GPU"))
    assert (parsed.gpu.seen, parsed.gpu.device) == (True, "GPU")


def test_lines_of_other_files_can_be_left_out() -> None:
    """``only`` keeps what a filter keeps."""
    parsed = ProfileParser().parse(document([line(1, n_malloc_mb=1.0)]))
    assert parsed.only(lambda _: False).lines == {}


def test_somebodys_file_is_a_whole_profile(tmp_path: Path) -> None:
    """A Scalene JSON made elsewhere can be analysed; functions come from its own lines."""
    texts = ["def work():\n", "    return sum(range(10))\n", "work()\n"]
    lines = [line(n, text, n_cpu_percent_c=float(n == 2)) for n, text in enumerate(texts, start=1)]
    path = tmp_path / "profile.json"
    path.write_bytes(document(lines))
    profile = ProfileParser().parse_file(path)
    assert profile.line_sampler == "scalene"
    assert profile.summary.outcome is Outcome.COMPLETED
    assert profile.files[0].lines[0].function == "work"
    assert profile.raw == path.read_bytes()


def test_a_reduced_file_names_what_it_can(tmp_path: Path) -> None:
    """Where lines are missing the functions are unknown, but the lines' texts are there."""
    path = tmp_path / "profile.json"
    path.write_bytes(document([line(7, "    y = 2\n", n_cpu_percent_c=5.0)]))
    (only,) = ProfileParser().parse_file(path).files[0].lines
    assert (only.function, only.source) == ("<module>", "    y = 2")


def test_a_file_that_is_no_profile(tmp_path: Path) -> None:
    """The error names the file and the reason."""
    path = tmp_path / "empty.json"
    path.write_text("{}")
    with pytest.raises(BadScript, match="no samples"):
        ProfileParser().parse_file(path)


def test_a_large_profile_parses_quickly() -> None:
    """Nine megabytes take well under a second of CPU time."""
    samples = [float(i) for i in range(40)]
    lines = [
        line(
            n, f"value_{n} = compute({n}) + other({n})\n", cpu_samples_list=samples, n_malloc_mb=0.5
        )
        for n in range(1, 20_000)
    ]
    raw = document(lines)
    assert len(raw) > 6_000_000
    started = time.process_time()
    parsed = ProfileParser().parse(raw)
    assert len(parsed.lines) == 19_999
    assert time.process_time() - started < 1.0
