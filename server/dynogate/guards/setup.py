"""The guards as the settings ask for them."""

from typing import TYPE_CHECKING

from dynogate.errors import ConfigurationError
from dynogate.guards.authentication import Authenticator
from dynogate.guards.chain import Guards
from dynogate.guards.origin import OriginGuard
from dynogate.guards.rate_limit import RateLimit
from dynogate.guards.rates import OFF, read_rates
from dynogate.guards.windows import Windows
from dynogate.settings import Settings, is_loopback
from dynogate.store.keys import KeyTable
from dynogate.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from dynogate.guards.shared_counts import SharedCounts


def build_guards(settings: Settings, keys: KeyTable, metrics: Metrics) -> Guards:
    """Wire the guards of one server process.

    Raises:
        ConfigurationError: a rate is not written as rates are, or the Redis of rate limits cannot
            be used at all.
    """
    quick = costly = shared = None
    if settings.rate_limit.strip().lower() != OFF:
        windows = Windows(settings.run_dir and settings.run_dir / "rate-limits")
        shared = _shared_counts(settings, metrics)
        quick = RateLimit(
            windows,
            each=read_rates(settings.rate_limit, "client", "DYNOGATE_RATE_LIMIT"),
            overall=read_rates(settings.rate_limit_overall, "all", "DYNOGATE_RATE_LIMIT_OVERALL"),
            shared=shared,
        )
        costly = RateLimit(
            windows,
            each=read_rates(
                settings.rate_limit_costly, "client-costly", "DYNOGATE_RATE_LIMIT_COSTLY"
            ),
            overall=read_rates(
                settings.rate_limit_costly_overall,
                "all-costly",
                "DYNOGATE_RATE_LIMIT_COSTLY_OVERALL",
            ),
            shared=shared,
        )
    return Guards(
        origin=OriginGuard(settings),
        authenticator=Authenticator(keys, always=is_public(settings)),
        quick=quick,
        costly=costly,
        shared=shared,
        metrics=metrics,
    )


def is_public(settings: Settings) -> bool:
    """Whether other machines can reach the gateway, and nothing else keeps strangers out."""
    return not is_loopback(settings.host) and not settings.allow_public_bind


def _shared_counts(settings: Settings, metrics: Metrics) -> "SharedCounts | None":
    if settings.rate_limit_storage == "memory":
        return None
    try:
        from dynogate.guards.shared_counts import SharedCounts
    except ImportError:
        raise ConfigurationError(
            "DYNOGATE_RATE_LIMIT_STORAGE names a Redis, whose client is not installed; "
            "install dynogate[redis]"
        ) from None
    return SharedCounts(
        settings.rate_limit_storage,
        budget_sec=settings.rate_limit_timeout_sec,
        when_down=settings.rate_limit_when_down,
        on_change=metrics.shared_limits_up.set,
    )
