"""JWT access tokens: this gateway as a resource server of OAuth 2.1 (RFC 9068, RFC 8725)."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from dynogate.errors import Unauthenticated
from dynogate.guards.caller import ALL_SCOPES, Caller
from dynogate.guards.jwks import Jwks

_REQUIRED = ("exp", "iss", "aud", "sub")
_SCOPE_CLAIMS = ("scope", "scp", "permissions")
_LONGEST_SUBJECT = 256
# A number out of range and endless nesting are told by what stumbles over them.
_UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """Which tokens are good.

    Attributes:
        issuer: who must have issued them.
        audiences: whom they may be for; one is enough.
        algorithms: how they may be signed.
        leeway_sec: how far clocks may differ.
        scopes: the issuer's words for our scopes, beside our own.
    """

    issuer: str
    audiences: Collection[str]
    algorithms: Collection[str]
    leeway_sec: float
    scopes: Mapping[str, str]


class Tokens:
    """Finds the caller that a token speaks of."""

    def __init__(self, rules: TokenRules, keys: Jwks) -> None:
        self._rules = rules
        self._keys = keys

    async def caller(self, token: str) -> tuple[Caller, float]:
        """Who shows ``token``, and for how many seconds more they may.

        Raises:
            Unauthenticated: it is not good, and says why.
            IssuerUnavailable: that cannot be known now.
        """
        key, algorithm = await self._key_of(token)
        claims = self._claims(token, key, algorithm)
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
            raise _bad(f"has no subject (sub) of 1 to {_LONGEST_SUBJECT} characters")
        name = f"jwt:{subject}"
        token_id = claims.get("jti")
        credential = str(token_id)[:_LONGEST_SUBJECT] if token_id is not None else None
        good_for_sec = float(claims["exp"]) + self._rules.leeway_sec - time.time()
        return Caller(name, self._scopes(claims), name, credential), good_for_sec

    async def _key_of(self, token: str) -> tuple[jwt.PyJWK, str]:
        try:
            header = jwt.get_unverified_header(token)
        except _UNREADABLE:
            raise _bad("cannot be read") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._rules.algorithms:
            raise _bad(f"is not signed with one of {', '.join(self._rules.algorithms)}")
        key = await self._keys.key(kid, algorithm)
        if key is None:
            raise _bad("is signed with a key that its issuer does not publish")
        return key, algorithm

    def _claims(self, token: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any]:
        rules = self._rules
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=list(rules.audiences),
                issuer=rules.issuer,
                leeway=rules.leeway_sec,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "enforce_minimum_key_length": True,
                },
            )
        except jwt.ExpiredSignatureError:
            raise _bad("has expired") from None
        except jwt.InvalidAudienceError:
            raise _bad(f"is not for this gateway ({', '.join(rules.audiences)})") from None
        except jwt.InvalidIssuerError:
            raise _bad(f"is not from {rules.issuer}") from None
        except jwt.InvalidSignatureError:
            raise _bad("has a signature that does not fit") from None
        except _UNREADABLE as error:
            raise _bad(f"is not good: {error}"[:200]) from None

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        words: set[str] = set()
        for name in _SCOPE_CLAIMS:
            value = claims.get(name)
            if isinstance(value, str):
                words.update(value.split())
            elif isinstance(value, list):
                words.update(word for word in value if isinstance(word, str))
        mapped = {self._rules.scopes[word] for word in words if word in self._rules.scopes}
        return frozenset((words | mapped) & ALL_SCOPES)


def looks_like_token(credential: str) -> bool:
    """Whether it has the three parts of a signed JWT."""
    return credential.count(".") == 2


def _bad(why: str) -> Unauthenticated:
    return Unauthenticated(f"the access token {why}", reason="invalid_token")
