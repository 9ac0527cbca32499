"""How often: rates in the notation of ``limits``, such as ``100/second;3000/minute``."""

from dataclasses import dataclass

from limits import RateLimitItem, parse_many

from dynogate.errors import ConfigurationError

OFF = "off"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so many seconds.

    Attributes:
        name: what it is called in headers and messages.
        setting: the variable that sets it.
        item: the same as ``limits`` has it.
    """

    name: str
    amount: int
    seconds: int
    setting: str
    item: RateLimitItem

    def __str__(self) -> str:
        return f"{self.name}:{self.amount}/{self.seconds}"

    @property
    def policy(self) -> str:
        """An item of the RateLimit-Policy header (draft-ietf-httpapi-ratelimit-headers-11)."""
        return f'"{self.name}";q={self.amount};w={self.seconds}'


def read_rates(text: str, who: str, setting: str) -> tuple[Rate, ...]:
    """The rates that ``text`` lists; none where it says ``off``.

    Args:
        who: whose calls they count; the beginning of their names.
        setting: the variable ``text`` comes from.

    Raises:
        ConfigurationError: it is not written as rates are.
    """
    if text.strip().lower() == OFF:
        return ()
    try:
        items = parse_many(text)
    except ValueError:
        items = []
    if not items or any(item.amount < 1 for item in items):
        raise ConfigurationError(
            f"{setting}: {text!r} is no list of rates such as '100/second;3000/minute', nor 'off'"
        )
    return tuple(
        Rate(f"{who}-{item.get_expiry()}s", item.amount, item.get_expiry(), setting, item)
        for item in items
    )
