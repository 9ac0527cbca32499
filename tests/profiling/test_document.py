import json

import pytest

from dynogate.errors import UnreadableProfile
from dynogate.profiling.document import decode, encode
from dynogate.profiling.models import ScriptError
from tests.profiles import sample_profile, sample_stack, sample_summary


def test_a_profile_survives_without_its_raw_output() -> None:
    """Every field, to the last digit."""
    profile = sample_profile(
        tags=("a", "b"),
        stdout="é \x00 \U0001f525",
        summary=sample_summary(
            outcome="failed",
            exit_status=1,
            elapsed_time_sec=0.1 + 0.2,
            error=ScriptError(type="ValueError", message="m", traceback="t"),
        ),
    )
    assert decode(encode(profile)) == profile.model_copy(update={"raw": b""})


def test_frames_are_stored_once_and_shared() -> None:
    """A thousand stacks of the same two frames."""
    stack = sample_stack(("<module>", 16), ("square_sum", 7), cpu_sec=0.01)
    encoded = encode(sample_profile(stacks=(stack,) * 1000))
    assert len(json.loads(encoded)["frames"]) == 2
    first, last = decode(encoded).stacks[0], decode(encoded).stacks[-1]
    assert first == last == stack
    decoded = decode(encoded).stacks
    assert decoded[0].frames[1] is decoded[999].frames[1]


def test_a_file_name_that_is_not_utf_8_does_not_lose_the_profile() -> None:
    """POSIX allows any bytes; Python hands them over as lone surrogates."""
    profile = sample_profile(stdout="a\udcff", stacks=(sample_stack(("f\udcff", 1), cpu_sec=1.0),))
    decoded = decode(encode(profile))
    assert decoded.stdout == "a\\udcff"
    assert decoded.stacks[0].frames[0].function == "f\\udcff"


def test_a_document_of_an_older_schema_says_so() -> None:
    """Which one it is, and which one is read."""
    old = json.dumps({"schema_version": 0, "lines": []}).encode()
    with pytest.raises(
        UnreadableProfile, match=r"written in schema 0; this version reads schema 1"
    ):
        decode(old)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b'{"schema_version": "new"}'])
def test_what_is_no_document_is_damaged(data: bytes) -> None:
    """Without a schema version there is nothing to go by."""
    with pytest.raises(UnreadableProfile, match="damaged"):
        decode(data)


def test_a_document_that_breaks_its_schema_says_so() -> None:
    """A field is missing."""
    fields = json.loads(encode(sample_profile()))
    del fields["profile"]["target"]
    with pytest.raises(UnreadableProfile, match="does not follow schema 1"):
        decode(json.dumps(fields).encode())


def test_a_stack_of_unknown_frames_breaks_the_schema() -> None:
    """Its number points past the table."""
    fields = json.loads(encode(sample_profile()))
    fields["frames"] = fields["frames"][:1]
    with pytest.raises(UnreadableProfile, match="does not follow schema 1"):
        decode(json.dumps(fields).encode())
