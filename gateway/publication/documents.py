"""All that is published of a catalogue, as octets by file name, and the manifest over it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import orjson

from gateway.doors import Published
from gateway.publication.asyncapi import asyncapi
from gateway.publication.contract_page import contract_page
from gateway.publication.overview import agencies_page, index_page, landing
from gateway.publication.reference import codes_page, documents_page, errors_page
from gateway.publication.source import Library, published
from gateway.publication.voice import Language, Voice
from gateway.publishing import published_as

Describe: TypeAlias = "Callable[[str, Sequence[Published]], Mapping[str, bytes]]"
"""What an adapter offers as `describe`: the documents, by file name, of what one agency may send through it."""

MANIFEST = "manifest.json"
_LANGUAGES: tuple[Language, ...] = ("ar", "en")


def publish(library: Library, adapters: Mapping[str, Describe]) -> dict[str, bytes]:
    """Return every file to publish, by name; the same arguments give the same octets.

    Args:
        library: the catalogue.
        adapters: how each adapter, by name, describes itself; the name is also the folder of its documents.
    """
    files = {"asyncapi.json": _json(asyncapi(library))}
    for agency in sorted(row["code"] for row in library.agencies.rows):
        for name, describe in sorted(adapters.items()):
            sent = [published_as(one) for one in library.sent_by(agency) if name in one.transport]
            if sent:
                files |= {f"{name}/{file}": octets for file, octets in describe(agency, sent).items()}
    for contract in library.contracts:
        files[f"contracts/{contract.name}/reader.schema.json"] = _json(contract.reader_schema)
    files |= {published(file): octets for file, octets in library.files.items()}
    names = sorted(files)
    for language in _LANGUAGES:
        files |= {
            f"{language}/{name}": octets for name, octets in _pages(Voice(language), library, names).items()
        }
    files["index.html"] = landing()
    files[MANIFEST] = manifest(files, library.catalogue.digest)
    return dict(sorted(files.items()))


def _pages(voice: Voice, library: Library, names: Sequence[str]) -> dict[str, bytes]:
    pages = {f"{one.name}.html": contract_page(voice, library, one) for one in library.contracts}
    return pages | {
        "index.html": index_page(voice, library),
        "agencies.html": agencies_page(voice, library),
        "codes.html": codes_page(voice, library),
        "errors.html": errors_page(voice, library),
        "documents.html": documents_page(voice, library, names),
    }


def manifest(files: Mapping[str, bytes], digest: str) -> bytes:
    """Return the manifest: of every file its SHA-256 in hex and its length, and the catalogue's digest.

    It is not signed; whoever needs that gets it over a channel that is trusted.
    """
    listed = {
        name: {"bytes": len(octets), "sha256": hashlib.sha256(octets).hexdigest()}
        for name, octets in sorted(files.items())
    }
    return _json({"catalogue": digest, "files": listed})


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
