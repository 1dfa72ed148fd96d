"""One server, one pool of kept-alive TLS connections, one way for a call to fail.

hvac opens its calls through `requests`, which reads proxies and netrc from the environment, adds the system's
certificate authorities to those given, and takes twice as long. Its adapter is a seam, so ours goes in there.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import hvac.adapters
import hvac.exceptions
import hvac.utils
import msgspec
import urllib3

from crypto.errors import KeysUnavailable
from crypto.openbao.wire import Wire

TIMEOUT_S = 5.0
CONNECTIONS = 2  # one renewal, one question about health
PORT = 8200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

_NOT_FOR_THE_KEY = "crypto/rsa: decryption error"
"""What the transit engine says, with status 500, of a ciphertext of whatever form that is not for an RSA key."""

T = TypeVar("T")


class OpenBao(Protocol):
    """Somebody who may call the server: a process's session, or an administrator."""

    def call(self, method: str, path: str, body: object = None, *, answer: type[T], wrap_ttl_s: int = 0) -> T:
        """Call `/v1/<path>` and return the answer as `answer`.

        Raises:
            KeysUnavailable: not allowed, not there, not logged in, sealed, unreachable, or not understood.
        """

    def post_all(self, calls: Sequence[tuple[str, object]], *, answer: type[T]) -> list[T]:
        """POST each body to its path, all at the same time, and return the answers in order.

        Raises:
            KeysUnavailable: as `call`, for the first of them that failed.
        """


class NotFound(KeysUnavailable):
    """There is nothing at that path."""


class BadRequest(KeysUnavailable):
    """The server understood the call and refused it as wrong."""


class Undecryptable(KeysUnavailable):
    """The transit engine says that a ciphertext is not for the key."""


class Nothing(msgspec.Struct):
    """An answer of which nothing is needed."""


class _Errors(msgspec.Struct):
    errors: list[str] = []


class Answer(msgspec.Struct, Generic[T]):
    """What most answers are wrapped in; the kv engine wraps twice."""

    data: T


class Connection:
    """Speaks TLS 1.3 with the one server at `address`, trusting `ca_pem` and nothing else.

    Redirects are not followed and nothing is retried: a caller that gets an answer got this server's first
    answer.
    """

    def __init__(self, address: str, ca_pem: str, *, timeout_s: float = TIMEOUT_S) -> None:
        url = urlsplit(address)
        context = _trusting(ca_pem)
        if url.scheme != "https" or not url.hostname or url.path.strip("/") or url.username:
            raise ValueError("keys.address: must be https://host[:port], nothing else")
        self.address = address.rstrip("/")
        self._pool = urllib3.HTTPSConnectionPool(
            url.hostname,
            url.port or PORT,
            maxsize=CONNECTIONS,
            block=False,
            timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
            retries=False,
            ssl_context=context,
        )
        self._new_wire = partial(Wire, url.hostname, url.port or PORT, context, timeout_s=timeout_s)
        self._wires: list[Wire] = []
        self._using_wires = threading.Lock()

    def call(
        self, token: str, method: str, path: str, body: object = None, *, answer: type[T], wrap_ttl_s: int = 0
    ) -> T:
        """Call as the holder of `token` ("" for nobody). See `OpenBao.call`."""
        adapter = _KeptAlive(self._pool, token)
        with self._translated(f"{method} {path}", path):
            raw = adapter.request(method, f"/v1/{path}", json=body, wrap_ttl=wrap_ttl_s)
            return msgspec.convert(raw, answer, strict=False)  # JSON keys are text, key versions are numbers

    def post_all(self, token: str, calls: Sequence[tuple[str, object]], *, answer: type[T]) -> list[T]:
        """Call as the holder of `token`. See `OpenBao.post_all`."""
        fields = f"X-Vault-Request: true\r\nX-Vault-Token: {token}\r\nContent-Type: application/json\r\n"
        with self._using_wires:
            while len(self._wires) < len(calls):
                self._wires.append(self._new_wire())
            wires = self._wires[: len(calls)]
            try:
                for wire, (path, body) in zip(wires, calls, strict=True):
                    with self._translated(f"POST {path}", path):
                        wire.send(f"/v1/{path}", fields.encode("ascii"), msgspec.json.encode(body))
                return [
                    self._received(wire, path, answer) for wire, (path, _) in zip(wires, calls, strict=True)
                ]
            except BaseException:
                for wire in wires:  # an answer that nobody waited for must not be taken for the next one
                    wire.close()
                raise

    def _received(self, wire: Wire, path: str, answer: type[T]) -> T:
        with self._translated(f"POST {path}", path):
            status, octets = wire.receive()
            if status >= HTTPStatus.MULTIPLE_CHOICES:
                errors = msgspec.json.decode(octets, type=_Errors).errors
                hvac.utils.raise_for_error("post", f"/v1/{path}", status, errors=errors)
            return msgspec.json.decode(octets, type=answer, strict=False)

    @contextmanager
    def _translated(self, what: str, path: str) -> Iterator[None]:
        """Raise what goes wrong in a call as `KeysUnavailable`."""
        try:
            yield
        except hvac.exceptions.InvalidPath as error:
            raise NotFound(f"keys: there is nothing at {path}; was `isnad keys init` run?") from error
        except hvac.exceptions.Forbidden as error:
            raise KeysUnavailable(f"keys: {what} is not allowed with this login") from error
        except hvac.exceptions.InvalidRequest as error:
            raise BadRequest(f"keys: {what} was refused: {error.args[0]}") from error
        except hvac.exceptions.VaultDown as error:
            raise KeysUnavailable("keys: the key server is sealed or not ready; unseal it") from error
        except hvac.exceptions.InternalServerError as error:
            if _NOT_FOR_THE_KEY in str(error):
                raise Undecryptable(f"keys: {what} was given what is not for the key") from error
            raise KeysUnavailable(f"keys: {what} failed with {type(error).__name__}") from error
        except hvac.exceptions.VaultError as error:
            raise KeysUnavailable(f"keys: {what} failed with {type(error).__name__}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise KeysUnavailable(
                f"keys: {self.address} cannot be reached: {type(error).__name__}"
            ) from error
        except (ValueError, msgspec.ValidationError) as error:
            raise KeysUnavailable(f"keys: the answer to {what} was not understood") from error

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.close()
        with self._using_wires:
            for wire in self._wires:
                wire.close()


class Administrator:
    """Whoever holds an administrator's token: prepares the server and rotates keys."""

    def __init__(self, connection: Connection, token: str) -> None:
        self._connection = connection
        self._token = token

    def call(self, method: str, path: str, body: object = None, *, answer: type[T], wrap_ttl_s: int = 0) -> T:
        """See `OpenBao.call`."""
        return self._connection.call(self._token, method, path, body, answer=answer, wrap_ttl_s=wrap_ttl_s)

    def holder(self) -> str:
        """Return who the key server says holds the token: its display name, such as `ldap-fatma.hassan`.

        Raises:
            KeysUnavailable: the token is not valid, or may not ask.
        """
        return self.call("GET", "auth/token/lookup-self", answer=Answer[_Holder]).data.display_name

    def post_all(self, calls: Sequence[tuple[str, object]], *, answer: type[T]) -> list[T]:
        """See `OpenBao.post_all`."""
        return self._connection.post_all(self._token, calls, answer=answer)


class _Holder(msgspec.Struct):
    display_name: str


def checked_name(name: str) -> str:
    """Return `name` if it may stand in a path: 1 to 64 of letters, digits, `_`, `.`, `-`.

    Raises:
        ValueError: anything else could name a neighbour's secret.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            "keys.name: 1 to 64 letters, digits, '_', '.', '-', beginning with a letter or digit"
        )
    return name


def _trusting(ca_pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=ca_pem)
    return context


class _KeptAlive(hvac.adapters.Adapter):  # type: ignore[misc]  # hvac is not typed
    """hvac's way to the wire over a urllib3 pool, in 0.6 ms a call where `requests` takes 1.4."""

    def __init__(self, pool: urllib3.HTTPSConnectionPool, token: str) -> None:
        self._pool = pool
        self.token = token

    def get_login_token(self, response: Any) -> str:
        return str(response["auth"]["client_token"])

    def request(
        self,
        method: str,
        url: str,
        headers: Any = None,
        raise_exception: bool = True,  # noqa: FBT001, FBT002  hvac's signature
        **kwargs: Any,
    ) -> Any:
        fields = {"X-Vault-Request": "true", "Content-Type": "application/json", **(headers or {})}
        if self.token:
            fields["X-Vault-Token"] = self.token
        if kwargs.get("wrap_ttl"):
            fields["X-Vault-Wrap-TTL"] = f"{kwargs['wrap_ttl']}s"
        body = kwargs.get("json")
        response = self._pool.request(
            method, url, body=None if body is None else json.dumps(body), headers=fields, redirect=False
        )
        answer = json.loads(response.data) if response.data else {}
        if raise_exception and response.status >= HTTPStatus.MULTIPLE_CHOICES:
            hvac.utils.raise_for_error(method, url, response.status, errors=answer.get("errors"))
        return answer
