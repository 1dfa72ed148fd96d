"""Worker processes for `prepare`: as many as there are cores, and nothing is lost when one dies.

Preparing is pure, so a group whose worker was killed is simply prepared again by a new one.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

import contracts
from gateway.errors import Unavailable
from gateway.prepare import prepare
from gateway.records import Batch, Part, Terms

ATTEMPTS = 3


class Workers:
    """Implements `ports.Prepare` over a pool of processes.

    Args:
        folder: the contracts' folder, which every worker reads for itself.
        profile: `synthetic` or `production`: which national IDs the contracts let pass.
        count: how many processes, at least 1.
    """

    def __init__(self, folder: Path, profile: contracts.Profile, count: int) -> None:
        self._folder = folder
        self._profile = profile
        self._count = count
        self._pool = self._start()
        self._pool.submit(os.getpid)  # so that the first submission does not wait for a process to start

    async def __call__(self, terms: Terms, parts: tuple[Part, ...], settled: Mapping[str, bool]) -> Batch:
        """Prepare the records of `parts` in whichever process is free; see `ports.Prepare`."""
        loop = asyncio.get_running_loop()
        for _ in range(ATTEMPTS):
            pool = self._pool
            try:
                prepared = await loop.run_in_executor(pool, _prepare, terms, parts, dict(settled))
            except BrokenProcessPool:
                if pool is self._pool:  # the first of those who waited for it starts the next one
                    pool.shutdown(wait=False)
                    self._pool = self._start()
            else:
                return replace(prepared, parts=parts)
        raise Unavailable("unavailable.workers", "the processes that prepare records keep dying")

    def close(self) -> None:
        """Stop the processes once they have finished what they are at."""
        self._pool.shutdown()

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._count,
            # Not fork: the parent has threads, and secrets of connections that a child has no business with.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._folder, self._profile),
        )


_loaded: dict[str, contracts.Catalogue] = {}
_source: tuple[Path, contracts.Profile]


def _begin(folder: Path, profile: contracts.Profile) -> None:
    """Prepare a new process: contracts in memory, deaf to Ctrl-C, and gone as soon as its parent is."""
    global _source  # noqa: PLW0603  a worker process has one catalogue, as it has one interpreter
    _source = (folder, profile)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    catalogue = contracts.load(folder, profile=profile)
    _loaded[catalogue.digest] = catalogue


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _prepare(terms: Terms, parts: tuple[Part, ...], settled: Mapping[str, bool]) -> Batch:
    """Prepare, and leave out of what is sent back what the caller has: it holds all of the plaintext."""
    return replace(prepare(_catalogue(terms.catalogue), terms, parts, settled), parts=())


def _catalogue(digest: str) -> contracts.Catalogue:
    """Return the contracts the terms name. A worker keeps those it has loaded: groups on their way need them."""
    if digest not in _loaded:
        folder, profile = _source
        try:
            catalogue = contracts.load(folder, profile=profile)
        except contracts.Invalid as error:
            raise Unavailable("unavailable.contracts", "the contracts on disk do not load") from error
        _loaded[catalogue.digest] = catalogue
    try:
        return _loaded[digest]
    except KeyError:
        raise Unavailable("unavailable.contracts", "the contracts on disk are not those in force") from None
