"""One server, one pool of kept-alive TLS connections, one way for a call to fail.

hvac opens its calls through `requests`, which reads proxies and netrc from the environment, adds the system's
certificate authorities to those given, and takes twice as long. Its adapter is a seam, so ours goes in there.
"""

from __future__ import annotations

import json
import re
import ssl
from http import HTTPStatus
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import hvac.adapters
import hvac.exceptions
import hvac.utils
import msgspec
import urllib3

from crypto.errors import KeysUnavailable

TIMEOUT_S = 5.0
CONNECTIONS = 4  # two signatures at a time, one renewal, one question about health
PORT = 8200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

T = TypeVar("T")


class OpenBao(Protocol):
    """Somebody who may call the server: a process's session, or an administrator."""

    def call(self, method: str, path: str, body: object = None, *, answer: type[T], wrap_ttl_s: int = 0) -> T:
        """Call `/v1/<path>` and return the answer as `answer`.

        Raises:
            KeysUnavailable: not allowed, not there, not logged in, sealed, unreachable, or not understood.
        """


class NotFound(KeysUnavailable):
    """There is nothing at that path."""


class BadRequest(KeysUnavailable):
    """The server understood the call and refused it as wrong."""


class Nothing(msgspec.Struct):
    """An answer of which nothing is needed."""


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
            ssl_context=_trusting(ca_pem),
        )

    def call(
        self, token: str, method: str, path: str, body: object = None, *, answer: type[T], wrap_ttl_s: int = 0
    ) -> T:
        """Call as the holder of `token` ("" for nobody). See `OpenBao.call`."""
        adapter = _KeptAlive(self._pool, token)
        try:
            raw = adapter.request(method, f"/v1/{path}", json=body, wrap_ttl=wrap_ttl_s)
            return msgspec.convert(raw, answer, strict=False)  # JSON keys are text, key versions are numbers
        except hvac.exceptions.InvalidPath as error:
            raise NotFound(f"keys: there is nothing at {path}; was `isnad keys init` run?") from error
        except hvac.exceptions.Forbidden as error:
            raise KeysUnavailable(f"keys: {method} {path} is not allowed with this login") from error
        except hvac.exceptions.InvalidRequest as error:
            raise BadRequest(f"keys: {method} {path} was refused: {error.args[0]}") from error
        except hvac.exceptions.VaultDown as error:
            raise KeysUnavailable("keys: the key server is sealed or not ready; unseal it") from error
        except hvac.exceptions.VaultError as error:
            raise KeysUnavailable(f"keys: {method} {path} failed with {type(error).__name__}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise KeysUnavailable(
                f"keys: {self.address} cannot be reached: {type(error).__name__}"
            ) from error
        except (ValueError, msgspec.ValidationError) as error:
            raise KeysUnavailable(f"keys: the answer to {method} {path} was not understood") from error

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.close()


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
