"""Programs of agencies that are made by generators from the WSDL: Apache CXF's, and .NET's as Mono has it."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, PrivateFormat, pkcs12

HERE = Path(__file__).parent
JARS = HERE.parents[1] / "build" / "java" / "lib"
PASSWORD = b"synthetic"
PATIENCE_S = 300
"""A machine that does much else at the same time takes its time to compile."""


def java(*arguments: object, also: Sequence[Path] = ()) -> list[str]:
    """Return the command line of a Java program that may use CXF; `make services` installs it."""
    if not JARS.is_dir():
        raise FileNotFoundError("Apache CXF is not installed: run make services")
    path = os.pathsep.join([f"{JARS}/*", *map(str, also)])
    return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path, *map(str, arguments)]


def run(command: Sequence[object], task: Mapping[str, str] | None = None) -> tuple[dict[str, str], str]:
    """Run a program with a task on its standard input; return what it says, by name, and its complaints."""
    done = subprocess.run(
        [str(word) for word in command],
        input="".join(f"{name}={value}\n" for name, value in (task or {}).items()),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    said = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    # slf4j always says where it logs to, which is nowhere.
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("SLF4J: ")]
    return said, "\n".join(complaints)


def keystore(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    above: Sequence[x509.Certificate] = (),
    *,
    old: bool = False,
) -> str:
    """Return PKCS #12 under the name `signer`, in base64; `old` is as programs of 2010 read it."""
    encryption = BestAvailableEncryption(PASSWORD)
    if old:
        builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2048)
        encryption = (
            builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(SHA1())  # noqa: S303  what they can check
            .build(PASSWORD)
        )
    octets = pkcs12.serialize_key_and_certificates(b"signer", key, certificate, list(above), encryption)
    return base64.b64encode(octets).decode()


def der(pem: str) -> str:
    """Return a certificate in base64 without lines."""
    return "".join(line for line in pem.strip().splitlines() if not line.startswith("-----"))
