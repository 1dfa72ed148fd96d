"""Writes the frozen vectors: `python tests/crypto/make_vectors.py`. Only a new format needs it again."""

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from exchange_parts import Exchange, LogKeys, unsealed

from crypto.entry import parse_entry
from crypto.hpke import Suite
from crypto.opening import open_batch
from crypto.policy import policy_to_json

HERE = Path(__file__).parent / "vectors"


def vector(suite):
    keys = LogKeys(
        Ed25519PrivateKey.from_private_bytes(b"\x11" * 32), MLDSA44PrivateKey.from_seed_bytes(b"\x22" * 32)
    )
    exchange = Exchange(suite, keys, b"\x33" * 32)
    messages = [exchange.message(2), exchange.message(3, 2)]
    opened = [open_batch(message, exchange.expected, exchange.seen) for message in messages]
    return {
        "seed": exchange.seed.hex(),
        "policy": policy_to_json(exchange.expected.lanes["moh"].policy).decode(),
        "messages": [message.decode() for message in messages],
        "records": [
            {
                "index": record.index,
                "id": parse_entry(record.entry_octets).id,
                "octets": record.octets.decode(),
                "source": unsealed(record.index).source.decode(),
                "receipt": batch.receipt(record).to_json().decode(),
            }
            for batch in opened
            for record in batch.records
        ],
    }


if __name__ == "__main__":
    for suite in Suite:
        text = json.dumps(vector(suite), ensure_ascii=False, indent=1)
        (HERE / f"{suite}.json").write_text(text + "\n", encoding="utf-8")
