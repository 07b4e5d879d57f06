"""What happens when a process may open no more files."""

from __future__ import annotations

import asyncio
import os

import pytest

from pyload.descriptors import LOOK_SECONDS, SpareDescriptor, is_exhaustion, warn_when_exhausted
from tests.few_files import no_more_files


@pytest.mark.anyio
@pytest.mark.virtual
async def test_a_server_whose_process_may_open_no_more_files_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Clients would be turned away with nothing in the log that says why, or what to do."""
    watch = asyncio.create_task(warn_when_exhausted())
    await asyncio.sleep(5 * LOOK_SECONDS)
    assert caplog.text == ""
    with no_more_files():
        await asyncio.sleep(5 * LOOK_SECONDS)
    await watch
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "may open no more" in caplog.text
    assert "ulimit -n" in caplog.text


def test_a_file_can_be_opened_for_which_a_descriptor_was_held_back() -> None:
    """A run whose proxies have taken all files would end without its result."""
    spare = SpareDescriptor()
    with no_more_files():
        for _ in range(2):
            with pytest.raises(OSError, match="Too many open files") as caught:
                os.dup(2)
            assert is_exhaustion(caught.value)
            with spare.free():
                os.close(os.dup(2))
        spare.close()
        spare.close()


@pytest.mark.anyio
@pytest.mark.virtual
async def test_a_spare_descriptor_that_is_lost_is_held_again_later() -> None:
    """One write that comes too late would take the file from all that follow."""
    with no_more_files() as taken:
        spare = SpareDescriptor()
        with pytest.raises(OSError, match="Too many"), spare.free():
            os.dup(2)
        os.close(taken.pop())
        with spare.free():
            pass
        with spare.free():
            os.close(os.dup(2))
        spare.close()
