"""Pages of a real browser, which fail a test that makes them complain."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from tests.browser.chromium import browsing


@pytest.fixture
def complaints() -> list[str]:
    """What pages complain of: errors in the console, and exceptions that nobody catches.

    A test fails if anything is left here at its end; one that asks for trouble clears it.
    """
    return []


@pytest.fixture
async def page(complaints: list[str]) -> AsyncIterator[Page]:
    """An empty page in a browser of its own.

    What it is to show must be served until it is closed: ask for the server first.
    """
    async with browsing(complaints) as context:
        yield await context.new_page()
    assert not complaints
