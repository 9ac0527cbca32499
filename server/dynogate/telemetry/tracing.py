"""Whether there are traces at all: then, and only then, OpenTelemetry is imported.

Sampling, resources and the exporter's headers are set by the variables of its SDK (``OTEL_*``).
"""

import os
from typing import TYPE_CHECKING

from dynogate import __version__
from dynogate.errors import ConfigurationError
from dynogate.settings import Settings

if TYPE_CHECKING:
    from dynogate.telemetry.traces import Traces

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def build_traces(settings: Settings) -> "Traces | None":
    """Where traces go, if anywhere.

    Raises:
        ConfigurationError: they are to go somewhere, and the extra ``otel`` is not installed.
    """
    asked = settings.otlp_endpoint or any(os.environ.get(name) for name in _ENDPOINTS)
    if not asked or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from dynogate.telemetry.traces import Traces
    except ImportError:
        raise ConfigurationError(
            "traces are to be sent (DYNOGATE_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT is set), "
            "but OpenTelemetry is not installed: install dynogate[otel]"
        ) from None
    resource = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME", "dynogate"),
        "service.version": __version__,
    }
    endpoint = settings.otlp_endpoint and f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
    return Traces(resource, endpoint)
