import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dynogate.app import check, open_database
from dynogate.errors import ConfigurationError
from dynogate.settings import Settings, load_settings
from dynogate.store.keys import KeyTable


@pytest.fixture
def public(tmp_path: Path) -> Settings:
    return load_settings(host="0.0.0.0", data_dir=tmp_path, roots=(tmp_path,))


def test_a_public_address_without_authentication_is_refused(public: Settings) -> None:
    """The message says what to do instead."""
    with pytest.raises(ConfigurationError, match=r"keys create.*DYNOGATE_ALLOW_PUBLIC_BIND"):
        check(public)
    check(public.model_copy(update={"allow_public_bind": True}))


def test_a_public_address_is_bound_where_a_key_was_made(public: Settings) -> None:
    """Strangers are kept out by it."""
    with closing(open_database(public)) as database:
        KeyTable(database).create("first", ["tools:read"])
    check(public)


def test_garbage_collection_skips_what_a_server_process_starts_with(tmp_path: Path) -> None:
    """A full one would look through all that was imported, and hold up every call meanwhile."""
    code = (
        "import gc; from dynogate.app import create_app; create_app(); print(len(gc.get_objects()))"
    )
    environment = {**os.environ, "DYNOGATE_DATA_DIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert int(ran.stdout.split()[-1]) < 10_000  # of 136,000
