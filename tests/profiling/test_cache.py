import threading

from dynogate.profiling.cache import ProfileCache
from tests.profiles import sample_profile

PROFILE = sample_profile()


def kept(cache: ProfileCache, *names: str) -> list[str]:
    return [name for name in names if cache.get(name) is not None]


def test_the_least_recently_used_goes_first() -> None:
    """Reading counts as use."""
    cache = ProfileCache(30)
    for name in ("a", "b", "c"):
        cache.put(name, PROFILE, 10)
    cache.get("a")
    cache.put("d", PROFILE, 10)
    assert kept(cache, "a", "b", "c", "d") == ["a", "c", "d"]


def test_a_large_one_pushes_out_several() -> None:
    """Bytes are counted, not entries."""
    cache = ProfileCache(30)
    for name in ("a", "b", "c"):
        cache.put(name, PROFILE, 10)
    cache.put("d", PROFILE, 25)
    assert kept(cache, "a", "b", "c", "d") == ["d"]


def test_one_larger_than_the_cache_is_not_kept() -> None:
    """And pushes nothing out."""
    cache = ProfileCache(30)
    cache.put("a", PROFILE, 10)
    cache.put("b", PROFILE, 31)
    assert kept(cache, "a", "b") == ["a"]


def test_what_is_put_twice_counts_once() -> None:
    """The second replaces the first."""
    cache = ProfileCache(30)
    for _ in range(5):
        cache.put("a", PROFILE, 15)
    cache.put("b", PROFILE, 15)
    assert kept(cache, "a", "b") == ["a", "b"]


def test_what_is_discarded_makes_room() -> None:
    """Discarding what is not there is no error."""
    cache = ProfileCache(30)
    cache.put("a", PROFILE, 30)
    cache.discard("a")
    cache.discard("a")
    cache.put("b", PROFILE, 15)
    cache.put("c", PROFILE, 15)
    assert kept(cache, "a", "b", "c") == ["b", "c"]


def test_a_cleared_cache_is_empty_and_works() -> None:
    """With all of its room."""
    cache = ProfileCache(30)
    cache.put("a", PROFILE, 30)
    cache.clear()
    cache.put("b", PROFILE, 30)
    assert kept(cache, "a", "b") == ["b"]


def test_threads_share_one_cache() -> None:
    """Nothing is lost or counted twice under contention."""
    cache = ProfileCache(100)

    def churn(offset: int) -> None:
        for number in range(2000):
            name = str((number + offset) % 30)
            cache.put(name, PROFILE, 10)
            cache.get(name)
            cache.discard(str(number % 7))

    threads = [threading.Thread(target=churn, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(10):
        cache.put(f"new{number}", PROFILE, 10)
    assert len(kept(cache, *(f"new{number}" for number in range(10)))) == 10
