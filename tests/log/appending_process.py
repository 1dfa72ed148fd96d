"""A process that appends for as long as it lives, and says what it was promised: `<store> <number>`."""

import asyncio
import os
import sys
from pathlib import Path

from support.batches import batch_of, terms_of
from support.stores import Store

from gateway.errors import Unavailable
from gateway.records import SealedBatch


def say(*words: str) -> None:
    """Write a line at once and whole: the process may be gone the next moment."""
    os.write(1, (" ".join(words) + "\n").encode())


async def main(path: Path, number: int) -> None:
    store = Store(path)

    async def lane(sender: str, width: int) -> None:
        for round_ in range(100_000):
            references = [f"{number}/{round_}/{n}" for n in range(width)]
            try:
                sealed = await store.log.append(batch_of(terms_of(sender), references, refused=[99]))
            except Unavailable as error:
                say("refused", error.code)
                await asyncio.sleep(0.01)
                continue
            assert isinstance(sealed, SealedBatch)
            for n, kept in enumerate(sealed.batch.kept):
                say("promised", sender, str(sealed.receipt.first + n), kept.record_id)

    await asyncio.gather(lane("moh", 3), lane("moh2", 1), lane("cso", 20))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
