"""What a participant may ask: what became of its submissions and records, and the log, as C2SP tlog-tiles.

Everything here answers an authenticated participant only, and about its own; checkpoints and hashes, which
reveal nothing, are for every participant.
"""

from __future__ import annotations

import asyncio
import re

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.rest.answers import explained
from adapters.rest.request import PARTICIPANT
from gateway.doors import Gateway
from gateway.errors import Rejected
from gateway.ports import SubmissionState
from gateway.records import Event, Origin
from gateway.submissions import state_of

IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
TILE = re.compile(
    r"(?P<level>[0-9]|[1-5][0-9]|6[0-3]|entries)/(?P<n>(x[0-9]{3}/){0,5}[0-9]{3})(\.p/(?P<width>[1-9][0-9]{0,2}))?\Z"
)
"""The path of a tile below `tile/` (C2SP tlog-tiles, "Merkle Tree")."""
TILE_WIDTH = 256
IMMUTABLE = "private, max-age=31536000, immutable"


class Reading:
    """The routes that read, and `ping`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.routes = [
            Route("/v1/submissions/{id}", self._submission),
            Route("/v1/records/{id}", self._record),
            Route("/v1/ping", self._ping, methods=["POST"]),
            Route("/v1/log/{lane}/checkpoint", self._checkpoint),
            Route("/v1/log/{lane}/tile/{tile:path}", self._tile),
        ]

    def identify(self, request: Request) -> tuple[str, Origin]:
        """Return who asks.

        Raises:
            Rejected: `identity.*`.
        """
        return self._gateway.identities.identify(request.scope["extensions"]["tls"]["client_cert_der"])

    async def _submission(self, request: Request) -> Response:
        agency, _ = self.identify(request)
        identifier = _identifier(request, "submission.unknown")
        state = await asyncio.to_thread(self._gateway.records.submission, identifier, agency)
        if state is None:
            raise Rejected("submission.unknown", "the id must be that of a submission of yours", "id")
        return _json(orjson.dumps(_submission_members(state)))

    async def _record(self, request: Request) -> Response:
        agency, _ = self.identify(request)
        identifier = _identifier(request, "record.unknown")
        receipt = await asyncio.to_thread(self._gateway.records.receipt, identifier, agency)
        if receipt is None:
            raise Rejected("record.unknown", "the id must be that of a record of yours", "id")
        history = await asyncio.to_thread(self._gateway.records.history, identifier, agency)
        members = {
            "id": identifier,
            "state": state_of(history),
            "receipt": orjson.Fragment(receipt.to_json()),
            "history": [orjson.Fragment(entry) for entry in history],
        }
        return _json(orjson.dumps(members))

    async def _ping(self, request: Request) -> Response:
        """Put the caller's knock into its lane, with a receipt, and deliver nothing."""
        agency, origin = self.identify(request)
        event = Event(lane=agency, kind="ping.received", fields=(("certificate", origin.certificate),))
        (receipt,) = await self._gateway.note([event])
        return _json(b'{"agency":%s,"receipt":%s}' % (orjson.dumps(agency), receipt.to_json()))

    async def _checkpoint(self, request: Request) -> Response:
        self.identify(request)
        note = await asyncio.to_thread(self._gateway.records.checkpoint, _lane(request))
        if note is None:
            raise Rejected("log.unknown", "there must be such a lane", "lane")
        return Response(note, media_type="text/plain", headers={"cache-control": "no-store"})

    async def _tile(self, request: Request) -> Response:
        agency, _ = self.identify(request)
        lane = _lane(request)
        named = TILE.match(request.path_params["tile"])
        if named is None:
            raise Rejected("log.unknown", "a tile is named as C2SP tlog-tiles says", "tile")
        number = int(named["n"].replace("x", "").replace("/", ""))
        width = int(named["width"] or TILE_WIDTH)
        records = self._gateway.records
        if width > TILE_WIDTH or (named["width"] and width == TILE_WIDTH):
            raise Rejected("log.unknown", "a partial tile has 1 to 255 hashes", "tile")
        if named["level"] != "entries":
            octets = await asyncio.to_thread(records.tile, lane, int(named["level"]), number, width)
        elif agency != lane:
            raise Rejected("log.entries_forbidden", "the entries of a lane are for its own agency", "lane")
        else:
            octets = await asyncio.to_thread(records.entries, lane, number, width)
        if octets is None:
            raise Rejected("log.unknown", "the lane must be that large", "tile")
        return Response(octets, media_type="application/octet-stream", headers={"cache-control": IMMUTABLE})


def _submission_members(state: SubmissionState) -> dict[str, object]:
    return {
        "submission": state.id,
        "contract": state.contract,
        "complete": state.complete,
        "counts": {
            "accepted": state.accepted,
            "quarantined": state.quarantined,
            "duplicate": state.duplicate,
            "refused": state.refused,
        },
        "refusals": [{"position": position} | explained(refusal) for position, refusal in state.refusals],
    }


def _identifier(request: Request, code: str) -> str:
    identifier: str = request.path_params["id"]
    if not IDENTIFIER.match(identifier):
        raise Rejected(code, "an id is a UUID in lower case", "id")
    return identifier


def _lane(request: Request) -> str:
    lane: str = request.path_params["lane"]
    if not PARTICIPANT.match(lane):
        raise Rejected("log.unknown", "there must be such a lane", "lane")
    return lane


def _json(octets: bytes) -> Response:
    return Response(octets, media_type="application/json", headers={"cache-control": "no-store"})
