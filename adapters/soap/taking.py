"""Taking a document that an agency's service gave: fetched by the poller, or answered in the call that asked."""

from __future__ import annotations

import hashlib
import time
from contextlib import aclosing

import structlog

from adapters.soap.service import Verify, said
from adapters.soap.shape import OURS, Shape
from gateway.doors import Gateway
from gateway.errors import Rejected
from gateway.records import Event, Origin, Submission
from gateway.submissions import Counts, Whole, submission_id

log = structlog.get_logger()


class Taking:
    """Takes documents of one agency."""

    def __init__(self, agency: str, gateway: Gateway) -> None:
        self._agency = agency
        self._gateway = gateway

    async def answer(
        self,
        contract: str,
        media_type: str,
        given: tuple[str, bytes],
        verify: Verify,
        shape: Shape = OURS,
    ) -> None:
        """Have the answer taken that was `given`: the server's certificate (SHA-256, hex) and the envelope.

        It is read as every answer is.

        Raises:
            Rejected: `soap.*`, `origin.*`, or as `take`; the log says so.
            Unavailable: as `take`.
        """
        try:
            origin, document = _answered(given, verify, shape)
        except Rejected as error:
            await self.refuse(contract, error)
            raise
        await self.take(contract, media_type, origin, given[1], document)

    async def refuse(self, contract: str, error: Rejected) -> None:
        """Have the agency's lane say why what its service answered was not read at all.

        Raises:
            Unavailable: the log cannot say it now.
        """
        told = (("contract", contract), ("code", error.code), ("field", error.field), ("rule", error.rule))
        await self._gateway.note([Event(self._agency, "answer.refused", told)])

    async def take(
        self, contract: str, media_type: str, origin: Origin, envelope: bytes, document: bytes
    ) -> None:
        """Have a document accepted. The same one makes the same submission, however often it comes.

        Raises:
            Unavailable: not all of it is in the log; it is to be asked for again.
            Rejected: nothing of it may be taken; the log says so.
        """
        digest = hashlib.sha256(document).hexdigest()
        submission = Submission(
            id=submission_id(self._agency, f"poll:{contract}:{digest}"),
            adapter="soap",
            sender=self._agency,
            recipient="",
            contract=contract,
            media_type=media_type,
            origin=origin,
            received_ms=time.time_ns() // 1_000_000,
            idempotency_key="",
            body=Whole(document),
        )
        if origin.signature:
            await self._gateway.envelopes.keep(submission, envelope)
        counts = Counts()
        async with aclosing(self._gateway.accept(submission)) as groups:
            async for outcomes in groups:
                counts.add(outcomes)
        counts.report(self._agency, contract)
        log.info(
            "poll.taken",
            submission=submission.id,
            sender=self._agency,
            contract=contract,
            bytes=len(document),
            **counts.as_json(),
        )


def _answered(given: tuple[str, bytes], verify: Verify, shape: Shape) -> tuple[Origin, bytes]:
    certificate, envelope = given
    origin, element = said(envelope, Origin(certificate), verify, shape.version)
    document = shape.calls["deliver"].read(element).answer if "deliver" in shape.calls else b""
    if not document:
        raise Rejected("soap.answer", "the answer must be as the WSDL says", "answer")
    return origin, document
