from dynogate.wire.fields import Fields, fields_of


def test_a_repeated_name_is_known_and_its_last_value_is_told() -> None:
    """Who must not have two of a field can see that there are."""
    raw = [(b"host", b"one"), (b"accept", b"a"), (b"host", b"two")]
    fields = Fields(raw)
    assert fields.repeated == {b"host"}
    assert (fields.get(b"host"), fields.get(b"accept"), fields.get(b"origin")) == (
        b"two",
        b"a",
        None,
    )
    assert fields.raw is raw


def test_the_fields_of_a_request_are_read_once() -> None:
    """Each guard gets the same."""
    scope = {"headers": [(b"host", b"localhost")]}
    assert fields_of(scope) is fields_of(scope)
