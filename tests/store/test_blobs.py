import pytest
import zstandard

from dynogate.store.blobs import DamagedBlob, pack, unpack

TEXT = b'{"lineno": 7, "n_cpu_percent_python": 73.0}' * 1000


@pytest.mark.parametrize("data", [b"", b"x", TEXT])
def test_what_was_packed_comes_back(data: bytes) -> None:
    """Nothing at all included."""
    assert unpack(pack(data), len(data)) == data


def test_packing_pays() -> None:
    """Scalene's JSON repeats its keys on every line."""
    assert len(pack(TEXT)) < len(TEXT) / 50


def test_one_changed_bit_anywhere_is_noticed() -> None:
    """The frame's checksum covers what its structure does not."""
    packed = pack(b"a profile of some length, with few repetitions in it: 0123456789")
    for place in range(len(packed)):
        damaged = bytearray(packed)
        damaged[place] ^= 1
        with pytest.raises(DamagedBlob):
            unpack(bytes(damaged), 64)


@pytest.mark.parametrize("kept", [0, 3, 20])
def test_a_cut_blob_is_damaged(kept: int) -> None:
    """Half a frame is no profile."""
    with pytest.raises(DamagedBlob):
        unpack(pack(TEXT)[:kept], len(TEXT))


def test_a_frame_that_claims_another_size_is_not_opened() -> None:
    """A small frame can ask for gigabytes: the recorded size decides first."""
    bomb = zstandard.ZstdCompressor().compress(bytes(50_000_000))
    with pytest.raises(DamagedBlob, match="size"):
        unpack(bomb, 1000)
