import base64

import pytest

from dynogate.store.paging import BadCursor, Position, decode_cursor, encode_cursor

POSITION = Position(created_us=1_772_366_400_000_000, key=42)


@pytest.mark.parametrize("position", [POSITION, Position(-1, 0), Position(2**62, 2**62)])
def test_a_cursor_gives_its_position_back(position: Position) -> None:
    """Instants before 1970 included."""
    assert decode_cursor(encode_cursor(position, of="all"), of="all") == position


def test_a_cursor_is_safe_in_a_url() -> None:
    """Letters, digits, minus and underscore need no escaping."""
    text = encode_cursor(Position(-1, -1), of="all")
    assert text.replace("-", "a").replace("_", "a").isalnum()


@pytest.mark.parametrize("place", range(32))
def test_a_changed_character_is_noticed(place: int) -> None:
    """Wherever it is."""
    text = encode_cursor(POSITION, of="all")
    other = "A" if text[place] != "A" else "B"
    with pytest.raises(BadCursor):
        decode_cursor(text[:place] + other + text[place + 1 :], of="all")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a cursor",
        "é",
        "AAAA",
        "%%%%",
        base64.urlsafe_b64encode(bytes(24)).decode(),
        "=" * 8,
    ],
)
def test_other_text_is_no_cursor(text: str) -> None:
    """Too short, not base 64, or without the digest."""
    with pytest.raises(BadCursor):
        decode_cursor(text, of="all")


def test_a_cursor_belongs_to_the_list_it_came_from() -> None:
    """With other filters the same place means something else."""
    with pytest.raises(BadCursor):
        decode_cursor(encode_cursor(POSITION, of="tag=a"), of="tag=b")
