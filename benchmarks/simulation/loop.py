"""An event loop without a clock, a selector or a thread: the same seed gives the same run.

- Ready callbacks run in an order that is drawn, or in asyncio's own.
- Time is virtual: when nothing is ready it jumps to the next timer, so hours pass in seconds. A
  *stall* moves it while callbacks are ready, as a blocked loop does.
- *Injections* are called between two callbacks, at a virtual time and a number of steps after
  it. So a cancellation can fall between any two steps of any task.
- Work for threads runs in the loop, after a while that is drawn.
- When nothing is left to be done the loop stops: whoever still waits then waits for ever.

Tasks and futures hash by their number and not by their address, since sets of them are iterated.
"""

import asyncio
import heapq
import math
import re
from collections import Counter, deque
from collections.abc import Callable
from contextvars import Context
from random import Random
from typing import Any, Final

# Steps after which a run is no run any more but a circle.
MAX_STEPS: Final = 200_000
# Virtual seconds that work in a thread takes at the most.
THREAD_TIME: Final = 0.05


class Circle(Exception):
    """The run did not come to an end."""


class Task(asyncio.Task[Any]):
    """A task that hashes by its number."""

    def __init__(self, number: int, coroutine: Any, **options: Any) -> None:
        self._number = number
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self._number


class Future(asyncio.Future[Any]):
    """A future that hashes by its number."""

    def __init__(self, number: int, **options: Any) -> None:
        self._number = number
        super().__init__(**options)

    def __hash__(self) -> int:
        return self._number


class Loop(asyncio.AbstractEventLoop):
    """The loop. `shuffle` is the share of steps for which the next callback is drawn.

    `watch` is called after each step with the task that ran in it, if it was one. `alive` are
    the tasks that have not ended, with those that started them; `stalled` the seconds of all
    stalls; `complaints` what asyncio would have logged; `names` how many tasks were started under
    which name, without its numbers.
    """

    def __init__(self, random: Random, shuffle: float) -> None:
        self.steps = 0
        self.stalled = 0.0
        self.alive: dict[asyncio.Task[Any], asyncio.Task[Any] | None] = {}
        self.complaints: list[str] = []
        self.names: Counter[str] = Counter()
        self.watch: Callable[[Any], None] = lambda _: None
        self._random = random
        self._shuffle = shuffle
        self._now = 0.0
        self._until = math.inf
        self._numbers = 0
        self._running = self._closed = False
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._agenda: list[tuple[float, int, int, Callable[[], None]]] = []
        self._imminent: list[tuple[int, int, Callable[[], None]]] = []

    # What a run is made of

    def inject(self, when: float, steps: int, action: Callable[[], None]) -> None:
        """Call this between two callbacks, `steps` steps after the time `when`."""
        heapq.heappush(self._agenda, (when, self._number(), steps, action))

    def stall(self, seconds: float) -> None:
        """Let time pass in which nothing runs."""
        self._now += seconds
        self.stalled += seconds

    def timers(self) -> int:
        """Timers that are still set."""
        return sum(not timer.cancelled() for _, _, timer in self._timers)

    def timers_of(self, *kinds: type) -> list[str]:
        """Timers that are set and belong to objects of these kinds."""
        timers: list[Any] = [one for _, _, one in self._timers if not one.cancelled()]
        callbacks = [one._callback for one in timers]
        owned = [one for one in callbacks if isinstance(getattr(one, "__self__", None), kinds)]
        return [one.__qualname__ for one in owned]

    @property
    def is_busy(self) -> bool:
        """Whether something else is to be done at this time."""
        return bool(self._ready)

    def run_dry(self, until: float = math.inf) -> None:
        """Run until nothing is left to be done before a time. Raises `Circle`."""
        self._until = until
        self._running = True
        asyncio._set_running_loop(self)
        try:
            while self._find():
                self._step()
        finally:
            asyncio._set_running_loop(None)
            self._running = False

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    # One step

    def _find(self) -> bool:
        """Make ready what is due. Where that is nothing, time goes on until something is."""
        while True:
            self._collect()
            if self._ready:
                return True
            if self._imminent:
                self._act()
            elif self._timers or self._agenda:
                nearest = min(one[0][0] for one in (self._timers, self._agenda) if one)
                if nearest > self._until:
                    return False
                self._now = max(self._now, nearest)
            else:
                return False

    def _collect(self) -> None:
        while self._agenda and self._agenda[0][0] <= self._now:
            _, number, steps, action = heapq.heappop(self._agenda)
            heapq.heappush(self._imminent, (self.steps + steps, number, action))
        while self._timers and (self._timers[0][0] <= self._now or self._timers[0][2].cancelled()):
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled():
                self._ready.append(timer)

    def _step(self) -> None:
        handle = self._take()
        if not handle.cancelled():
            handle._run()
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Circle(f"more than {MAX_STEPS} steps")
        self.watch(getattr(getattr(handle, "_callback", None), "__self__", None))
        while self._imminent and self._imminent[0][0] <= self.steps:
            self._act()

    def _take(self) -> asyncio.Handle:
        ready = self._ready
        if len(ready) == 1 or self._random.random() >= self._shuffle:
            return ready.popleft()
        index = self._random.randrange(len(ready))
        handle = ready[index]
        del ready[index]
        return handle

    def _act(self) -> None:
        _, _, action = heapq.heappop(self._imminent)
        Context().run(action)

    # What asyncio asks of a loop

    def time(self) -> float:
        """Virtual seconds since the beginning."""
        return self._now

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Make a callback ready."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Make a callback ready after a while."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Make a callback ready at a time."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, self._number(), timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to do: a cancelled timer is dropped when its time has come."""

    def create_task(
        self, coro: Any, *, name: object = None, context: Context | None = None, **_: Any
    ) -> Any:
        """A task that is known to be alive until it is done."""
        task = Task(self._number(), coro, loop=self, name=name, context=context)
        self.alive[task] = asyncio.current_task(self)
        self.names[re.sub(r"\d+", "", str(name))] += 1
        task.add_done_callback(self.alive.pop, context=Context())
        return task

    def create_future(self) -> Any:
        """A future with a number."""
        return Future(self._number(), loop=self)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Run a function in the loop, a while later."""
        future = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        self.call_later(self._random.uniform(0, THREAD_TIME), work)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Remember what asyncio complains about."""
        error = context.get("exception")
        self.complaints.append(f"{context['message']}: {error!r}" if error else context["message"])

    def is_running(self) -> bool:
        """Whether it is inside `run_dry`."""
        return self._running

    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Run no more."""
        self._closed = True

    def get_debug(self) -> bool:
        """Never: what asyncio checks then takes real time."""
        return False
