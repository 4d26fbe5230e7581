"""The browser of the tests says when something is wrong."""

from collections.abc import Awaitable, Callable

import psutil
import pytest
from playwright.async_api import Page

from tests.browser.chromium import browsing
from tests.programs import find

Until = Callable[[Callable[[], object]], Awaitable[None]]


async def test_pages_complain(page: Page, complaints: list[str]) -> None:
    """Of what is logged as an error, what nobody catches, and what cannot be loaded."""
    await page.goto("data:text/html,<link rel=icon href=data:,>")
    await page.evaluate("console.warn('a warning')")
    await page.evaluate("console.error('an error')")
    async with page.context.expect_event("weberror"):
        await page.evaluate("setTimeout(() => { throw new Error('thrown') })")
    await page.evaluate("fetch('http://127.0.0.1:9').catch(() => null)")  # discard: it is closed
    logged, thrown, lost = complaints
    assert logged.startswith("console: an error")
    assert thrown.startswith("page: Error: thrown")
    assert lost.startswith("console: Failed to load resource: net::ERR_")
    complaints.clear()


async def test_nothing_is_left_of_a_browser(until: Until) -> None:
    """Every process that it has started ends with it."""
    before = {one.pid for one in psutil.Process().children(recursive=True)}
    async with browsing([]) as context:
        await context.new_page()
        started = [
            one for one in psutil.Process().children(recursive=True) if one.pid not in before
        ]
        assert len(started) > 2
    await until(lambda: not any(map(is_alive, started)))


def is_alive(process: psutil.Process) -> bool:
    """Whether it still does something: who has ended may wait for a parent to hear of it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("variable", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_without_chromium(
    variable: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody looks, nothing may be left out; elsewhere what to install is said."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", variable)
    with pytest.raises(outcome, match="apt-get install --no-install-recommends chromium"):
        find("chromium")
