"""The queues as AsyncAPI 3.0: sealed batches between gateway and recipients, CloudEvents in a recipient's own zone."""

from __future__ import annotations

from contracts.contract import Contract
from contracts.schemas import Schema
from crypto.batch import BATCH_MAX_RECORDS, MESSAGE_MAX_BYTES
from gateway.components import lifted
from gateway.publication.source import Library
from gateway.queue.topology import CONTENT_TYPE, queue_name

_B64: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]*$", "description": "base64url without padding"}
_COUNT: Schema = {"type": "integer", "minimum": 0}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


_SEALED: Schema = {
    "type": "object",
    "description": "One batch: up to 256 records, each encrypted for the recipient, with what proves them.",
    "required": ["after", "checkpoint", "consistency", "first", "frontier", "header", "keys", "records"],
    "properties": {
        "header": {"type": "string", "description": "the header's octets, RFC 8785 JSON"},
        "keys": {
            "type": "array",
            "description": "the batch key, wrapped for each key of the recipient (RFC 9180)",
            "items": _object(ek=_B64, kid={"type": "string"}),
        },
        "records": {
            "type": "array",
            "minItems": 1,
            "maxItems": BATCH_MAX_RECORDS,
            "items": _object(
                ciphertext=_B64, entry={"type": "string", "description": "the log entry, octet for octet"}
            ),
        },
        "first": {**_COUNT, "description": "index of the first entry in the sender's lane"},
        "frontier": {
            "type": "array",
            "items": _B64,
            "description": "of the tree right before the batch (RFC 6962)",
        },
        "checkpoint": {
            "type": "string",
            "description": "C2SP signed note over the tree right after the batch",
        },
        "after": {
            **_object(root=_B64, size=_COUNT),
            "description": "the checkpoint of the previous message of this queue",
        },
        "consistency": {
            "type": "array",
            "items": _B64,
            "description": "from `after` to `checkpoint` (RFC 6962)",
        },
    },
}


def asyncapi(library: Library) -> Schema:
    """Return the document over all contracts of the catalogue."""
    recipients = [row["code"] for row in library.agencies.rows if library.read_by(row["code"])]
    schemas: dict[str, Schema] = {"SealedBatch": _SEALED}
    messages: dict[str, Schema] = {"SealedBatch": _sealed()}
    for contract in library.contracts:
        schemas |= lifted(contract.name, contract.reader_schema)
        schemas[f"{contract.name}.event"] = _event(contract)
        messages[f"{contract.name}.event"] = _message(contract)
    channels: dict[str, Schema] = {}
    operations: dict[str, Schema] = {}
    for recipient in recipients:
        called = library.agencies
        title = next(row["en"] for row in called.rows if row["code"] == recipient)
        for contract in library.read_by(recipient):
            name = f"{recipient}.{contract.name}"
            channels[name] = _queue(name, contract, title)
            operations[f"receive.{name}"] = _receive(name, ["SealedBatch"])
        plain = f"{recipient}.events"
        events = [f"{contract.name}.event" for contract in library.read_by(recipient)]
        channels[plain] = _plain(title, events)
        operations[f"receive.{plain}"] = _receive(plain, events)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Isnad · إسناد: queues",
            "version": "1.0.0",
            "description": "What a recipient takes from the exchange. Catalogue " + library.catalogue.digest,
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


def _sealed() -> Schema:
    return {
        "name": "SealedBatch",
        "title": "A sealed batch",
        "summary": f"At most {MESSAGE_MAX_BYTES} bytes. The SDK or `isnad open` opens it; until then nobody reads it.",
        "contentType": CONTENT_TYPE,
        "payload": {"$ref": "#/components/schemas/SealedBatch"},
    }


def _message(contract: Contract) -> Schema:
    return {
        "name": f"eg.nea.{contract.name}",
        "title": f"{contract.title_en} · {contract.title_ar}",
        "summary": contract.description,
        "description": contract.description_ar,
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": f"#/components/schemas/{contract.name}.event"},
    }


def _event(contract: Contract) -> Schema:
    """Return the schema of a record as a CloudEvent 1.0: open, since a later minor may add to it."""
    name, _, version = contract.name.rpartition(".")
    text: Schema = {"type": "string"}
    return {
        "type": "object",
        "required": [
            "specversion",
            "id",
            "source",
            "type",
            "dataschema",
            "datacontenttype",
            "sourceref",
            "op",
            "data",
        ],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {
                "type": "string",
                "format": "uuid",
                "description": "the record's id, the same at every retry",
            },
            "source": {"type": "string", "pattern": "^urn:isnad:agency:[a-z][a-z0-9-]*$"},
            "type": {"const": f"eg.nea.{contract.name}"},
            "dataschema": {"const": f"urn:isnad:contract:{name}:{version}"},
            "datacontenttype": {"const": "application/json"},
            "sourceref": text,
            "op": {"enum": ["assert", "correct", "void"]},
            "priorref": text,
            "subject": {
                "type": "string",
                "description": "the citizen's pseudonym in the sender's lane, base64url",
            },
            "data": {"$ref": f"#/components/schemas/{contract.name}"},
        },
    }


def _queue(name: str, contract: Contract, recipient: str) -> Schema:
    return {
        "address": queue_name(name),
        "title": f"{contract.title_en}, for {recipient}",
        "messages": {"SealedBatch": {"$ref": "#/components/messages/SealedBatch"}},
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {"name": queue_name(name), "durable": True, "exclusive": False, "autoDelete": False},
                "bindingVersion": "0.3.0",
            }
        },
    }


def _plain(recipient: str, events: list[str]) -> Schema:
    return {
        "address": None,  # its name is the recipient's to give, in the configuration of `isnad open`
        "title": f"Opened records, inside the zone of {recipient}",
        "description": "Plaintext: it exists in the recipient's own zone only.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in events},
    }


def _receive(channel: str, messages: list[str]) -> Schema:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }
