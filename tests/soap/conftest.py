"""A whole site for an agency that speaks SOAP: the Public Prosecution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from signed_parts import HeldKey
from soap_parts import PARTICIPANTS, Prosecution, register_keys
from support.auditor import Auditor
from support.participants import small_site
from support.soap import PATH

from crypto.openbao import decryption
from gateway.demo.site import HOST


@pytest.fixture(scope="session")
def prosecution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosecution]:
    with small_site(tmp_path_factory.mktemp("soap"), participants=PARTICIPANTS) as made:
        keys = {
            "ecdsa": HeldKey(ec.generate_private_key(ec.SECP256R1())),
            "rsa": HeldKey(rsa.generate_private_key(65537, 3072)),
        }
        register_keys(made, keys)
        serve = made.serve()
        with closing(Auditor(made)) as auditor, Prosecution(made, serve, auditor, keys) as one:
            yield one


@pytest.fixture(scope="session")
def offered(prosecution: Prosecution) -> str:
    """Have the agreement allow encryption, and return the certificate that agencies are offered."""
    made = decryption.offer(prosecution.site.keys.administrator(), HOST, new=False)
    path = prosecution.site.config / "agreements" / "ppo-nea-deprivation.v1.yaml"
    path.write_text(f"{path.read_text()}\nbody_encryption: optional\n")
    prosecution.until(lambda: prosecution.http.get(f"{PATH}?certificate").status_code == 200)
    assert prosecution.http.get(f"{PATH}?certificate").text == made
    return made
