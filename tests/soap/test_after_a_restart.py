"""What was seen is not forgotten with the process: a signed message that was taken is not taken by the next one."""

from __future__ import annotations

from contextlib import closing

from cryptography.hazmat.primitives.asymmetric import ec
from signed_parts import HeldKey
from soap_parts import PARTICIPANTS, Prosecution, register_keys
from support.auditor import Auditor
from support.participants import small_site
from support.sample_records import judgment
from support.soap import Answer, enveloped, message


def test_a_signed_message_is_not_taken_again_by_a_process_that_starts_anew(tmp_path) -> None:
    with small_site(tmp_path, participants=PARTICIPANTS) as made:
        keys = {"ecdsa": HeldKey(ec.generate_private_key(ec.SECP256R1()))}
        register_keys(made, keys)
        serve = made.serve()
        with closing(Auditor(made)) as auditor:
            with Prosecution(made, serve, auditor, keys) as agency:
                envelope = agency.signer().sign(enveloped(message(judgment())))
                assert Answer.of(agency.post(envelope)).one("accepted") == "1"
            serve.kill()
            with Prosecution(made, made.serve(), auditor, keys) as agency:
                before = auditor.size("ppo")
                assert Answer.of(agency.post(envelope)).one("code") == "origin.replayed"
                assert agency.refused(before) == ["origin.replayed"]
                fresh = agency.signer().sign(enveloped(message(judgment())))
                assert Answer.of(agency.post(fresh)).one("accepted") == "1"
