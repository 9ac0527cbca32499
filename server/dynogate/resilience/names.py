"""Addresses of host names, waited for no longer than one likes.

``getaddrinfo`` takes as long as the resolver takes to give up (10 s for one silent server, by
default: resolv.conf(5)), nothing can stop it, and it keeps its thread meanwhile. An event loop has
few threads for it (libuv: two), so that the name of one service that is gone would keep all others
from being found. Here a name has one thread however many ask for it: whoever opens a connection to
a name looks it up here first, and only then lets a library do so.
"""

import asyncio
import socket
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from ipaddress import ip_address

_looking: dict[str, Future[tuple[str, ...]]] = {}
_lock = threading.Lock()


def addresses(host: str, timeout_sec: float) -> tuple[str, ...]:
    """The addresses of ``host``; blocks.

    Raises:
        TimeoutError: the resolver has not answered in this time.
        OSError: the name has none, or its server fails.
    """
    if _is_address(host):
        return (host,)
    try:
        return _lookup(host).result(timeout_sec)
    except NotYet:
        raise TimeoutError(f"{host!r} was not found within {timeout_sec:g} s") from None


async def addresses_async(host: str) -> tuple[str, ...]:
    """The same without blocking; cancelling it (``asyncio.timeout``) is how to wait less.

    Raises:
        OSError: the name has none, or its server fails.
    """
    if _is_address(host):
        return (host,)
    return await asyncio.wrap_future(_lookup(host))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _lookup(host: str) -> Future[tuple[str, ...]]:
    """The lookup that is under way, or a new one."""
    with _lock:
        found = _looking.get(host)
        if found is None:
            found = _looking[host] = Future()
            found.set_running_or_notify_cancel()  # who stops waiting does not stop the others
            # A daemon: an executor's thread would keep the process from ending.
            threading.Thread(
                target=_run, args=(host, found), name=f"lookup-{host}", daemon=True
            ).start()
        return found


def _run(host: str, future: Future[tuple[str, ...]]) -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        result = tuple(dict.fromkeys(str(address[4][0]) for address in found))
    except (OSError, UnicodeError) as error:
        _end(host)
        future.set_exception(error if isinstance(error, OSError) else OSError(str(error)))
    else:
        _end(host)
        future.set_result(result)


def _end(host: str) -> None:
    with _lock:
        del _looking[host]
