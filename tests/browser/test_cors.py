"""Pages of other origins as a browser sees them: who may read, who may write, who may not.

WHATWG Fetch, section 3.3. The pages and the app are on servers of their own: an origin is a port.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from playwright.async_api import Page

from brrt import CORS, App, NotFound, Reply
from tests.conftest import operation, serve, spec
from tests.lifecycle.inside import serving

CONTENT = {"application/json": {"schema": {"type": "object"}}}
ASK = """async ([url, options]) => {
  try {
    const answer = await fetch(url, {...options, credentials: "include"});
    const total = answer.headers.get("x-total");
    return {status: answer.status, total, body: await answer.json()};
  } catch (error) { return String(error); }
}"""


def document() -> dict[str, Any]:
    """A page, and things that pages ask for."""
    page = {"200": {"description": "a page", "content": {"text/html": {}}}}
    cookie = {"name": "who", "in": "cookie", "schema": {"type": "string"}}
    read = operation("read", parameters=[cookie])
    write = operation("write", requestBody={"required": True, "content": CONTENT})
    closed = operation("closed", requestBody={"content": CONTENT}, **{"x-cors": False})
    item = {"get": read, "put": write, "delete": closed}
    return spec("gone", page={"get": operation("page", responses=page)}, thing=item)


class Shop:
    """The app. `written` is what pages have written."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    def app(self, cors: CORS | None) -> App:
        """The app, for pages of these origins."""
        functions = (self.page, self.read, self.write, self.closed, self.gone)
        handlers = serve(**{one.__name__: one for one in functions})
        return App(document(), handlers, cors=cors)

    async def page(self) -> str:
        return "<!doctype html><title>Page</title><link rel='icon' href='data:,'>"

    async def read(self, who: str = "nobody") -> Reply[dict[str, Any]]:
        headers = {"Set-Cookie": "who=ada; Path=/; HttpOnly", "X-Total": "7"}
        return Reply({"who": who}, headers=headers)

    async def write(self, body: dict[str, Any]) -> dict[str, Any]:
        self.written.append(body)
        return {"written": len(self.written)}

    async def closed(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        self.written.append("deleted")
        return {}

    async def gone(self) -> None:
        raise NotFound("it is gone")


@asynccontextmanager
async def three_origins(shop: Shop) -> AsyncIterator[tuple[str, str, str]]:
    """Where a page of a friend is, where that of a stranger, and where the app."""
    async with AsyncExitStack() as stack:
        friend, stranger = [
            f"http://{await stack.enter_async_context(serving(Shop().app(None)))}" for _ in range(2)
        ]
        cors = CORS(origins=(friend,), credentials=True, expose=("X-Total",))
        yield friend, stranger, f"http://{await stack.enter_async_context(serving(shop.app(cors)))}"


async def test_a_browser_lets_those_who_may(page: Page, complaints: list[str]) -> None:
    """A friend's page reads with cookies, sees errors and exposed headers, and writes when asked.

    A stranger's page neither reads nor writes, and what is closed to pages is so to the friend's.
    """
    shop = Shop()
    put = {"method": "PUT", "body": '{"a":1}', "headers": {"Content-Type": "application/json"}}
    async with three_origins(shop) as (friend, stranger, place):

        async def ask(path: str, **options: Any) -> Any:
            return await page.evaluate(ASK, [place + path, options])

        await page.goto(friend + "/page")
        assert await ask("/thing") == {"status": 200, "total": "7", "body": {"who": "nobody"}}
        assert (await ask("/thing"))["body"] == {"who": "ada"}  # the cookie came along
        assert await ask("/thing", **put) == {"status": 200, "total": None, "body": {"written": 1}}
        assert not complaints
        assert (await ask("/gone"))["body"]["detail"] == "it is gone"
        assert await ask("/thing", method="DELETE") == "TypeError: Failed to fetch"
        complaints.clear()

        await page.goto(stranger + "/page")
        assert await ask("/thing") == "TypeError: Failed to fetch"
        assert await ask("/thing", **put) == "TypeError: Failed to fetch"
        blocked = [one for one in complaints if "blocked by CORS policy" in one]
        assert len(blocked) == 2
        complaints.clear()
        assert shop.written == [{"a": 1}]
        await page.goto("about:blank")
