"""The gateway's side of answers: the real REST adapter and contract, over mutual TLS, and a log in memory."""

import asyncio
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import contracts
from adapters.rest import Config, Gateway, inbound
from crypto.entry import record_id
from crypto.pki import Credential, fingerprint, load_credential
from gateway.demo.pki import Authority
from gateway.errors import Rejected, Unavailable
from gateway.moments import legal_date, now_ms
from gateway.records import Origin, Outcome, Refusal, Status
from gateway.refusals import Refusals

CONTRACT = "disposition.v1"


@cache
def catalogue():
    return contracts.load(profile="synthetic")


@dataclass
class Desk:
    """Takes the elections authority's answers; raises `trouble` once `before_trouble` of them were taken."""

    authority: Authority = field(default_factory=lambda: Authority("Test authority"))
    taken: dict = field(default_factory=dict)
    posts: list = field(default_factory=list)
    trouble: Exception | None = None
    before_trouble: int = 0

    def identify(self, certificate):
        if certificate is None:
            raise Rejected("identity.certificate_missing", "a client certificate must be shown")
        return "nea", Origin(fingerprint(certificate))

    async def note(self, events):
        return [None for _ in events]

    async def accept(self, submission):
        body = b"".join([chunk async for chunk in submission.body])
        lines = body.splitlines()
        self.posts.append((submission.recipient, len(lines), submission.idempotency_key))
        if self.trouble and not self.before_trouble:
            raise self.trouble
        binding = catalogue().binding("nea", submission.contract)
        for position, line in enumerate(lines, 1):
            if self.trouble and position > self.before_trouble:
                raise self.trouble
            yield [self._take(submission.recipient, position, binding, line)]

    def _take(self, recipient, position, binding, line):
        try:
            conformed = binding.conform(line, legal_date(now_ms()))
        except contracts.Refused as error:
            return Outcome(position, Status.REFUSED, refusal=Refusal(error.code, error.field, error.rule))
        identifier = record_id("nea", CONTRACT, conformed.source_ref, conformed.op)
        known = self.taken.setdefault(identifier, (recipient, conformed.payload))
        status = Status.ACCEPTED if known[1] is conformed.payload else Status.DUPLICATE
        return Outcome(position, status, identifier, "nea", len(self.taken) - 1)

    def answers(self):
        """What was taken: event id to (recipient, outcome)."""
        return {
            payload["event_id"]: (recipient, payload["outcome"]) for recipient, payload in self.taken.values()
        }


def loaded(context, issued):
    certificate = issued.certificate
    credential = Credential(
        issued.chain_pem, certificate.not_valid_before_utc, certificate.not_valid_after_utc, issued.key
    )
    load_credential(context, credential)
    return context


def client_context(authority, name="nea"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.pem)
    return loaded(context, authority.issue(name)) if name else context


@contextmanager
def serving(desk):
    """Run the gateway's listener in a thread; yield its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=desk.authority.pem)
    loaded(context, desk.authority.issue("gateway", hosts=["localhost"], server=True))
    gateway = Gateway(
        desk.accept,
        desk,
        None,
        desk.note,
        None,
        None,
        Refusals(),
        lambda _: (),
        lambda *_: None,
        lambda: (True, {}),
        None,
        None,
    )
    listener = inbound(Config(port=0, grace_s=1), gateway, context)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(listener.start(), loop).result(10)
        yield f"https://localhost:{listener.port}"
    finally:
        asyncio.run_coroutine_threadsafe(listener.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


OUT_OF_REACH = Unavailable("unavailable.store")
