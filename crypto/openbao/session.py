"""A process's standing with the key server: logged in as one AppRole, and staying so.

A process starts with a wrapping token that yields a secret_id for one login. The login gives a batch token,
which lives for the role's token_ttl and can be neither renewed nor used to log in. So while its token still
lives, the process asks for its own next secret_id, wrapped, for one use, and logs in with that. The policy
allows it nothing else there. An outage shorter than what the token has left therefore needs no hand; after
a longer one, and after a restart, somebody who may admit processes has to give it a new wrapping token.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from crypto.errors import KeysUnavailable
from crypto.openbao.connection import Answer, BadRequest, Connection, checked_name

REFRESH_AFTER = 0.25  # of a token's life: three quarters of it remain to sit out an outage
RETRY_S = 1.0
WRAP_TTL_S = 30  # between asking for a secret_id and unwrapping it; the policies allow at most 60
WRAPPING_TOKEN_MAX_BYTES = 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Health:
    """How things stand with the key server.

    `token_s` is what is left of the login, in seconds; 0 is logged out. `trouble`
    is empty, or why staying logged in fails at present.
    """

    reachable: bool
    sealed: bool
    token_s: int
    trouble: str

    @property
    def ready(self) -> bool:
        """Whether keys can be used now."""
        return self.reachable and not self.sealed and self.token_s > 0


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """A token and how long it lives, by `time.monotonic()`, which all processes of a machine share."""

    token: str
    expires: float


_LOGGED_OUT = Login("", 0.0)


class Session:
    """The key server as one role may use it. Safe to call from several threads."""

    def __init__(self, connection: Connection, role: str, role_id: str) -> None:
        self._connection = connection
        self._role = checked_name(role)
        self._role_id = role_id
        self._login = _LOGGED_OUT
        self._due = 0.0  # time.monotonic() at which to log in again
        self._trouble = ""
        self._one_at_a_time = threading.Lock()

    def log_in(self, wrapping_token: str) -> None:
        """Log in with the secret_id behind a wrapping token that was made for this role.

        Raises:
            KeysUnavailable: not reachable, or the token was used, has expired or wraps something else. A
                token that was used before it came here may have been stolen: find out by whom before
                admitting the process again.
        """
        # What is wrapped is looked at first: somebody could have put their own wrapped secret in its place.
        try:
            wrapped = self._connection.call(
                "", "POST", "sys/wrapping/lookup", {"token": wrapping_token}, answer=Answer[_Creation]
            )
        except BadRequest as error:
            raise KeysUnavailable(
                "keys: the wrapping token has expired or was used before; if it is young, look for the thief"
            ) from error
        if wrapped.data.creation_path != self._secret_id_path:
            raise KeysUnavailable(
                f"keys: the wrapping token was not made for {self._role}; treat it as an attack"
            )
        unwrapped = self._connection.call(
            wrapping_token, "POST", "sys/wrapping/unwrap", answer=Answer[_Secret]
        )
        asked = time.monotonic()
        answer = self._connection.call(
            "",
            "POST",
            "auth/approle/login",
            {"role_id": self._role_id, "secret_id": unwrapped.data.secret_id},
            answer=_LoggedIn,
        )
        life = answer.auth.lease_duration
        self._login = Login(answer.auth.client_token, asked + life)
        self._due = asked + life * REFRESH_AFTER

    @property
    def login(self) -> Login:
        """The present login, for a process that works for this one and keeps up none of its own."""
        return self._login

    def call(self, method: str, path: str, body: object = None, *, answer: type[T], wrap_ttl_s: int = 0) -> T:
        """See `OpenBao.call`."""
        token = self._token()
        return self._connection.call(token, method, path, body, answer=answer, wrap_ttl_s=wrap_ttl_s)

    def post_all(self, calls: Sequence[tuple[str, object]], *, answer: type[T]) -> list[T]:
        """See `OpenBao.post_all`."""
        return self._connection.post_all(self._token(), calls, answer=answer)

    def _token(self) -> str:
        return _living(
            self._login,
            f"keys: not logged in as {self._role}; run `isnad keys admit` and restart with the new token",
        )

    def keep_alive(self) -> None:
        """Log in again if a quarter of the token's life has passed; otherwise do nothing.

        Raises:
            KeysUnavailable: it did not work now; the present login stands for as long as it lives.
        """
        with self._one_at_a_time:
            if time.monotonic() < self._due:
                return
            wrapped = self.call("POST", self._secret_id_path, answer=Wrapped, wrap_ttl_s=WRAP_TTL_S)
            self.log_in(wrapped.wrap_info.token)

    @contextmanager
    def staying(self) -> Iterator[None]:
        """Stay logged in, from a thread, until the context ends. What goes wrong shows in `health`."""
        leaving = threading.Event()

        def stay() -> None:
            while not leaving.wait(max(RETRY_S if self._trouble else 0.01, self._due - time.monotonic())):
                try:
                    self.keep_alive()
                    self._trouble = ""
                except KeysUnavailable as error:
                    self._trouble = str(error)

        thread = threading.Thread(target=stay, name="keys-stay-logged-in", daemon=True)
        thread.start()
        try:
            yield
        finally:
            leaving.set()
            thread.join(RETRY_S)  # a call that hangs is left behind, not waited for

    def health(self) -> Health:
        """Ask the server how it is. Never raises: not reachable is an answer."""
        token_s = max(0, int(self._login.expires - time.monotonic()))
        try:
            # A sealed or standby server answers with an error status unless asked not to.
            state = self._connection.call(
                "", "GET", "sys/health?sealedcode=200&uninitcode=200&standbyok=true", answer=_State
            )
        except KeysUnavailable as error:
            return Health(reachable=False, sealed=False, token_s=token_s, trouble=str(error))
        return Health(reachable=True, sealed=state.sealed, token_s=token_s, trouble=self._trouble)

    @property
    def _secret_id_path(self) -> str:
        return f"auth/approle/role/{self._role}/secret-id"


class Borrowed:
    """The key server under a login that another process keeps up and lends. Safe to call from several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.login = _LOGGED_OUT

    def call(self, method: str, path: str, body: object = None, *, answer: type[T], wrap_ttl_s: int = 0) -> T:
        """See `OpenBao.call`."""
        token = self._token()
        return self._connection.call(token, method, path, body, answer=answer, wrap_ttl_s=wrap_ttl_s)

    def post_all(self, calls: Sequence[tuple[str, object]], *, answer: type[T]) -> list[T]:
        """See `OpenBao.post_all`."""
        return self._connection.post_all(self._token(), calls, answer=answer)

    def _token(self) -> str:
        return _living(self.login, "keys: the login that was lent has expired")


def _living(login: Login, otherwise: str) -> str:
    if time.monotonic() >= login.expires:
        raise KeysUnavailable(otherwise)
    return login.token


def wrapping_token(reference: str) -> str:
    """Read the wrapping token that `reference` names, once: `env:NAME`, `file:PATH` or `fd:NUMBER`.

    The variable is unset, the file removed, the descriptor closed, so that no child and no later reader
    finds it.

    Raises:
        KeysUnavailable: it is not there, or empty; the process was not admitted, or was restarted.
        ValueError: the reference is of no such form.
    """
    kind, _, where = reference.partition(":")
    try:
        token = _read_once(kind, where).strip()
    except (KeyError, OSError) as error:
        raise KeysUnavailable(f"keys: no wrapping token at {reference}; run `isnad keys admit`") from error
    if not token:
        raise KeysUnavailable(f"keys: no wrapping token at {reference}; run `isnad keys admit`")
    return token


def _read_once(kind: str, where: str) -> str:
    match kind:
        case "env":
            return os.environ.pop(where)
        case "file":
            with Path(where).open("rb") as file:
                Path(where).unlink()
                return file.read(WRAPPING_TOKEN_MAX_BYTES).decode()
        case "fd":
            with os.fdopen(int(where), "rb") as file:
                return file.read(WRAPPING_TOKEN_MAX_BYTES).decode()
        case _:
            raise ValueError("keys.wrapping_token: must be env:NAME, file:PATH or fd:NUMBER")


class _Creation(msgspec.Struct):
    creation_path: str


class _Secret(msgspec.Struct):
    secret_id: str


class _Auth(msgspec.Struct):
    client_token: str
    lease_duration: int  # seconds


class _LoggedIn(msgspec.Struct):
    auth: _Auth


class WrapInfo(msgspec.Struct):
    """The token that opens the wrapper, once."""

    token: str


class Wrapped(msgspec.Struct):
    """An answer handed out only inside a wrapper."""

    wrap_info: WrapInfo


class _State(msgspec.Struct):
    sealed: bool
