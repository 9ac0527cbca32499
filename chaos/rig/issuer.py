"""Who signs the access tokens of an experiment."""

import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER = "https://issuer.chaos.example"
AUDIENCE = "https://gateway.chaos.example"
_KEY_ID = "chaos"


class Issuer:
    """One key: its public half for the key set, its private half for tokens."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def key_set(self) -> str:
        """The JSON Web Key Set to publish."""
        public = jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return json.dumps({"keys": [{**public, "kid": _KEY_ID, "use": "sig", "alg": "ES256"}]})

    def token(self, **claims: object) -> str:
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
        return jwt.encode({**usual, **claims}, self._key, "ES256", {"kid": _KEY_ID})
