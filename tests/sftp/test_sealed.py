"""Kept files: whatever is written in whatever order is read again, and nothing else is believed."""

from __future__ import annotations

import multiprocessing
import resource
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sftp.names import is_name, spot
from adapters.sftp.sealed import BLOCK_BYTES, SealedFile, erase, plain_size
from gateway.errors import Tampered

KEY = b"k" * 32
WRITES = st.lists(
    st.tuples(
        st.integers(0, 3 * BLOCK_BYTES) | st.integers(0, 3).map(BLOCK_BYTES.__mul__),
        st.binary(min_size=1, max_size=400),
        st.integers(1, 800),
        st.booleans(),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(WRITES, st.integers(0, 3 * BLOCK_BYTES))
def test_a_kept_file_is_what_a_plain_one_would_be(tmp_path_factory, writes, cut):
    path = str(tmp_path_factory.mktemp("sealed") / "file")
    model = bytearray()
    file = SealedFile(path, KEY, create=True)
    for place, data, times, reopen in writes:
        # Sparse writes are refused, so the place is brought to where there is something.
        at = min(place, len(model))
        repeated = data * times
        file.write(at, repeated)
        model[at : at + len(repeated)] = repeated
        if reopen:
            file.close()
            file = SealedFile(path, KEY)
        assert file.size == len(model)
    file.cut(cut)
    del model[cut:]
    file.close()
    again = SealedFile(path, KEY)
    assert again.read(0, len(model) + 10) == bytes(model)
    again.close()


def test_a_hole_is_refused(tmp_path):
    file = SealedFile(str(tmp_path / "f"), KEY, create=True)
    with pytest.raises(ValueError, match="hole"):
        file.write(1, b"x")


def test_a_file_that_was_emptied_before_anything_of_it_was_written_begins_anew(tmp_path):
    path = str(tmp_path / "file")
    with closing(SealedFile(path, KEY, create=True)) as file:
        file.write(0, b"first")
        file.cut(0)
    assert Path(path).read_bytes() == b""
    with closing(SealedFile(path, KEY)) as file:
        file.write(0, b"second")
    with closing(SealedFile(path, KEY)) as file:
        assert file.read(0, 100) == b"second"


def test_blocks_cannot_be_exchanged_changed_or_read_with_another_key(tmp_path):
    path = tmp_path / "f"
    file = SealedFile(str(path), KEY, create=True)
    file.write(0, b"a" * BLOCK_BYTES + b"b" * BLOCK_BYTES)
    file.close()
    stored = path.read_bytes()
    size = BLOCK_BYTES + 28
    swapped = stored[:24] + stored[24 + size :] + stored[24 : 24 + size]
    for changed, key in ((swapped, KEY), (stored[:-1] + bytes([stored[-1] ^ 1]), KEY), (stored, b"x" * 32)):
        path.write_bytes(changed)
        opened = SealedFile(str(path), key)
        with pytest.raises(Tampered):
            opened.read(BLOCK_BYTES, 10)
        opened.close()
    path.write_bytes(b"no such thing at all, but long enough")
    with pytest.raises(Tampered):
        SealedFile(str(path), KEY)


def grow(path: str, seconds: float) -> None:
    with closing(SealedFile(path, KEY)) as file:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            file.write(file.size, b"x" * 1500)
            file.flush()
            time.sleep(0.001)


def test_a_file_that_grows_is_read_to_where_it_ended_when_it_was_opened(tmp_path):
    path = str(tmp_path / "file")
    SealedFile(path, KEY, create=True).close()
    writer = multiprocessing.get_context("spawn").Process(target=grow, args=(path, 2.0))
    writer.start()
    reads = 0
    while writer.is_alive():
        with closing(SealedFile(path, KEY)) as file:
            begin = max(0, file.size - BLOCK_BYTES)
            assert file.read(begin, BLOCK_BYTES) == b"x" * (file.size - begin)
            reads += file.size > 0
    writer.join()
    assert writer.exitcode == 0
    assert reads


def begin(paths: list[str]) -> None:
    for path in paths:
        with closing(SealedFile(path, KEY)) as file:
            time.sleep(0.001)
            file.write(0, b"x" * 1500)


def test_a_file_that_is_begun_by_another_is_read_as_far_as_it_was(tmp_path):
    paths = [str(tmp_path / str(number)) for number in range(500)]
    for path in paths:
        SealedFile(path, KEY, create=True).close()
    writer = multiprocessing.get_context("spawn").Process(target=begin, args=(paths,))
    writer.start()
    for path in paths:
        read = b""
        while not read:
            assert writer.is_alive() or writer.exitcode == 0
            with closing(SealedFile(path, KEY)) as file:
                read = file.read(0, BLOCK_BYTES)
        assert read == b"x" * 1500
    writer.join()


def test_a_block_that_was_half_written_is_cut_off_and_the_rest_is_there(tmp_path):
    path = tmp_path / "f"
    file = SealedFile(str(path), KEY, create=True)
    file.write(0, b"a" * (BLOCK_BYTES + 5000))
    file.close()
    path.write_bytes(path.read_bytes()[:-100])
    again = SealedFile(str(path), KEY)
    again.mend()
    assert (again.size, again.read(0, 10)) == (BLOCK_BYTES, b"a" * 10)
    again.close()
    assert plain_size(path.stat().st_size) == BLOCK_BYTES


@pytest.mark.parametrize("more", [BLOCK_BYTES, 9 * BLOCK_BYTES])
@pytest.mark.parametrize("there", [0, 10, BLOCK_BYTES, 2 * BLOCK_BYTES + 10])
def test_what_was_there_stays_when_the_disk_takes_no_more(tmp_path, there, more):
    path = str(tmp_path / "file")
    with closing(SealedFile(path, KEY, create=True)) as file:
        file.write(0, b"a" * there)
        file.sync()
        with no_file_longer_than(Path(path).stat().st_size + 100), pytest.raises(OSError, match="large"):
            write_durably(file, there, b"b" * more)
        assert file.size == there
        file.write(there, b"c")
    with closing(SealedFile(path, KEY)) as file:
        assert file.read(0, there + 1) == b"a" * there + b"c"


def test_what_is_written_in_the_middle_of_a_file_changes_nothing_else_when_the_disk_takes_no_more(tmp_path):
    path = str(tmp_path / "file")
    with closing(SealedFile(path, KEY, create=True)) as file:
        file.write(0, b"a" * (6 * BLOCK_BYTES))
        file.sync()
        with no_file_longer_than(Path(path).stat().st_size), pytest.raises(OSError, match="large"):
            write_durably(file, 4 * BLOCK_BYTES + 5, b"b" * (3 * BLOCK_BYTES))
        assert file.size == 6 * BLOCK_BYTES
    with closing(SealedFile(path, KEY)) as file:
        assert file.read(0, 7 * BLOCK_BYTES) == b"a" * (6 * BLOCK_BYTES)


def test_a_disk_is_told_what_it_has_to_keep_of_a_file_that_shrank_and_of_one_that_is_closed(tmp_path):
    path = str(tmp_path / "file")
    file = SealedFile(path, KEY, create=True)
    file.write(0, b"a" * (9 * BLOCK_BYTES))
    file.hurrying()()
    file.cut(BLOCK_BYTES)
    file.hurrying()()
    file.write(BLOCK_BYTES, b"b" * BLOCK_BYTES)
    rest = file.hurrying()
    file.close()
    rest()
    with closing(SealedFile(path, KEY)) as file:
        assert file.read(0, 3 * BLOCK_BYTES) == b"a" * BLOCK_BYTES + b"b" * BLOCK_BYTES


def write_durably(file, at, octets):
    file.write(at, octets)
    file.sync()


@contextmanager
def no_file_longer_than(octets):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_erased_is_noise_for_whoever_still_has_it_open(tmp_path):
    path = tmp_path / "f"
    file = SealedFile(str(path), KEY, create=True)
    file.write(0, b"a" * 100)
    file.close()
    with path.open("rb") as left:
        erase(str(path))
        assert left.read(24) == bytes(24)
    assert not path.exists()
    erase(str(path))


@given(st.binary(max_size=300))
def test_no_path_is_a_place_outside_the_tree(path):
    there = spot(path)
    assert there is None or not there.is_file or (is_name(there.name) and "/" not in there.contract)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "a\0b", "a\nb", "\u202egpj", "x" * 201, "\ud800"]
)
def test_names_that_hide_something_are_no_names(name):
    assert not is_name(name)
