"""The OpenAPI 3.1 document of one agency: the contracts it may send, in its own format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from adapters.rest.answers import JSON, NDJSON
from gateway.components import lifted
from gateway.doors import Published
from gateway.https.problems import MEDIA_TYPE

Node: TypeAlias = "str | int | bool | list[Node] | dict[str, Node] | Mapping[str, object]"

_TEXT: Node = {"type": "string"}
_COUNT: Node = {"type": "integer", "minimum": 0}
_UUID: Node = {"type": "string", "format": "uuid"}


def _object(required: Sequence[str], **properties: Node) -> dict[str, Node]:
    return {"type": "object", "required": list(required), "properties": properties}


_SCHEMAS: dict[str, Node] = {
    "Problem": _object(
        ("type", "title", "status", "code"),
        type={"type": "string", "description": "urn:isnad:error: and the code"},
        title=_TEXT,
        title_ar=_TEXT,
        title_en=_TEXT,
        status={"type": "integer"},
        detail={"type": "string", "description": "the rule that must hold"},
        code=_TEXT,
        field=_TEXT,
        remedy_ar=_TEXT,
        remedy_en=_TEXT,
        retry_after_s=_COUNT,
        submission=_UUID,
        position=_COUNT,
    ),
    "Receipt": _object(
        ("record_id", "lane", "index", "salt", "proof", "entry"),
        record_id=_UUID,
        lane=_TEXT,
        index=_COUNT,
        salt={"type": "string", "description": "32 bytes, base64url"},
        proof={"type": "string", "description": "C2SP tlog-proof with the signed checkpoint"},
        entry={"type": "string", "description": "the log entry, octet for octet"},
    ),
    "BatchReceipt": _object(
        ("lane", "first", "frontier", "leaves", "checkpoint"),
        lane=_TEXT,
        first=_COUNT,
        frontier={"type": "array", "items": _TEXT},
        leaves={"type": "array", "items": _TEXT},
        checkpoint={"type": "string", "description": "C2SP signed note"},
    ),
    "Counts": _object(
        ("accepted", "quarantined", "duplicate", "refused"),
        accepted=_COUNT,
        quarantined=_COUNT,
        duplicate=_COUNT,
        refused=_COUNT,
    ),
    "Outcome": _object(
        ("position", "outcome"),
        position={"type": "integer", "minimum": 1},
        outcome={"enum": ["accepted", "quarantined", "duplicate", "refused"]},
        id=_UUID,
        lane=_TEXT,
        index=_COUNT,
        salt={"type": "string", "description": "in lines only: 32 bytes, base64url"},
        entry={"type": "string", "description": "in lines only: the log entry, octet for octet"},
        receipt={"$ref": "#/components/schemas/Receipt"},
        warnings={"type": "array", "items": _TEXT},
        code=_TEXT,
        field=_TEXT,
        rule=_TEXT,
        title_ar=_TEXT,
        title_en=_TEXT,
    ),
    "Document": _object(
        ("submission", "counts", "outcomes"),
        submission=_UUID,
        counts={"$ref": "#/components/schemas/Counts"},
        outcomes={"type": "array", "items": {"$ref": "#/components/schemas/Outcome"}},
    ),
    "Line": {
        "description": "One line of an answer in lines.",
        "oneOf": [
            {"$ref": "#/components/schemas/Outcome"},
            _object(("batch",), batch={"$ref": "#/components/schemas/BatchReceipt"}),
            _object(("summary",), summary={"type": "object"}),
            _object(("problem",), problem={"$ref": "#/components/schemas/Problem"}),
        ],
    },
    "Submission": _object(
        ("submission", "contract", "complete", "counts", "refusals"),
        submission=_UUID,
        contract=_TEXT,
        complete={"type": "boolean", "description": "whether it was received to its end"},
        counts={"$ref": "#/components/schemas/Counts"},
        refusals={"type": "array", "items": {"type": "object"}, "maxItems": 1000},
    ),
    "Record": _object(
        ("id", "state", "receipt", "history"),
        id=_UUID,
        state={
            "enum": [
                "accepted",
                "quarantined",
                "released",
                "refused_on_review",
                "delivered",
                "undeliverable",
                "disposed",
            ]
        },
        receipt={"$ref": "#/components/schemas/Receipt"},
        history={
            "type": "array",
            "items": {"type": "object"},
            "description": "its log entries, in order of time",
        },
    ),
    "Ping": _object(("agency", "receipt"), agency=_TEXT, receipt={"$ref": "#/components/schemas/Receipt"}),
}

_PROBLEM: Node = {
    "description": "A problem · مشكلة",
    "content": {MEDIA_TYPE.decode(): {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def openapi(agency: str, published: Sequence[Published]) -> dict[str, Node]:
    """Return the document for one agency."""
    sources: dict[str, Node] = {}
    for one in published:
        sources |= lifted(one.contract, one.source_schema) if one.source_schema else {}
    paths: dict[str, Node] = {f"/v1/{one.contract}/records": {"post": _submit(one)} for one in published}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Isnad · إسناد: {agency}", "version": "1"},
        "paths": paths | _reading(),
        "components": {
            "schemas": _SCHEMAS | sources,
            "securitySchemes": {"certificate": {"type": "mutualTLS"}},
        },
        "security": [{"certificate": []}],
    }


def _submit(one: Published) -> Node:
    return {
        "operationId": f"submit.{one.contract}",
        "summary": f"{one.title_en} · {one.title_ar}",
        "description": f"{one.description_en}\n\n{one.description_ar}",
        "parameters": [
            _parameter("Idempotency-Key", "header", {"type": "string", "minLength": 1, "maxLength": 128}),
            _parameter("Prefer", "header", {"enum": ["return=minimal"]}),
            _parameter("recipient", "query", _TEXT),
        ],
        "requestBody": {"required": True, "content": {kind: _content(one, kind) for kind in one.media_types}},
        "responses": {
            "200": {
                "description": "An outcome for each record · نتيجة لكل سجل",
                "content": {
                    JSON.decode(): {"schema": {"$ref": "#/components/schemas/Document"}},
                    NDJSON.decode(): {"schema": {"$ref": "#/components/schemas/Line"}},
                },
            },
            "default": _PROBLEM,
        },
    }


def _content(one: Published, media_type: str) -> Node:
    content: dict[str, Node] = {"schema": _TEXT}
    if one.source_schema is not None and media_type == JSON.decode():
        record: Node = {"$ref": f"#/components/schemas/{one.contract}"}
        content["schema"] = {"oneOf": [record, {"type": "array", "items": record}]}
    if media_type in one.examples:
        content["example"] = one.examples[media_type]
    return content


def _reading() -> dict[str, Node]:
    return {
        "/v1/submissions/{id}": {"get": _read("submission", "Submission")},
        "/v1/records/{id}": {"get": _read("record", "Record")},
        "/v1/ping": {
            "post": {
                "operationId": "ping",
                "summary": "Leave an entry in one's own lane, deliver nothing · اختبار الاتصال",
                "responses": {"200": _answer("Ping"), "default": _PROBLEM},
            }
        },
    }


def _read(operation: str, schema: str) -> Node:
    return {
        "operationId": operation,
        "parameters": [_parameter("id", "path", _UUID)],
        "responses": {"200": _answer(schema), "default": _PROBLEM},
    }


def _answer(schema: str) -> Node:
    content = {JSON.decode(): {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": schema, "content": content}


def _parameter(name: str, place: str, schema: Node) -> Node:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}
