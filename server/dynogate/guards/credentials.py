"""What a request shows to prove who sent it: read from headers, refused in a URL."""

from urllib.parse import parse_qsl

from dynogate.errors import InvalidRequest, Unauthenticated
from dynogate.wire.fields import Fields

API_KEY_PREFIX = "dynogate_"
_MAX_CHARACTERS = 8192
_ONE_OF = frozenset({b"authorization", b"x-api-key"})
# A URL ends up in logs, histories and Referer headers (OAuth 2.1, section 5.1.1: tokens never
# go into the query).
_NOT_IN_A_QUERY = frozenset(
    {"access_token", "api_key", "api-key", "apikey", "authorization", "key", "token", "x-api-key"}
)


def shown_credential(fields: Fields, query: bytes) -> bytes | None:
    """The key or token of a request, or None where it shows none.

    Raises:
        InvalidRequest: there are two, or one stands in the query string.
        Unauthenticated: the Authorization header holds something else than a bearer token.
    """
    if query:
        _refuse_in_query(query)
    bearer, key = fields.get(b"authorization"), fields.get(b"x-api-key")
    if bearer is None and key is None:
        return None
    if (bearer is not None and key is not None) or fields.repeated & _ONE_OF:
        raise InvalidRequest(
            "the request shows more than one credential: send one Authorization header, "
            "or one X-API-Key header"
        )
    found = _bearer(bearer) if bearer is not None else key
    if found is not None and len(found) > _MAX_CHARACTERS:
        raise Unauthenticated(
            f"the credential is longer than {_MAX_CHARACTERS} characters", reason="invalid_token"
        )
    return found


def _bearer(value: bytes) -> bytes:
    scheme, _, token = value.partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not token:
        raise Unauthenticated("the Authorization header must be: Bearer <API key or access token>")
    return token


def _refuse_in_query(query: bytes) -> None:
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise InvalidRequest("the query string has more than 100 parameters") from None
    for name, value in pairs:
        if name.lower() in _NOT_IN_A_QUERY or value.startswith(API_KEY_PREFIX):
            raise InvalidRequest(
                f"credentials are not taken from the query string ({name[:40]!r}), where logs keep "
                "them: send them as Authorization: Bearer <key>, and replace this one"
            )
