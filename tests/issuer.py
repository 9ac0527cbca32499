"""An issuer of access tokens, whose key set is served over HTTP."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://issuer.example"
GATEWAY = "https://gateway.example"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Issuer:
    """Signs tokens; a context manager that serves the keys meanwhile.

    Attributes:
        keys: the private keys whose public halves are published, by key id.
        asked: how often the key set was fetched.
        answer: what is served in its place, if not None: a status and a body.
    """

    def __init__(self) -> None:
        self.keys: dict[str, PrivateKey] = {"first": rsa.generate_private_key(65537, 2048)}
        self.asked = 0
        self.answer: tuple[int, bytes] | None = None
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                status, body = issuer.answer or (200, issuer.key_set())
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> "Issuer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def key_set(self) -> bytes:
        return json.dumps({"keys": [public(key, kid) for kid, key in self.keys.items()]}).encode()

    def token(
        self,
        kid: str | None = "first",
        *,
        key: Any = None,
        algorithm: str = "RS256",
        header: dict[str, object] | None = None,
        **claims: object,
    ) -> str:
        """A token that is good unless the arguments make it bad; a claim of None is left out."""
        now = int(time.time())
        payload = {
            "iss": ISSUER,
            "aud": GATEWAY + "/mcp",
            "sub": "alice",
            "exp": now + 300,
            "iat": now,
            "scope": "tools:read tools:execute",
            **claims,
        }
        kept = {name: value for name, value in payload.items() if value is not None}
        extra = {**({"kid": kid} if kid else {}), **(header or {})}
        return jwt.encode(kept, key or self.keys[kid or "first"], algorithm, extra)


def public(key: PrivateKey, kid: str) -> dict[str, Any]:
    """The public half as a JSON Web Key."""
    half: Any = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(half, as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(half, as_dict=True)
    else:
        jwk = jwt.algorithms.OKPAlgorithm.to_jwk(half, as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "kid": kid, "use": "sig"}


def pem(key: PrivateKey) -> bytes:
    """The public half as anyone can have it."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def forged(header: dict[str, object], claims: dict[str, object], secret: bytes = b"") -> str:
    """A token put together by hand, signed with HMAC where there is a secret."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    text = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    signature = hmac.digest(secret, text.encode(), hashlib.sha256) if secret else b""
    return f"{text}.{part(signature)}"
