"""A small client of a gateway: list its tools, call one."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

import httpx2
import msgspec

from dynogate.errors import CallFailed, GatewayUnreachable
from dynogate.tls import NO_TLS

T = TypeVar("T")

API_KEY_VARIABLE = "DYNOGATE_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"


class ToolInfo(msgspec.Struct, rename="camel"):
    """A tool as the gateway lists it; schemas are JSON Schema."""

    name: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]


class _Listing(msgspec.Struct):
    tools: list[ToolInfo]


class _Text(msgspec.Struct):
    text: str


class CallResult(msgspec.Struct, rename="camel"):
    """What a tool gave back: a text to read, and the same as data."""

    content: list[_Text]
    structured_content: dict[str, Any]

    @property
    def text(self) -> str:
        """The text to read."""
        return "\n".join(part.text for part in self.content)


class _RpcError(msgspec.Struct):
    code: int
    message: str
    data: dict[str, Any] | None = None


class _Response(msgspec.Struct):
    result: CallResult


class _Refusal(msgspec.Struct):
    error: _RpcError


class GatewayClient:
    """Calls the tools of one gateway; a context manager.

    Args:
        url: where the gateway is, without a path.
        api_key: what to show it; where it is None, the environment's DYNOGATE_API_KEY, if set.
        timeout_sec: for a whole call; profiling takes as long as the program does.
    """

    def __init__(
        self, url: str = DEFAULT_URL, *, api_key: str | None = None, timeout_sec: float = 900.0
    ) -> None:
        self._url = url.rstrip("/")
        key = api_key or os.environ.get(API_KEY_VARIABLE)
        self._http = httpx2.Client(
            base_url=self._url,
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(timeout_sec, connect=5.0),
            verify=NO_TLS if self._url.lower().startswith("http:") else True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def tools(self) -> list[ToolInfo]:
        """Every tool of the gateway.

        Raises:
            CallFailed: the gateway refused to tell, and says why.
            GatewayUnreachable: nothing answers there, or it is no gateway.
        """
        return self._decode(self._request("GET", "/mcp/tools"), _Listing).tools

    def call(self, tool: str, arguments: Mapping[str, object]) -> CallResult:
        """Call ``tool`` by its name.

        Raises:
            CallFailed: the gateway or the tool refused or failed, and says why.
            GatewayUnreachable: nothing answers there, or it is no gateway.
        """
        body = {"jsonrpc": "2.0", "id": 1, "method": tool, "params": arguments}
        content = self._request("POST", "/mcp/tools/call", msgspec.json.encode(body))
        return self._decode(content, _Response).result

    def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        headers = {"content-type": "application/json"} if body is not None else {}
        try:
            response = self._http.request(method, path, content=body, headers=headers)
        except httpx2.TransportError as error:
            raise GatewayUnreachable(
                f"no gateway answers at {self._url} ({error}); start one with `dynogate serve`"
            ) from error
        if response.is_error:
            refusal = self._decode(response.content, _Refusal).error
            details = {"code": refusal.code, **(refusal.data or {})}
            raise CallFailed(refusal.message, data=details)
        return response.content

    def _decode(self, content: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.DecodeError as error:
            raise GatewayUnreachable(
                f"{self._url} answers, but not as a Dynogate gateway does ({error})"
            ) from error


def parse_arguments(tokens: Sequence[str], schema: Mapping[str, Any]) -> dict[str, object]:
    """Command-line words (``--key value``, ``--flag``) as a tool's arguments.

    Values are read as the tool's input schema asks; a repeated key makes a list.

    Raises:
        ValueError: a word has no key, a key no value, or a value is not what the schema asks.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    arguments: dict[str, object] = {}
    words = list(tokens)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise ValueError(f"expected --key, got {word!r}")
        key, equals, value = word[2:].partition("=")
        name = key.replace("-", "_")
        kinds = _kinds(properties.get(name, {}))
        if not equals:
            if words and not words[0].startswith("--"):
                value = words.pop(0)
            elif "boolean" in kinds:
                value = "true"
            else:
                raise ValueError(f"--{key} needs a value")
        _put(arguments, name, _value(key, value, kinds), kinds)
    return arguments


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    options = [schema, *schema.get("anyOf", [])]
    return {option["type"] for option in options if "type" in option}


def _value(key: str, text: str, kinds: set[str]) -> object:
    if not kinds or "string" in kinds:
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        if "array" in kinds:
            return text
        raise ValueError(f"--{key} takes {' or '.join(sorted(kinds))}, got {text!r}") from None


def _put(arguments: dict[str, object], name: str, value: object, kinds: set[str]) -> None:
    if "array" not in kinds or isinstance(value, list):
        arguments[name] = value
        return
    values = arguments.setdefault(name, [])
    if isinstance(values, list):
        values.append(value)
