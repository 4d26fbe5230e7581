"""What must hold of a registry: its bounds, who gets a worker, and that nothing is left in it."""

from collections import Counter
from typing import TYPE_CHECKING

from brrt.runtime.pool import Pool
from brrt.runtime.registry import Registry

if TYPE_CHECKING:
    from benchmarks.simulation.scene import Scene


class Bounds:
    """Looks at the registries of a scene."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene

    def check_bounds(self, registry: Registry) -> None:
        """P3: queues, workers and tasks are bounded, and every worker is counted."""
        active = 0
        for pool in registry._all_pools():
            active += pool.active
            limits = pool.limits
            if pool.queued > limits.queue_size or pool._crew.size > limits.workers:
                self._scene.fail("P3", f"over its bounds: {pool!r}")
            room, policy = pool._mailbox.room, limits.queue_policy
            least = (
                min(limits.workers, limits.queue_size)
                if policy == "adaptive"
                else limits.queue_size
            )
            if not least <= room <= limits.queue_size:
                self._scene.fail("P3", f"{room} jobs may wait: {pool!r}")
            working = sum(job is not None for job in pool._crew.workers.values())
            if pool.busy != working or not 0 <= pool._reading <= limits.workers + limits.queue_size:
                self._scene.fail("P3", f"{working} work, {pool._reading} are read: {pool!r}")
            if pool.closed is False and pool not in registry._pools.values():
                self._scene.fail("P2", f"open, but not served: {pool!r}")
        ceiling, serving = registry.ceiling, len(registry._pools)
        if ceiling.reserved != serving:
            self._scene.fail(
                "P3", f"{ceiling.reserved} places are kept free for {serving} handlers"
            )
        if not registry._counters.keys() <= {pool.name for pool in registry._all_pools()}:
            self._scene.fail("P3", f"counters of nobody: {', '.join(registry._counters)}")
        if active != ceiling.active:
            self._scene.fail("P2", f"{ceiling.active} tasks counted, {active} in pools")
        if active > ceiling.limit:
            self._scene.fail("P3", f"{active} tasks, max_tasks is {ceiling.limit}")

    def check_shares(self, registry: Registry) -> None:
        """P3: nobody waits for a worker while there is room, or while one rests elsewhere."""
        ceiling, crews = registry.ceiling, [pool._crew for pool in registry._pools.values()]
        for poor in crews:
            if not poor.wants:
                continue
            free = ceiling.limit - ceiling.active - ceiling.reserved
            self._expect(
                free <= 0 or ceiling._claim is not None, "P3", f"room for {poor._name} is unused"
            )
            for rich in crews:
                rests = rich.size - rich.busy and not rich._mailbox.qsize()
                if rests and rich.size >= poor.size + 2:
                    self._scene.fail("P3", f"{poor._name} waits, and {rich._name} has who rests")

    def check_retiring(self, registry: Registry) -> None:
        """P6: what has nothing to do any more ends, and nobody waits for who makes a change."""
        making = [one.inside for one in self._scene.changes.values() if one.task and not one.done]
        for pool in registry._retiring:
            works = pool.busy or pool.queued or pool.streams
            ends = works or pool._drained is None or pool._drained.done()
            if not ends:
                self._scene.fail("P6", f"nothing to do, and still there: {pool!r}")
            if pool in making and pool in registry._ends:
                told = registry._ends[pool].done()
                self._expect(told, "P2", f"makes a change, and is waited for: {pool!r}")

    def check_generations(self, registry: Registry) -> None:
        """P3: of each name two generations live, but for what makes a change itself."""
        pools = [*registry._pools.values(), *registry._retiring]
        living = Counter(one.name for one in pools if not self.is_inside(one))
        for name, many in living.items():
            self._expect(many <= 2, "P3", f"{many} generations of {name}")

    def check_empty(self, registry: Registry) -> None:
        """P2: nothing is left when all have ended."""
        ceiling = registry.ceiling
        left = {
            "pools": registry._pools,
            "retiring": registry._retiring,
            "ends": registry._ends,
            "changing": registry._changing,
            "members": ceiling._members,
            "waiting": ceiling.waiting,
            "active": ceiling.active,
            "streams": registry.quota.taken,
            "background": len(registry.background),
        }
        left = {name: one for name, one in left.items() if one}
        self._expect(not left, "P2", f"left of a registry: {left}")

    def is_inside(self, pool: Pool) -> bool:
        """Whether a handler of the pool makes a change, so that nobody waits for it."""
        return any(change.inside is pool for change in self._scene.changes.values())

    def _expect(self, holds: bool, rule: str, text: str) -> None:
        if not holds:
            self._scene.fail(rule, text)
