"""A callback goes where the request said; names mean what the document says."""

import subprocess
import sys
from typing import Any

import httpx
import pytest

from brrt import App, Handlers, Reply, Request, Sender
from brrt.errors import MissingExtra, OutgoingError, SpecError, TargetRefused, Unresolved
from brrt.openapi.document import load
from brrt.outbound import connections
from brrt.outbound.retries import Timing, delay, read_retry_after
from brrt.outbound.sender import compile_hooks
from brrt.outbound.settings import Outbound
from tests.outbound.conftest import Listen, Make, body, document

GOOD = {"id": 7, "event": "added"}


async def test_a_callback_goes_where_the_request_said(
    listen: Listen, make: Make, client: Any
) -> None:
    """From inside a handler of an app, by its request; so does the url that is kept for later."""
    receiver = await listen()
    sender, kept, handlers = make(), [], Handlers()

    @handlers
    async def register(body: dict[str, Any], request: Request) -> Reply[Any]:
        kept.append(sender.target("event", request))
        delivery = await sender.send("onEvent", GOOD, request=request)
        assert delivery.status == 204
        return Reply(None, 200)

    made: httpx.AsyncClient = await client(App(document(), handlers))
    response = await made.post("/hooks", json={"url": receiver.url})
    assert response.status_code == 200, response.text
    assert kept == [receiver.url]
    assert len(receiver.heard) == 1


class Asked:
    """A request of an operation of the document."""

    def __init__(self, sender: Sender, content: Any, name: str = "onEvent") -> None:
        owner = sender._hooks.find(name).outgoing.owner
        assert owner is not None
        self.operation = owner
        self.parameters: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.content = content
        self.method = "POST"
        self.url = "http://shop.test/hooks"


def test_a_target_that_would_never_be_called_is_refused_at_once(make: Make) -> None:
    """At registration, not when the first event comes."""
    sender = make(allow=())
    with pytest.raises(TargetRefused):
        sender.target("event", Asked(sender, {"url": "http://169.254.169.254/latest"}))
    with pytest.raises(Unresolved, match=r"\$request.body#/url has no value"):
        sender.target("event", Asked(sender, {}))
    assert sender.target("event", Asked(sender, {"url": "https://x.test/a"})) == "https://x.test/a"


def test_the_response_may_say_where_to(make: Make) -> None:
    """A `Reply` is what was answered."""
    made = document()
    callbacks = made["paths"]["/hooks"]["post"]["callbacks"]["event"]
    callbacks["$response.body#/where"] = callbacks.pop("{$request.body#/url}")
    sender = make(made)
    asked = Asked(sender, None)
    reply = Reply({"where": "https://x.test/r"})
    assert sender.target("on_event", asked, reply) == "https://x.test/r"
    with pytest.raises(Unresolved, match="no response yet"):
        sender.target("on_event", asked)


async def test_without_a_url_or_request_it_is_said_what_is_missing(make: Make) -> None:
    """A webhook's receivers have registered elsewhere."""
    sender = make(document(new={"operationId": "onNew"}))
    with pytest.raises(OutgoingError, match="give url= or request="):
        await sender.send("event", GOOD)
    with pytest.raises(OutgoingError, match="is a webhook"):
        await sender.send("new")


async def test_a_name_that_means_several_is_refused(listen: Listen, make: Make) -> None:
    """Their full names are told; the request's own operation decides."""
    made = document()
    other = {**made["paths"]["/hooks"]["post"], "operationId": "other"}
    called = {"requestBody": body({}), "responses": {"200": {"description": "ok"}}}
    other["callbacks"] = {"event": {"{$request.body#/url}": {"put": called}}}
    made["paths"]["/others"] = {"post": other}
    receiver = await listen()
    sender = make(made)
    with pytest.raises(OutgoingError, match=r"means several: onEvent, other\.event"):
        await sender.send("event", GOOD, url=receiver.url)
    await sender.send("other.event", 1, url=receiver.url)
    asked = Asked(sender, {"url": receiver.url}, "other.event")
    await sender.send("event", 1, request=asked)
    assert [one.method for one in receiver.heard] == ["PUT", "PUT"]


def test_a_shared_callback_is_one(make: Make) -> None:
    """Two operations that refer to the same Callback Object do not make a name unclear."""
    made = document()
    first = made["paths"]["/hooks"]["post"]
    made["components"] = {"callbacks": {"Event": first["callbacks"]["event"]}}
    first["callbacks"] = {"event": {"$ref": "#/components/callbacks/Event"}}
    made["paths"]["/others"] = {"post": {**first, "operationId": "other"}}
    assert compile_hooks(load(made)).find("event").operation.id == "onEvent"


def test_faults_of_expressions_are_told_together() -> None:
    """When the document is compiled, not when something is sent."""
    made = document()
    item = made["paths"]["/hooks"]["post"]["callbacks"]["event"].popitem()[1]
    made["paths"]["/hooks"]["post"]["callbacks"] = {"a": {"{$x}": item}, "b": {"{$y}": item}}
    with pytest.raises(SpecError) as caught:
        compile_hooks(load(made))
    assert len(caught.value.faults) == 2


def test_importing_brrt_imports_no_client() -> None:
    """The library for sending is loaded when something is sent."""
    code = "import brrt, sys; sys.exit('httpcore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_library_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as a sender is made."""
    monkeypatch.setattr(connections, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'brrt\[webhooks\]'"):
        Sender.load(document())


def test_waits_double_up_to_a_bound() -> None:
    """Full jitter between nothing and the bound; the default chance is below 1."""
    outbound = Outbound(backoff=0.5, max_backoff=3)
    assert [delay(one, 0, outbound, 1.0) for one in (1, 2, 3, 4, 2_000)] == [0.5, 1, 2, 3, 3]
    assert delay(4, 0, outbound, 0.0) == 0
    assert delay(1, 2, outbound, 0.0) == 2
    assert 0 <= Timing().chance() < 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("120", 120),
        ("1.5", 0),
        ("9" * 400, 999_999_999),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60),
        ("Wed, 21 Oct 2015 07:26:00 GMT", 0),
        ("Wed, 21 Oct 99999 07:26:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float) -> None:
    """What is neither asks for nothing."""
    now = 1_445_412_420  # a minute before the date
    assert read_retry_after(text, now) == seconds
