"""The queue: bursts pass, what stands is kept short, and the policies differ as they say."""

import asyncio
import logging
from contextvars import copy_context

import pytest

from brrt.config import Limits, QueuePolicy
from brrt.runtime.jobs import Job
from brrt.runtime.mailbox import LEAST_ROOM, Mailbox


def mailbox(policy: QueuePolicy, size: int = 16, workers: int = 4) -> Mailbox:
    made = Mailbox("echo", Limits(queue_policy=policy, queue_size=size, workers=workers))
    made.bind(asyncio.get_running_loop())
    return made


def fill(box: Mailbox) -> None:
    while not box.full():
        box.put_nowait(Job({}, copy_context(), asyncio.get_running_loop()))


def turn_over(box: Mailbox, jobs: int) -> None:
    """Jobs are taken one by one, and as many come as may."""
    for _ in range(jobs):
        box.get_nowait()
        fill(box)


async def test_a_queue_that_never_empties_is_kept_short() -> None:
    """Each time that more were taken than run and wait at once, half as many may wait."""
    box = mailbox("adaptive")
    fill(box)
    rooms = []
    for _ in range(200):
        turn_over(box, 1)
        rooms.append(box.room)
    assert list(dict.fromkeys(rooms)) == [16, 8, 4]
    assert rooms.index(8) == 16 + 4  # the first of which more than 16 waiting and 4 running
    assert box.qsize() == box.room == 4


@pytest.mark.parametrize(("workers", "least"), [(1, LEAST_ROOM), (4, 4), (10, 10), (64, 16)])
async def test_as_many_as_there_are_workers_may_always_wait(workers: int, least: int) -> None:
    """And never more than `queue_size`, nor fewer than keep one worker at work."""
    box = mailbox("adaptive", workers=workers)
    fill(box)
    turn_over(box, 500)
    assert box.room == least


async def test_a_queue_that_is_long_for_its_workers_is_not_waited_for_to_turn_over() -> None:
    """Five rounds of all workers are enough to see that it stands."""
    box = mailbox("adaptive", size=256, workers=2)
    fill(box)
    turn_over(box, 10)
    assert box.room == 256
    turn_over(box, 1)
    assert box.room == 128
    turn_over(box, 5 * 11)
    assert box.room == LEAST_ROOM


async def test_a_burst_is_no_reason() -> None:
    """A queue that was full and drains has been empty in time, however often that happens."""
    box = mailbox("adaptive")
    for _ in range(20):
        fill(box)
        for _ in range(16):
            box.get_nowait()
    assert box.room == 16


async def test_a_queue_that_callers_leave_has_been_empty() -> None:
    """Its clients hung up: what comes after that is another burst."""
    box = mailbox("adaptive")
    for _ in range(20):
        fill(box)
        for _ in range(8):
            box.get_nowait()
        for job in list(box._queue):
            box.discard(job)
    assert box.room == 16


async def test_jobs_that_find_a_worker_free_make_room_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One each, up to the size; the log tells when it began and when it is over."""
    caplog.set_level(logging.INFO, "brrt")
    box = mailbox("adaptive")
    fill(box)
    turn_over(box, 100)
    for room in range(5, 17):
        box.relax()
        assert box.room == room
    first, last = (record.getMessage() for record in caplog.records)
    assert first.startswith("Handler echo is asked for more than it can do")
    assert last == "Handler echo has caught up; 16 jobs may wait again"


@pytest.mark.parametrize("policy", ["fifo", "lifo"])
async def test_other_policies_keep_their_size(policy: QueuePolicy) -> None:
    """Their queues stand for as long as they are filled."""
    box = mailbox(policy)
    fill(box)
    turn_over(box, 500)
    assert box.qsize() == box.room == 16


@pytest.mark.parametrize(("policy", "first"), [("adaptive", 0), ("fifo", 0), ("lifo", 2)])
async def test_whose_turn_it_is(policy: QueuePolicy, first: int) -> None:
    """The oldest, or under `lifo` the newest."""
    box = mailbox(policy, size=3)
    jobs = [Job({}, copy_context(), asyncio.get_running_loop()) for _ in range(3)]
    for job in jobs:
        box.put_nowait(job)
    assert box.get_nowait() is jobs[first]
    assert box.clear() == [job for job in jobs if job is not jobs[first]]
