"""The browser of these tests: Debian's own chromium, which nothing is downloaded for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, ConsoleMessage, WebError, async_playwright

from tests.programs import find


@asynccontextmanager
async def browsing(complaints: list[str]) -> AsyncIterator[BrowserContext]:
    """A browser that knows nothing yet, and the complaints of all its pages, as they come.

    It lives for one test: it is bound to the loop, and takes less time to start than the driver.
    """
    path = find("chromium")

    def console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text} ({message.location['url']})")

    def thrown(error: WebError) -> None:
        complaints.append(f"page: {error.error.stack}")

    async with async_playwright() as playwright:
        # Its pages are our own, and root, as in a container, cannot have the sandbox.
        browser = await playwright.chromium.launch(executable_path=path, chromium_sandbox=False)
        try:
            context = await browser.new_context()
            context.on("console", console)
            context.on("weberror", thrown)
            yield context
            for page in context.pages:  # what they said before this has then been heard
                await page.evaluate("null")
        finally:
            await browser.close()
