"""Bounded output."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dynogate.jobs.warden.output import BoundedOutput


def kept(limit: int, *pieces: bytes) -> str:
    output = BoundedOutput(limit)
    for piece in pieces:
        output.add(piece)
    return output.text()


def test_what_fits_is_kept_whole() -> None:
    """Up to the last byte of the limit."""
    assert kept(10, b"01234", b"56789") == "0123456789"


def test_what_does_not_fit_loses_its_middle() -> None:
    """And says how much."""
    assert kept(4, b"ab", b"cdefgh", b"ij") == "ab\n[... 6 bytes left out ...]\nij"


def test_what_is_no_utf_8_is_replaced() -> None:
    """Programs may print anything."""
    assert kept(10, b"a\xffb") == "a\ufffdb"


def test_no_character_is_cut_in_two() -> None:
    """Its pieces are left out with the middle."""
    assert kept(6, "aé€".encode(), b"xxxx", "€éb".encode()) == "aé\n[... 10 bytes left out ...]\néb"


@given(st.lists(st.text(alphabet="aé€😀", max_size=8)), st.integers(1, 40))
def test_text_in_is_text_out(pieces: list[str], limit: int) -> None:
    """Whatever the limit and the pieces, valid text stays valid and no byte is forgotten."""
    whole = "".join(pieces).encode()
    text = kept(limit, *(piece.encode() for piece in pieces))
    if len(whole) <= limit:
        assert text == whole.decode()
        return
    head, note, tail = text.split("\n")
    cut = int(note.split()[1].replace(",", ""))
    assert "\ufffd" not in text
    assert whole.decode().startswith(head)
    assert whole.decode().endswith(tail)
    assert len(head.encode()) + cut + len(tail.encode()) == len(whole)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)), st.integers(1, 40))
def test_pieces_do_not_matter(data: bytes, cuts: list[int], limit: int) -> None:
    """What is kept depends on the bytes, not on how a pipe delivered them."""
    pieces = [data[a:b] for a, b in pairwise([0, *sorted(cuts), len(data)])]
    assert kept(limit, *pieces) == kept(limit, data)
