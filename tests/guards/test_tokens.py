"""Access tokens over HTTP: which are good, which are not, and what clients are told."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from mcp.client.auth.utils import (
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
)
from mcp.shared.auth import ProtectedResourceMetadata

from dynogate.app import build_app, check, open_database
from dynogate.errors import ConfigurationError
from dynogate.settings import Settings, load_settings
from dynogate.store.keys import KeyTable
from tests.issuer import GATEWAY, ISSUER, Issuer, forged, pem
from tests.live import Live, in_process

HELLO = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"say": "hi"}}
REFUSE = {"jsonrpc": "2.0", "id": 1, "method": "refuse", "params": {}}
UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "MDEyMzQ1Njc4OWFiY2RlZg==",
}
METADATA = GATEWAY + "/.well-known/oauth-protected-resource"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        issuer.keys["curve"] = ec.generate_private_key(ec.SECP256R1())
        issuer.keys["edwards"] = ed25519.Ed25519PrivateKey.generate()
        yield issuer


@pytest.fixture(scope="module")
def settings(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(
        data_dir=tmp_path_factory.mktemp("data"),
        toolsets="tests.toolset:toolset",
        public_url=GATEWAY + "/",
        jwt_issuer=ISSUER,
        jwt_jwks_url=issuer.url,
        jwt_scopes="profiler.read=tools:read,profiler.run=tools:execute",
        jwt_leeway_sec=5,
    )


@pytest.fixture(scope="module")
def live(settings: Settings) -> Iterator[Live]:
    with in_process(build_app(settings)) as live:
        yield live


def ask(live: Live, token: str, body: object = HELLO) -> Any:
    return live.post(body, authorization=f"Bearer {token}")


@pytest.mark.parametrize(
    ("kid", "algorithm"), [("first", "RS256"), ("curve", "ES256"), ("edwards", "EdDSA")]
)
def test_a_good_token_comes_in_under_its_subject(
    live: Live, issuer: Issuer, kid: str, algorithm: str
) -> None:
    """Signed with whichever kind of key."""
    answer = ask(live, issuer.token(kid, algorithm=algorithm))
    assert answer.status_code == 200
    assert answer.json()["result"]["structuredContent"]["principal"] == "jwt:alice"


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "openid tools:read"},
        {"scope": None, "scp": ["tools:read"]},
        {"scope": None, "permissions": ["profiler.read", 7]},
        {"scope": "profiler.read"},
        {"aud": ["https://other.example", GATEWAY]},
        {"jti": "t-1"},
    ],
)
def test_what_a_good_token_may_look_like(
    live: Live, issuer: Issuer, claims: dict[str, Any]
) -> None:
    """Scopes in any of three claims, in our words or the issuer's; one audience of several."""
    assert ask(live, issuer.token(**claims)).status_code == 200


def test_clocks_may_differ_a_little(live: Live, issuer: Issuer) -> None:
    """By DYNOGATE_JWT_LEEWAY_SEC."""
    now = time.time()
    assert ask(live, issuer.token(exp=now - 1, nbf=now + 4, iat=now + 4)).status_code == 200


@pytest.mark.parametrize("scope", ["", "openid", "tools:write", None])
def test_a_token_without_our_scopes_may_nothing(
    live: Live, issuer: Issuer, scope: str | None
) -> None:
    """403 with the scope it lacks, and where to get another token."""
    answer = ask(live, issuer.token(scope=scope), REFUSE)
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="dynogate", error="insufficient_scope", scope="tools:execute", '
        f'resource_metadata="{METADATA}"'
    )


STRANGER = rsa.generate_private_key(65537, 2048)
CLAIMS = {"iss": ISSUER, "aud": GATEWAY, "sub": "mallory", "exp": 2**40, "scope": "tools:read"}
Make = Callable[[Issuer], str]
BAD: dict[str, tuple[Make, str]] = {
    "expired": (lambda i: i.token(exp=int(time.time()) - 60), "has expired"),
    "not yet": (lambda i: i.token(nbf=int(time.time()) + 60), "not yet valid"),
    "wrong audience": (lambda i: i.token(aud="https://other.example"), "not for this gateway"),
    "no audience": (lambda i: i.token(aud=None), "aud"),
    "wrong issuer": (lambda i: i.token(iss="https://evil.example"), f"not from {ISSUER}"),
    "no expiry": (lambda i: i.token(exp=None), "exp"),
    "endless expiry": (lambda i: i.token(exp="Infinity"), "is not good"),
    "no subject": (lambda i: i.token(sub=None), "sub"),
    "empty subject": (lambda i: i.token(sub=""), "subject"),
    "endless subject": (lambda i: i.token(sub="x" * 257), "subject"),
    "another's key": (lambda i: i.token(key=STRANGER), "signature"),
    "cut signature": (lambda i: i.token()[:-40], "cannot be read|signature"),
    "changed claims": (lambda i: changed(i.token()), "signature"),
    "alg none": (lambda i: forged({"alg": "none"}, CLAIMS), "signed with one of"),
    "alg None": (lambda i: forged({"alg": "None", "kid": "first"}, CLAIMS), "signed with one of"),
    "no alg": (lambda i: forged({"kid": "first"}, CLAIMS), "signed with one of"),
    "alg list": (lambda i: forged({"alg": ["RS256"]}, CLAIMS), "cannot be read|signed with"),
    "HS256 with the public key": (
        lambda i: forged({"alg": "HS256", "kid": "first"}, CLAIMS, pem(i.keys["first"])),
        "signed with one of",
    ),
    "HS256 with the key set": (
        lambda i: forged({"alg": "HS256", "kid": "first"}, CLAIMS, i.key_set()),
        "signed with one of",
    ),
    "RS256 on a curve's key": (
        lambda i: i.token(header={"kid": "curve"}), "does not publish",
    ),
    "algorithm that is not allowed": (
        lambda i: i.token(algorithm="PS256"), "signed with one of",
    ),
    "unknown key": (lambda i: i.token(header={"kid": "nobody"}), "does not publish"),
    "key id that is no string": (
        lambda i: forged({"alg": "RS256", "kid": 7}, CLAIMS), "cannot be read",
    ),
    "no key id where several fit": (
        lambda i: forged({"alg": "ES256"}, CLAIMS), "is not good|signature",
    ),
    "its own key": (
        lambda i: i.token(key=STRANGER, header={"jku": "https://evil.example/keys"}), "signature",
    ),
    "critical extension": (
        lambda i: i.token(header={"crit": ["b64"], "b64": True}), "cannot be read",
    ),
    "nested endlessly": (lambda i: f"{'W1tb' * 1500}.e30.e30", "cannot be read"),
    "garbage": (lambda i: "a.b.c", "cannot be read"),
}  # fmt: skip


def changed(token: str) -> str:
    head, _, signature = token.split(".")
    return ".".join([head, forged({}, CLAIMS).split(".")[1], signature])


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_token_is_refused(live: Live, issuer: Issuer, kind: str) -> None:
    """401, why, and where to get a good one; never a 500."""
    make, why = BAD[kind]
    token = make(issuer)
    answer = ask(live, token)
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="dynogate", error="invalid_token", scope="tools:execute tools:read", '
        f'resource_metadata="{METADATA}"'
    )
    message = answer.json()["error"]["message"]
    assert any(part in message for part in why.split("|")), message
    assert token not in answer.text


def test_without_a_token_the_way_to_one_is_told(live: Live) -> None:
    """For ``/mcp`` its own metadata, as MCP clients look for it; a key would do, too."""
    answer = live.post(HELLO)
    assert answer.status_code == 401
    assert "API key or access token" in answer.json()["error"]["message"]
    assert answer.headers["www-authenticate"] == (
        f'Bearer realm="dynogate", scope="tools:execute tools:read", resource_metadata="{METADATA}"'
    )


@pytest.mark.parametrize("path", ["", "/mcp"])
def test_the_metadata_say_who_issues_tokens(live: Live, path: str) -> None:
    """As RFC 9728 has them; the resource is the URL that the metadata's own was made of."""
    answer = live.get("/.well-known/oauth-protected-resource" + path)
    assert answer.status_code == 200
    assert answer.json() == {
        "resource": GATEWAY + path,
        "resource_name": "Dynogate",
        "authorization_servers": [ISSUER],
        "scopes_supported": ["tools:execute", "tools:read"],
        "bearer_methods_supported": ["header"],
    }
    assert str(ProtectedResourceMetadata.model_validate(answer.json()).resource).startswith(GATEWAY)


def test_mcp_clients_are_told_where_the_metadata_of_mcp_are(live: Live) -> None:
    """By POST and by upgrade to a WebSocket; the MCP Python client finds the URL in the header."""
    told = [
        httpx2.post(live.url + "/mcp", json={}),
        httpx2.get(live.url + "/mcp", headers=UPGRADE),
    ]
    for answer in told:
        assert answer.status_code == 401
        assert extract_resource_metadata_from_www_auth(answer) == METADATA + "/mcp"
        assert extract_scope_from_www_auth(answer) == "tools:execute tools:read"


@pytest.mark.parametrize(
    "path",
    [
        "oauth-protected-resource/other",
        "oauth-authorization-server",
        "openid-configuration",
        "mcp.json",
    ],
)
def test_other_well_known_paths_are_not_found(live: Live, path: str) -> None:
    """Clients try several; each gets a clean 404 as JSON, not a 401."""
    answer = live.get(f"/.well-known/{path}")
    assert answer.status_code == 404
    assert answer.json() == {"error": "Not Found"}


def test_without_an_issuer_there_are_no_metadata(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Clients then know that there is no OAuth here."""
    with in_process(build_app(load_settings(data_dir=tmp_path_factory.mktemp("data")))) as live:
        assert live.get("/.well-known/oauth-protected-resource/mcp").status_code == 404


def test_api_keys_go_on_working_beside_tokens(live: Live, settings: Settings) -> None:
    """Whoever has one needs no issuer."""
    with closing(open_database(settings)) as database:
        _, text = KeyTable(database).create("ci", ["tools:read"])
    assert ask(live, text).json()["result"]["structuredContent"]["principal"] == "key:ci"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"jwt_jwks_url": None}, "DYNOGATE_JWT_JWKS_URL is not"),
        ({"jwt_jwks_url": "http://issuer.example/keys"}, "must begin with https://"),
        ({"jwt_jwks_url": "file:///etc/passwd"}, "must begin with https://"),
        ({"jwt_algorithms": ("RS256", "HS256")}, "not HS256"),
        ({"jwt_algorithms": ("none",)}, "not none"),
        ({"jwt_algorithms": ()}, "choose from"),
        ({"jwt_scopes": ("read=tools:write",)}, "WORD=SCOPE"),
        ({"jwt_scopes": ("tools:read",)}, "WORD=SCOPE"),
    ],
)
def test_wrong_settings_are_refused_before_starting(
    settings: Settings, change: dict[str, object], problem: str
) -> None:
    """Most of all those that would let anybody in."""
    with pytest.raises(ConfigurationError, match=problem):
        check(settings.model_copy(update=change))


def test_an_issuer_is_authentication_enough_for_a_public_address(settings: Settings) -> None:
    """No key has to be made."""
    check(settings.model_copy(update={"host": "0.0.0.0"}))


def test_tokens_are_signed_as_others_do_it(issuer: Issuer) -> None:
    """The issuer of these tests is no fake: its tokens verify with its own key set."""
    keys = jwt.PyJWKSet.from_json(issuer.key_set().decode())
    token = issuer.token()
    assert jwt.decode(token, keys["first"], ["RS256"], audience=GATEWAY + "/mcp")["sub"] == "alice"
