"""Exports of dynogate.profiling.export, checked by the rules of the formats they claim."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from dynogate.errors import ToolError
from dynogate.profiling import export
from dynogate.profiling.export import ExportFormat, export_profile
from dynogate.profiling.models import Frame, ProfileResult, StackSample
from tests.profiles import SCRIPT, sample_profile, sample_stack, sample_target

HOSTILE = "</script><script>alert(1)</script>;\n\0\x01<img src=x onerror=alert(2)>"


def hostile_profile() -> ProfileResult:
    """A profile whose names try to leave every format they are written in."""
    return sample_profile(
        target=sample_target(f"/srv/{HOSTILE}.py"),
        stacks=(sample_stack(("<module>", 1), (HOSTILE, 2), file=f"/{HOSTILE}", cpu_sec=1.0),),
    )


def speedscope(profile: ProfileResult) -> dict[str, Any]:
    """The export as speedscope would parse it."""
    document: dict[str, Any] = json.loads(export_profile(profile, "speedscope").content)
    return document


def check_speedscope(document: dict[str, Any]) -> None:
    """The rules of speedscope's file-format-spec for an evented profile."""
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = document["shared"]["frames"]
    assert all(isinstance(frame["name"], str) for frame in frames)
    for profile in document["profiles"]:
        assert profile["type"] == "evented"
        assert profile["unit"] == "seconds"
        opened: list[int] = []
        now = profile["startValue"]
        for event in profile["events"]:
            assert event["at"] >= now
            now = event["at"]
            assert 0 <= event["frame"] < len(frames)
            if event["type"] == "O":
                opened.append(event["frame"])
            else:
                assert opened.pop() == event["frame"]
        assert opened == []
        assert now <= profile["endValue"] * (1 + 1e-9)


def seconds_of(document: dict[str, Any], name: str) -> float:
    """Inclusive seconds of a function that does not recurse, read from the events."""
    frames = document["shared"]["frames"]
    total = 0.0
    for event in document["profiles"][0]["events"]:
        if frames[event["frame"]]["name"] == name:
            total += event["at"] if event["type"] == "C" else -event["at"]
    return total


class Scripts(HTMLParser):
    """What a browser would take for elements of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def test_the_summary_has_the_figures_and_not_the_source() -> None:
    """A summary is for lists and dashboards; it must stay small."""
    document = json.loads(export_profile(sample_profile(), "summary").content)
    assert document["summary"]["elapsed_time_sec"] == 2.0
    assert "source" not in document["target"]
    assert "files" not in document


def test_the_full_export_reads_back_as_the_profile() -> None:
    """Nothing but the raw bytes is lost in the full form."""
    profile = sample_profile()
    again = ProfileResult.model_validate_json(export_profile(profile, ExportFormat.FULL).content)
    assert again == profile.model_copy(update={"raw": b""})


def test_the_raw_export_is_scalenes_bytes() -> None:
    """Whoever asks for Scalene's JSON gets it untouched."""
    profile = sample_profile()
    assert export_profile(profile, "raw").content == profile.raw


def test_a_profile_without_raw_bytes_says_so() -> None:
    """An empty file would look like a success."""
    with pytest.raises(ToolError, match="no raw Scalene JSON"):
        export_profile(sample_profile(raw=b""), "raw")


def test_collapsed_lines_carry_microseconds_of_cpu() -> None:
    """The weight's unit is part of the promise."""
    lines = export_profile(sample_profile(), "collapsed").content.decode().splitlines()
    assert f"<module> ({SCRIPT}:16);square_sum ({SCRIPT}:7) 1430000" in lines
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == 1_900_000


def test_collapsed_stacks_survive_hostile_names() -> None:
    """A name with ; or a line end must not make another level or line."""
    text = export_profile(hostile_profile(), "collapsed").content.decode()
    assert len(text.splitlines()) == 1
    assert text.count(";") == 1


def test_speedscope_gets_balanced_ordered_events() -> None:
    """The file follows the published rules, and the seconds are the profile's."""
    document = speedscope(sample_profile())
    check_speedscope(document)
    assert seconds_of(document, "square_sum") == pytest.approx(1.81)
    assert document["profiles"][0]["endValue"] == pytest.approx(1.9)


def test_speedscope_keeps_what_is_below_one_percent() -> None:
    """pyinstrument drops small nodes unless told not to."""
    stacks = (
        sample_stack(("<module>", 1), ("big", 2), cpu_sec=10.0),
        sample_stack(("<module>", 1), ("small", 9), cpu_sec=0.01),
    )
    document = speedscope(sample_profile(stacks=stacks))
    assert seconds_of(document, "small") == pytest.approx(0.01)


def test_stacks_with_different_roots_make_one_valid_file() -> None:
    """Threads start at their own functions."""
    stacks = (
        sample_stack(("<module>", 1), cpu_sec=0.5),
        sample_stack(("Thread.run", 4), ("work", 9), cpu_sec=0.5),
    )
    document = speedscope(sample_profile(stacks=stacks))
    check_speedscope(document)
    assert seconds_of(document, "work") == pytest.approx(0.5)


def test_the_page_holds_the_functions() -> None:
    """The tree that the page draws is the profile's."""
    page = export_profile(sample_profile(), "html").content.decode()
    assert page.count('"square_sum\\u0000') == 1


def test_the_page_is_not_opened_by_a_hostile_name() -> None:
    """A function called </script> stays a name: the page has its own two scripts and no image."""
    page = export_profile(hostile_profile(), "html").content.decode()
    parser = Scripts()
    parser.feed(page)
    assert parser.tags.count("script") == 2
    assert "img" not in parser.tags
    assert "\\u003c/script>\\u003cscript>alert(1)" in page


def test_the_page_may_fetch_nothing() -> None:
    """It stands alone: its policy forbids the network, fonts included."""
    page = export_profile(sample_profile(), "html").content.decode()
    assert re.search(r"<meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\"", page)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("format_name", ["collapsed", "speedscope", "html"])
def test_a_profile_without_stacks_says_how_to_get_them(format_name: str) -> None:
    """The reader learns which argument was missing."""
    with pytest.raises(ToolError, match="stacks=true"):
        export_profile(sample_profile(stacks=()), format_name)


@pytest.mark.parametrize("format_name", ["collapsed", "speedscope", "html"])
def test_deep_recursion_is_drawn_with_its_middle_left_out(format_name: str) -> None:
    """Ten thousand levels overflow no stack and keep both ends."""
    names = [("<module>", 1), *((f"level{n}", 2) for n in range(10_000))]
    profile = sample_profile(stacks=(sample_stack(*names, cpu_sec=1.0),))
    text = export_profile(profile, format_name).content.decode()
    assert "level9999" in text
    assert "(frames left out)" in text
    assert "level5000" not in text


def test_the_lightest_of_too_many_stacks_are_drawn_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The picture is bounded and its total stays true."""
    monkeypatch.setattr(export, "MAX_STACKS", 2)
    document = speedscope(sample_profile())
    check_speedscope(document)
    assert seconds_of(document, "(1 lighter stacks)") == pytest.approx(0.09)
    assert document["profiles"][0]["endValue"] == pytest.approx(1.9)


def test_stacks_without_time_or_frames_are_no_stacks() -> None:
    """A zero-second session would divide by zero."""
    empty = StackSample(frames=(), cpu_sec=1.0, count=1)
    idle = StackSample(frames=(Frame(file=SCRIPT, function="f", lineno=1),), cpu_sec=0.0, count=1)
    with pytest.raises(ToolError, match="no call stacks"):
        export_profile(sample_profile(stacks=(empty, idle)), "speedscope")


def test_an_export_over_the_limit_is_refused() -> None:
    """The answer names the size, the limit and the smaller formats."""
    with pytest.raises(ToolError, match=r"over the limit of 0\.0 MiB"):
        export_profile(sample_profile(), "html", max_bytes=1000)


def test_an_unknown_format_is_refused() -> None:
    """A typing error is not answered with some other format."""
    with pytest.raises(ValueError, match="flamegraph"):
        export_profile(sample_profile(), "flamegraph")


@pytest.mark.parametrize(
    ("format_name", "content_type", "file_name"),
    [
        ("summary", "application/json", "slow-p1.summary.json"),
        ("full", "application/json", "slow-p1.profile.json"),
        ("raw", "application/json", "slow-p1.scalene.json"),
        ("collapsed", "text/plain; charset=utf-8", "slow-p1.collapsed.txt"),
        ("speedscope", "application/json", "slow-p1.speedscope.json"),
        ("html", "text/html; charset=utf-8", "slow-p1.html"),
    ],
)
def test_each_format_has_its_type_and_name(
    format_name: str, content_type: str, file_name: str
) -> None:
    """A browser and a person can tell the files apart."""
    made = export_profile(sample_profile(profile_id="p1"), format_name)
    assert (made.content_type, made.file_name) == (content_type, file_name)


def test_a_hostile_target_gives_a_harmless_file_name() -> None:
    """Nothing of a path or a header can be smuggled through the name."""
    made = export_profile(hostile_profile(), "summary")
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.summary\.json", made.file_name)
