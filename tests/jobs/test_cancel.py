"""The switch that asks work to stop."""

from dynogate.jobs.cancel import CancelToken


def test_a_token_starts_untouched() -> None:
    """Nobody asked, so there is no reason."""
    token = CancelToken()
    assert not token.cancelled
    assert token.reason is None


def test_the_first_reason_stays() -> None:
    """A second cancel changes nothing."""
    token = CancelToken()
    token.cancel("first")
    token.cancel("second")
    assert token.cancelled
    assert token.reason == "first"


def test_a_callback_is_called_once() -> None:
    """However often it is cancelled."""
    token, calls = CancelToken(), list[str]()
    with token.calling(lambda: calls.append("called")):
        token.cancel("now")
        token.cancel("again")
    assert calls == ["called"]


def test_a_late_callback_is_called_at_once() -> None:
    """Who comes after the cancel must not wait for ever."""
    token, calls = CancelToken(), list[str]()
    token.cancel("before")
    with token.calling(lambda: calls.append("called")):
        assert calls == ["called"]


def test_a_callback_is_not_called_after_its_block() -> None:
    """What it would use may be closed by then."""
    token, calls = CancelToken(), list[str]()
    with token.calling(lambda: calls.append("called")):
        pass
    token.cancel("too late")
    assert calls == []
