"""Who may exchange what with whom: read from `config/`, checked, and swapped while the gateway runs.

agency.py        what a participant's file says, with the certificates, lists and keys it refers to
agreement.py     what an agreement's file says
participants.py  all of them, checked against each other
snapshot.py      registry, contracts and calendar in force together
living.py        the snapshot in force, replaced when its files change
"""

from gateway.registry.agency import Agency, ByEndpoint, ByInbox, ByQueue, Quota
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
