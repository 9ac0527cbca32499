"""Who signs the access tokens of an experiment."""

import json
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER = "https://issuer.chaos.example"
AUDIENCE = "https://gateway.chaos.example"
_FIRST = "chaos"


class Issuer:
    """Private keys to sign with, whose public halves are in a file.

    Args:
        file: the JSON Web Key Set that is published (RFC 7517).
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.publish(_FIRST)

    def publish(self, kid: str) -> None:
        """Make a key of this id, beside those there are."""
        self._keys[kid] = ec.generate_private_key(ec.SECP256R1())
        keys = [
            {
                **jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True),
                "kid": kid,
                "use": "sig",
                "alg": "ES256",
            }
            for kid, key in self._keys.items()
        ]
        self._file.write_text(json.dumps({"keys": keys}))

    def token(self, kid: str = _FIRST, **claims: object) -> str:
        """An access token, two hours old and good for three; ``claims`` replace the usual ones."""
        now = int(time.time())
        usual = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "chaos",
            "iat": now - 7_200,
            "exp": now + 10_800,
            "scope": "tools:read tools:execute",
        }
        return jwt.encode({**usual, **claims}, self._keys[kid], "ES256", {"kid": kid})
