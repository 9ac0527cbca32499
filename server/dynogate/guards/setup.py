"""The guards as the settings ask for them."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dynogate.dependencies import Dependencies
from dynogate.errors import ConfigurationError
from dynogate.guards.adaptive import AdaptiveLimit
from dynogate.guards.admission import Admission
from dynogate.guards.authentication import Authenticator
from dynogate.guards.caller import ALL_SCOPES, METADATA_PATH, RESOURCES
from dynogate.guards.chain import Guards, Lane
from dynogate.guards.jwks import KINDS, Jwks
from dynogate.guards.origin import OriginGuard
from dynogate.guards.rate_limit import RateLimit
from dynogate.guards.rates import OFF, read_rates
from dynogate.guards.shedding import Shedder
from dynogate.guards.tokens import TokenRules, Tokens
from dynogate.guards.windows import Windows
from dynogate.resilience.circuit import State
from dynogate.settings import ENV_PREFIX, Settings, is_loopback
from dynogate.store.keys import KeyTable
from dynogate.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from dynogate.guards.shared_counts import SharedCounts


def build_guards(
    settings: Settings, keys: KeyTable, metrics: Metrics, dependencies: Dependencies
) -> Guards:
    """Wire the guards of one server process.

    Raises:
        ConfigurationError: a rate is not written as rates are, or the Redis of rate limits cannot
            be used at all.
    """
    off = settings.rate_limit.strip().lower() == OFF
    shared = None if off else _shared_counts(settings, metrics, dependencies)
    quick, costly = (None, None) if off else _rates(settings, shared)
    each = None if off else settings.max_concurrent_per_client
    return Guards(
        origin=OriginGuard(settings),
        authenticator=Authenticator(
            keys, _tokens(settings, dependencies), always=is_public(settings)
        ),
        quick=Lane(
            quick,
            Admission(
                limit=AdaptiveLimit(settings.max_concurrent_calls),
                max_queued=settings.max_queued_calls,
                each=each,
                timeout_sec=settings.call_timeout_sec,
            ),
        ),
        costly=Lane(
            costly,
            # How many run is for the queue of jobs to decide, and how long for each job's limits.
            Admission(limit=None, max_queued=0, each=each, timeout_sec=None),
        ),
        shedder=Shedder(settings.shed_lag_sec),
        metadata_url=settings.base_url + METADATA_PATH if settings.jwt_issuer else None,
        shared=shared,
        metrics=metrics,
    )


def _rates(settings: Settings, shared: "SharedCounts | None") -> tuple[RateLimit, RateLimit]:
    windows = Windows(settings.run_dir and settings.run_dir / "rate-limits")

    def limit(who: str, setting: str) -> RateLimit:
        each, overall = f"rate_limit{setting}", f"rate_limit{setting}_overall"
        return RateLimit(
            windows,
            each=read_rates(getattr(settings, each), f"client{who}", ENV_PREFIX + each.upper()),
            overall=read_rates(
                getattr(settings, overall), f"all{who}", ENV_PREFIX + overall.upper()
            ),
            shared=shared,
        )

    return limit("", ""), limit("-costly", "_costly")


def _tokens(settings: Settings, dependencies: Dependencies) -> Tokens | None:
    if settings.jwt_issuer is None:
        return None
    if settings.jwt_jwks_url is None:
        raise ConfigurationError(
            "DYNOGATE_JWT_ISSUER is set, but DYNOGATE_JWT_JWKS_URL is not: without the issuer's "
            "keys no token can be checked"
        )
    url = urlsplit(settings.jwt_jwks_url)
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname or "")):
        raise ConfigurationError(
            "DYNOGATE_JWT_JWKS_URL must begin with https://: who can change what it answers can "
            "sign tokens"
        )
    unknown = set(settings.jwt_algorithms) - KINDS.keys()
    if unknown or not settings.jwt_algorithms:
        raise ConfigurationError(
            f"DYNOGATE_JWT_ALGORITHMS: choose from {', '.join(KINDS)}, not "
            f"{', '.join(sorted(unknown)) or 'none of them'}"
        )
    rules = TokenRules(
        issuer=settings.jwt_issuer,
        audiences=settings.jwt_audience or tuple(settings.base_url + path for path in RESOURCES),
        algorithms=settings.jwt_algorithms,
        leeway_sec=settings.jwt_leeway_sec,
        scopes=dict(_scope(pair) for pair in settings.jwt_scopes),
    )
    keys = Jwks(settings.jwt_jwks_url, dependencies.token_issuer, dependencies.changed)
    dependencies.watch(keys.issuer.breaker)
    return Tokens(rules, keys)


def _scope(pair: str) -> tuple[str, str]:
    word, _, ours = pair.rpartition("=")
    if not word or ours not in ALL_SCOPES:
        raise ConfigurationError(
            f"DYNOGATE_JWT_SCOPES: {pair!r} must be WORD=SCOPE with one of "
            f"{', '.join(sorted(ALL_SCOPES))}"
        )
    return word, ours


def is_public(settings: Settings) -> bool:
    """Whether other machines can reach the gateway, and nothing else keeps strangers out."""
    return not is_loopback(settings.host) and not settings.allow_public_bind


def _shared_counts(
    settings: Settings, metrics: Metrics, dependencies: Dependencies
) -> "SharedCounts | None":
    if settings.rate_limit_storage == "memory":
        return None
    try:
        from dynogate.guards.shared_counts import SharedCounts
    except ImportError:
        raise ConfigurationError(
            "DYNOGATE_RATE_LIMIT_STORAGE names a Redis, whose client is not installed; "
            "install dynogate[redis]"
        ) from None
    shared = SharedCounts(
        settings.rate_limit_storage,
        policy=dependencies.rate_limits,
        when_down=settings.rate_limit_when_down,
        on_change=dependencies.changed,
    )
    dependencies.watch(shared.breaker)
    metrics.follow(metrics.shared_limits_up, lambda: shared.breaker.state == State.CLOSED)
    return shared
