"""Taking SOAP messages in: a whole site, signed messages of one record, messages of 1,000, and what is too long.

The site, the gateway's processes, the key server and the client share the machine's cores. Messages are signed before
the time that is measured.
"""

from __future__ import annotations

import ssl
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from time import perf_counter, time

from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from support.participants import small_site
from support.sample_records import JUDGMENTS, judgment
from support.soap import MESSAGES, PATH, enveloped, message

from benchmarks import load
from benchmarks.figures import Figure, rate
from benchmarks.intake import highest_mib
from crypto.origin import wsse
from gateway.demo.running import Running
from gateway.demo.site import Site

sys.path.append(str(Path(__file__).parents[1] / "soap"))
from signed_parts import HeldKey, Signer, certificate
from soap_parts import PARTICIPANTS, register_keys

CONNECTIONS, SECONDS, PER_S_MOST = 32, 6.0, 1500
BATCH, BATCHES, RUNS = 1000, 6, 3
STREAMED, GIANT_BYTES = 60_000, 500 << 20
KEY = HeldKey(ec.generate_private_key(ec.SECP256R1()))


def run() -> list[Figure]:
    """Measure; takes about two minutes."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as services:
        site = services.enter_context(small_site(Path(folder), participants=PARTICIPANTS))
        register_keys(site, {"ecdsa": KEY})
        serve = site.serve()
        context = site.client(site.issue("ppo"))
        figures = [*_signed(site, context), _batches(site, context)]
        return [*figures, *_memory(site, serve, context)]


def _head(length: int | None, kind: str = "text/xml", operation: str = "submit") -> bytes:
    start = load.head(PATH, kind, length)
    return start[:-2] + f'SOAPAction: "{MESSAGES}:{operation}"\r\n\r\n'.encode()


def _signed(site: Site, context: ssl.SSLContext) -> list[Figure]:
    signer = Signer(KEY, certificate(site.authority, KEY.key))
    envelopes = [signer.sign(enveloped(message(judgment()))) for _ in range(int(PER_S_MOST * (SECONDS + 1)))]

    def request(number: int) -> bytes:
        return _head(len(envelopes[number])) + envelopes[number]

    taken = load.one_by_one(
        site.ports["serve"], context, request, connections=CONNECTIONS, seconds=SECONDS, status=b"200"
    )
    now = time()
    bare = rate(lambda: wsse.verify(envelopes[0], lambda _: ("", KEY.key.public_key()), now), 1)
    name = f"signed messages of one record with durable receipts, {CONNECTIONS} connections"
    return [
        Figure(name, taken.per_s, "messages/s", "bare XML-DSig verification, one core", bare, goal=300),
        Figure(
            f"{name}: 99 of 100 within", taken.quantile_ms(0.99), "ms", "none", 0.0, goal=150, at_most=True
        ),
    ]


def _batches(site: Site, context: ssl.SSLContext) -> Figure:
    rates = []
    for _ in range(RUNS):
        envelopes = [enveloped(message(*[judgment() for _ in range(BATCH)])) for _ in range(BATCHES)]
        began = perf_counter()
        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(lambda one: _post(site.ports["serve"], context, one), envelopes))
        rates.append(BATCH * BATCHES / (perf_counter() - began))
        if any(f"<accepted>{BATCH}</accepted>".encode() not in answer for answer in answers):
            raise RuntimeError(f"not all records were accepted: {answers[0][:400]!r}")
    schema = etree.XMLSchema(etree.fromstring(_own_schema()))

    def bare() -> None:
        body = etree.fromstring(envelopes[0])[0]
        for record in body[0]:
            schema.validate(record)

    limit = rate(bare, BATCH)
    return Figure(
        f"records in messages of {BATCH:,}, each with its receipt", median(rates), "records/s",
        "bare parse and XSD, one core", limit, goal=4000,
    )  # fmt: skip


def _own_schema() -> bytes:
    folder = Path(__file__).parents[2] / "contracts" / "agencies" / "ppo" / "deprivation" / "v1"
    return (folder / "source.xsd").read_bytes()


def _post(port: int, context: ssl.SSLContext, envelope: bytes) -> bytes:
    heard: list[bytes] = []
    start = _head(None).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    blocks = (envelope[at : at + (1 << 16)] for at in range(0, len(envelope), 1 << 16))
    load.stream(port, context, start, blocks, heard.append)
    return b"".join(heard)


def _memory(site: Site, serve: Running, context: ssl.SSLContext) -> list[Figure]:
    """Send what no memory should hold: a giant envelope, which is refused, and a long attachment, which is streamed."""
    before = highest_mib(serve.popen.pid)
    blocks = (b" " * (1 << 20) for _ in range(GIANT_BYTES >> 20))
    heard: list[bytes] = []
    # It is refused, and the connection closed, while more is still to be sent.
    with suppress(ConnectionError, ssl.SSLError):
        load.stream(site.ports["serve"], context, _head(None), blocks, heard.append)
    giant = highest_mib(serve.popen.pid)
    tail = b""

    def keep(octets: bytes) -> None:
        nonlocal tail
        tail = (tail + octets)[-2000:]

    load.stream(site.ports["serve"], context, _attached_head(), _attached(STREAMED), keep)
    if f"<accepted>{STREAMED}</accepted>".encode() not in tail:
        raise RuntimeError(f"not all records were accepted: {tail[-400:]!r}")
    name = "memory of the intake process, at its highest, after"
    return [
        Figure(f"{name} an envelope of 500 MB (refused)", giant, "MiB", "before", before, goal=300, at_most=True),
        Figure(
            f"{name} an attachment of {STREAMED:,} records (streamed)",
            highest_mib(serve.popen.pid), "MiB", "before", before, goal=300, at_most=True,
        ),
    ]  # fmt: skip


def _attached_head() -> bytes:
    kind = 'multipart/related; boundary="b"; type="application/xop+xml"; start="<r>"; start-info="text/xml"'
    return _head(None, kind, "submitDocument").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def _attached(records: int) -> Iterator[bytes]:
    include = '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:d"/>'
    asked = f'<m:submitDocument xmlns:m="{MESSAGES}"><m:document>{include}</m:document></m:submitDocument>'
    yield b"--b\r\nContent-ID: <r>\r\n\r\n" + enveloped(asked) + b"\r\n--b\r\nContent-ID: <d>\r\n\r\n"
    yield f'<Judgments xmlns="{JUDGMENTS}">'.encode()
    for _ in range(records // 60):
        yield "".join(judgment() for _ in range(60)).encode()
    yield b"</Judgments>\r\n--b--\r\n"
