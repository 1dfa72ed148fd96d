"""Who may exchange what with whom: read from `config/`, checked, and swapped while the gateway runs.

agency_file.py   what a participant's file says
agency.py        a participant, with the certificates, lists and keys that its file refers to
agreement.py     what an agreement's file says
participants.py  all of them, checked against each other
snapshot.py      registry, contracts and calendar in force together
living.py        the snapshot in force, replaced when its files change
"""

from gateway.registry.agency import Agency
from gateway.registry.agency_file import ByEndpoint, ByInbox, ByQueue, Quota
from gateway.registry.agreement import Agreement
from gateway.registry.living import Living, RegistryState
from gateway.registry.participants import Registry
from gateway.registry.snapshot import Digests, Snapshot, Sources, changes

__all__ = [
    "Agency",
    "Agreement",
    "ByEndpoint",
    "ByInbox",
    "ByQueue",
    "Digests",
    "Living",
    "Quota",
    "Registry",
    "RegistryState",
    "Snapshot",
    "Sources",
    "changes",
]
