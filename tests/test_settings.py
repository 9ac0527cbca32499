import os
from pathlib import Path

import pytest

from dynogate.errors import ConfigurationError
from dynogate.settings import Settings, is_loopback, load_settings


def test_the_environment_is_read_and_overrides_win(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Command line over environment over defaults."""
    monkeypatch.setenv("DYNOGATE_PORT", "9000")
    monkeypatch.setenv("DYNOGATE_ROOTS", f"{tmp_path}{os.pathsep}/")
    assert load_settings().port == 9000
    assert load_settings(port=9001).port == 9001
    assert load_settings().roots == (tmp_path.resolve(), Path("/"))


def test_settings_survive_the_trip_through_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Worker processes read back exactly what the command line gave."""
    settings = load_settings(
        roots=(tmp_path,), allowed_hosts="a,b", workers=3, data_dir=tmp_path, log_level="debug"
    )
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", 99999), ("sandbox", "maybe"), ("roots", "/no/such/place"), ("roots", ())],
)
def test_a_wrong_value_names_its_variable(name: str, value: object) -> None:
    """Operators set variables; the message speaks of those."""
    with pytest.raises(ConfigurationError, match=f"DYNOGATE_{name.upper()}"):
        load_settings(**{name: value})


def test_the_store_is_sqlite_in_the_data_dir_unless_a_url_is_given(tmp_path: Path) -> None:
    """The embedded default needs no service."""
    assert load_settings(data_dir=tmp_path).store_url == f"sqlite:///{tmp_path}/dynogate.db"
    assert load_settings(database_url="postgresql://x").store_url == "postgresql://x"


def test_the_data_dir_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_DATA_HOME moves it."""
    monkeypatch.delenv("DYNOGATE_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/xdg")
    assert load_settings().data_dir == Path("/xdg/dynogate")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("example.com", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, loopback: bool) -> None:
    """Names other than localhost are not trusted to be loopback."""
    assert is_loopback(host) is loopback


def test_every_setting_is_described() -> None:
    """The settings page is made of these descriptions."""
    assert all(field.description for field in Settings.model_fields.values())
