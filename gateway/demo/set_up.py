"""A site is set up: a key server made ready, and the shipped configuration with other addresses, keys and quotas."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from crypto.hpke import Suite
from crypto.openbao.prepare import SERVING, Plan, prepare, read_policies
from gateway.demo import openbao
from gateway.demo.local import free_ports
from gateway.demo.pki import Authority
from gateway.demo.rabbitmq import Server as Broker
from gateway.demo.site import BROKER_ACCOUNT, BROKER_DELIVERY, BROKER_PASSWORD, HOST, Site, replace_file

HERE = Path(__file__).resolve().parents[2]
SHIPPED = HERE / "config"
POLICIES = HERE / "docker" / "openbao" / "policies"
RECIPIENTS: Mapping[str, Any] = {"delivery-1": "delivery", "nea-1": "nea"}
QUOTA = {
    "records_per_s": 1_000_000,
    "burst": 10_000_000,
    "submissions_per_s": 100_000,
    "records_per_day": 1_000_000_000,
}
YEAR = timedelta(days=365)


@contextmanager
def site(folder: Path, broker: Broker | None = None, **settings: Any) -> Iterator[Site]:
    """Prepare a site in an empty folder. `settings` replace top-level keys of `gateway.yaml`."""
    with ExitStack() as stack:
        keys = stack.enter_context(openbao.running())
        plan = Plan(
            policies=read_policies(POLICIES),
            recipients=RECIPIENTS,
            hosts=dict.fromkeys(SERVING, (HOST,)),
            suite=Suite(settings.get("suite", Suite.HYBRID)),
        )
        prepared = prepare(keys.administrator(), plan)
        names = ("serve", "serve_metrics", "deliver", "deliver_metrics", "endpoint", "sftp", "sftp_deliver")
        made = Site(
            folder,
            keys,
            prepared,
            Authority("Agencies of the site"),
            dict(zip(names, free_ports(7), strict=True)),
            broker,
        )
        stack.callback(made.close)
        _write(made, settings)
        yield made


def _write(made: Site, settings: Mapping[str, Any]) -> None:
    shutil.copytree(SHIPPED, made.config)
    (made.folder / "var").mkdir(mode=0o700)
    pki = made.config / "pki"
    (pki / "site.pem").write_text(made.authority.pem)
    (pki / "keys.pem").write_text(made.keys.ca_pem)
    (pki / "gateway.pem").write_text(made.prepared.ca_pem)
    replace_file(pki / "site.crl", made.authority.crl())
    for path in (made.config / "agencies").iterdir():
        agency = yaml.safe_load(path.read_text())
        agency["identity"] = [
            {"issuers": "pki/site.pem", "crls": ["pki/site.crl"], "san": f"dns:{agency['name']}.test"}
        ]
        agency["quota"] = QUOTA
        if "files" in agency:
            agency["files"] = {"keys": [made.ssh_key(agency["name"])]}
        if agency["delivery"]["mode"] == "endpoint":
            agency["delivery"] |= {
                "url": f"https://{HOST}:{made.ports['endpoint']}/inbound",
                "server_ca": "pki/site.pem",
            }
        path.write_text(yaml.safe_dump(agency, allow_unicode=True))
    today = datetime.now(UTC).date()
    for path in (made.config / "agreements").iterdir():
        agreement = yaml.safe_load(path.read_text())
        # The example agreements end one day; what is shown with them is not to end with them.
        agreement |= {"valid_from": today - YEAR, "valid_until": today + YEAR}
        path.write_text(yaml.safe_dump(agreement, allow_unicode=True))
    _write_settings(made, settings)


def _write_settings(made: Site, settings: Mapping[str, Any]) -> None:
    path = made.config / "gateway.yaml"
    gateway = yaml.safe_load(path.read_text())
    gateway["keys"] |= {"address": made.keys.address, "ca_file": "pki/keys.pem"}
    for process in ("intake", "deliver"):
        gateway["keys"][process]["role_id"] = made.prepared.role_ids[process]
    for process in ("serve", "deliver"):
        gateway[process]["listen"] = {
            "host": "127.0.0.1",
            "port": made.ports[process],
            "server_names": [HOST],
        }
        gateway[process]["metrics"]["port"] = made.ports[f"{process}_metrics"]
    gateway["store"]["path"] = str(made.store)
    gateway["queue"] = {"kind": "embedded", "path": str(made.folder / "var" / "queue.db")}
    if made.broker:
        (made.config / "pki" / "broker.pem").write_text(made.broker.authority.pem)
        gateway["queue"] = {
            "kind": "rabbitmq",
            "host": HOST,
            "port": made.broker.port,
            "virtual_host": "isnad",
            "ca_file": str(made.config / "pki" / "broker.pem"),
            "user": BROKER_ACCOUNT,
            "password": f"env:{BROKER_PASSWORD}",
            "delivery_user": BROKER_DELIVERY,
            "delivery_password": f"env:{BROKER_PASSWORD}",
        }
    gateway["sftp"] = {
        "host": "127.0.0.1",
        "port": made.ports["sftp"],
        "deliver_port": made.ports["sftp_deliver"],
        "folder": str(made.files),
    }
    gateway["stop_grace_s"] = 5
    path.write_text(yaml.safe_dump(gateway | dict(settings)))
