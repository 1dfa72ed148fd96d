"""Documents of any length as MTOM attachments: streamed, and refused when their form is not right."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx
import pytest
from soap_parts import Prosecution
from support.sample_records import JUDGMENTS, judgment
from support.soap import MESSAGES, PATH, Answer, enveloped

BOUNDARY = "uuid:0ca0e16e-feb1-426c-97d8-c4508ada5e82+id=7"
INCLUDE = '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:records%40ppo.example"/>'
ASKED = f'<m:submitDocument xmlns:m="{MESSAGES}"><m:document>{INCLUDE}</m:document></m:submitDocument>'
PART = (
    b"Content-ID: <records@ppo.example>\r\nContent-Type: application/xml\r\nContent-Transfer-Encoding: binary"
)


def document(count: int) -> bytes:
    return f'<Judgments xmlns="{JUDGMENTS}">{"".join(judgment() for _ in range(count))}</Judgments>'.encode()


def packed(content: bytes, root: bytes = b"", part: bytes = PART, end: bytes = b"--") -> bytes:
    edge = f"--{BOUNDARY}".encode()
    head = (
        b'Content-Type: application/xop+xml; charset=UTF-8; type="text/xml"\r\nContent-ID: <root@ppo.example>'
    )
    first = edge + b"\r\n" + head + b"\r\n\r\n" + (root or enveloped(ASKED))
    return first + b"\r\n" + edge + b"\r\n" + part + b"\r\n\r\n" + content + b"\r\n" + edge + end + b"\r\n"


def sent(prosecution: Prosecution, body: bytes | Iterator[bytes]) -> httpx.Response:
    kind = (
        f'multipart/related; boundary="{BOUNDARY}"; type="application/xop+xml"; '
        'start="<root@ppo.example>"; start-info="text/xml"'
    )
    fields = {"content-type": kind, "soapaction": f'"{MESSAGES}:submitDocument"'}
    return prosecution.http.post(PATH, content=body, headers=fields)


def chunks(octets: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(octets), size):
        yield octets[at : at + size]


@pytest.mark.parametrize("size", [1 << 20, 4096, 7])
def test_every_record_of_a_document_is_answered(prosecution: Prosecution, size: int) -> None:
    count = 600 if size > 7 else 3
    answered = sent(prosecution, chunks(packed(document(count)), size))
    assert answered.status_code == 200
    answer = Answer.of(answered)
    assert (answer.one("accepted"), answer.one("complete")) == (str(count), "true")
    positions = [int(found) for found in answer.all("position")]
    assert positions == list(range(1, count + 1))
    assert len(set(answer.all("id"))) == count


def test_a_document_may_stand_in_the_message_itself(prosecution: Prosecution) -> None:
    inner = base64.b64encode(document(2)).decode()
    answer = Answer.of(prosecution.post(enveloped(ASKED.replace(INCLUDE, inner)), "submitDocument"))
    assert answer.one("accepted") == "2"


def test_what_broke_off_is_answered_as_far_as_it_came(prosecution: Prosecution) -> None:
    whole = document(600)
    answer = Answer.of(sent(prosecution, packed(whole[: len(whole) * 2 // 3])))
    assert int(answer.one("accepted")) > 0
    assert answer.all("code")[-1] == "record.xml.syntax"


WRONG = {
    "another part than xop:Include names": packed(document(1), part=PART.replace(b"records@", b"other@")),
    "a part that is encoded": packed(document(1), part=PART.replace(b"binary", b"base64")),
    "no closing boundary": packed(document(1), end=b""),
    "something after the attachment": packed(document(1), end=b"\r\n\r\n<x/>"),
    "a header field twice": packed(document(1), part=PART + b"\r\nContent-ID: <other@ppo.example>"),
    "endless header fields": packed(document(1), part=b"X: " + b"x" * 10_000),
    "no include": packed(document(1), root=enveloped(ASKED.replace("cid:", "http:"))),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_attachment_out_of_place_is_refused(prosecution: Prosecution, name: str) -> None:
    before = prosecution.auditor.size("ppo")
    answer = Answer.of(sent(prosecution, WRONG[name]))
    assert answer.one("code") == "soap.attachment"
    assert prosecution.refused(before) == ["soap.attachment"]
