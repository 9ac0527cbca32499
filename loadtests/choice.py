"""Which users suit a server: those whose way in it does not have are left out."""

import logging

from locust import User
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtests import offer
from loadtests.options import credentials
from loadtests.users.http import ToolUser
from loadtests.users.websocket import WebSocketMCPUser

log = logging.getLogger(__name__)


def leave_out(environment: Environment) -> None:
    """Leave users out that the server has nothing for, unless the command line names users.

    Where nobody suits, or the server cannot be reached now, all stay: their failures tell why.
    """
    options = environment.parsed_options
    if options is None or options.user_classes or isinstance(environment.runner, WorkerRunner):
        return
    if not environment.host:
        return
    reasons = {user: _unsuited(user, environment) for user in environment.user_classes}
    left = [user for user, why in reasons.items() if why is None]
    if not left:
        return
    for user, why in reasons.items():
        if why is not None:
            log.warning("%s is left out: %s", user.__name__, why)
    environment.user_classes[:] = left


def _unsuited(user: type[User], environment: Environment) -> str | None:
    headers = credentials(environment)
    host = environment.host or ""
    if issubclass(user, WebSocketMCPUser):
        return user.unsuited(host, headers)
    if issubclass(user, ToolUser):
        ask = offer.asker(host, headers)
        try:
            offer.scenario(ask, user.find(ask))
        except offer.NothingOffered as error:
            return str(error)
    return None
