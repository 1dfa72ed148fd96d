"""Contracts are data: what agencies send, what it means, and what it becomes.

`load` reads a catalogue; `Catalogue.binding` gives an agency's `Binding`, whose `splitter` cuts a submission
into records and whose `conform` turns one record into its canonical form or raises `Refused`. `check` runs
every example and sample. This floor knows nothing of the gateway and nothing of cryptography.
"""

from contracts.binding import Binding, Conformed
from contracts.catalogue import Catalogue, load, load_what_holds
from contracts.checking import check
from contracts.contract import Contract
from contracts.errors import CODES, CodeText, Invalid, Problem, Refused
from contracts.framing import Piece, Splitter
from contracts.nid import Profile

__all__ = [
    "CODES",
    "Binding",
    "Catalogue",
    "CodeText",
    "Conformed",
    "Contract",
    "Invalid",
    "Piece",
    "Problem",
    "Profile",
    "Refused",
    "Splitter",
    "check",
    "load",
    "load_what_holds",
]
