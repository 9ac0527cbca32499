import re

from dynogate.store.ids import new_id


def test_an_id_is_its_prefix_and_26_characters_that_cannot_be_mistaken() -> None:
    """Crockford's base 32 has no i, l, o or u."""
    assert re.fullmatch(r"prof_[0-9a-hjkmnp-tv-z]{26}", new_id("prof"))


def test_ids_made_later_sort_later() -> None:
    """The first ten characters are the milliseconds of the making."""
    earlier = new_id("prof")
    while (later := new_id("prof"))[:15] == earlier[:15]:
        pass
    assert later > earlier


def test_ids_of_one_millisecond_differ() -> None:
    """Eighty random bits tell them apart."""
    assert len({new_id("prof") for _ in range(10_000)}) == 10_000
