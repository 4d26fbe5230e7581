"""The README keeps its word: its examples run, and its answers are those of the app."""

import json
import re
import types
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from brrt import App
from tests.attacks.corpus import CORPUS
from tests.lifecycle.inside import serving

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ATTACKS = README.partition("\n## What is defended\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
YAML = [text for language, text in BLOCKS if language == "yaml"]
CONSOLE = [text for language, text in BLOCKS if language == "console"]
INTEGER = {"type": "integer"}


def run(code: str) -> dict[str, Any]:
    """Execute an example as a module of its own."""
    module = types.ModuleType("example")
    exec(compile(code, "README.md", "exec"), module.__dict__)
    return module.__dict__


async def test_the_first_app_answers_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ten-line app with its document gives the very answers of the README."""
    (tmp_path / "openapi.yaml").write_text(YAML[0])
    monkeypatch.chdir(tmp_path)
    app: App = run(PYTHON[0])["app"]
    asked = re.findall(r"curl -s localhost:8000(\S+)\n(.*)\n", CONSOLE[0])
    assert len(asked) == 2
    transport = httpx.ASGITransport(app)
    async with app, httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path, answer in asked:
            response = await client.get(path)
            assert response.json() == json.loads(answer)


def test_the_first_app_is_ten_lines() -> None:
    """What the README calls small is small."""
    lines = [line for line in PYTHON[0].splitlines() if line.strip()]
    assert len(lines) <= 10


@pytest.mark.parametrize("code", PYTHON[1:])
def test_every_other_example_runs(code: str) -> None:
    """No example has a name that is not there any more."""
    assert run(code)


async def test_the_form_is_taken_apart() -> None:
    """The handler of a form gets its members and files, and answers with Location and Link."""
    (code,) = [code for code in PYTHON if "upload_photo" in code]
    photo = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"photo": photo, "title": {"type": "string"}}}
    operation = {
        "operationId": "uploadPhoto",
        "parameters": [{"name": "petId", "in": "path", "required": True, "schema": INTEGER}],
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": form | {"required": ["photo"]}}},
        },
        "responses": {"201": {"description": "Kept", "content": {"application/json": {}}}},
    }
    info = {"title": "Photos", "version": "1"}
    paths = {"/pets/{petId}/photo": {"post": operation}}
    app = App({"openapi": "3.1.0", "info": info, "paths": paths}, run(code)["uploads"])
    transport = httpx.ASGITransport(app)
    async with app, httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post("/pets/7/photo", files={"photo": ("rex.png", b"12345")})
    assert response.json() == {"pet": 7, "title": "rex.png", "size": 5}
    assert response.headers["location"] == "/pets/7/photo"
    assert response.headers["link"] == '</pets/7>; rel="up"'


async def test_a_websocket_beside_the_app_works() -> None:
    """The host with sockets has both: one that sends back what comes, and the app."""
    (code,) = [code for code in PYTHON if "WebSocketRoute" in code]
    host = run(code)["host_with_sockets"](App(YAML[0], missing="501"))
    async with serving(host) as address:
        async with connect(f"ws://{address}/echo", proxy=None) as socket:
            await socket.send("Rex")
            assert await socket.recv() == "Rex"
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{address}/api/pets/1")).status_code == 501


def test_every_limit_is_in_the_table() -> None:
    """Each limit of `Limits` has a row with its environment variable."""
    from brrt import Limits

    for name in Limits.__dataclass_fields__:
        assert f"| `{name}` | `BRRT_{name.upper()}` |" in README


def test_each_row_of_the_contract_names_its_test() -> None:
    """What the README says of the specification is shown by a test that exists."""
    rows = rows_with_tests(README)
    assert len(rows) > 40
    assert not named_tests(rows) - written_tests()


def test_each_row_of_the_attacks_names_its_test() -> None:
    """What is said to be defended is shown by a test, and no group of attacks is left out."""
    rows = rows_with_tests(ATTACKS)
    assert len(rows) == ATTACKS.count("\n|") - 2 > 15
    assert not named_tests(rows) - written_tests()
    groups = {name for row in ATTACKS.splitlines() for name in re.findall(r"`(\w+)`", row)}
    assert CORPUS.keys() <= groups
    assert f"{sum(map(len, CORPUS.values()))} hostile requests" in ATTACKS


def rows_with_tests(text: str) -> list[str]:
    """The last cells of rows that name tests."""
    return re.findall(r"^\|.*\| (`test_\w+::test_\w+`.*) \|$", text, re.MULTILINE)


def named_tests(rows: list[str]) -> set[str]:
    """The tests that rows name."""
    return {name for row in rows for name in re.findall(r"`(test_\w+::test_\w+)`", row)}


def written_tests() -> set[str]:
    """The tests that there are."""
    return {
        f"{path.stem}::{name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("name", ["README.md", "examples/pet_store/README.md"])
def test_the_example_has_all_that_it_needs(name: str) -> None:
    """What is said to run the pet store installs what it sends webhooks with."""
    text = (ROOT / name).read_text()
    command = r"\.venv/bin/pip install -q -e '\.\[webhooks\]'( && |\n)\.venv/bin/brrt run"
    assert re.search(command, text)


def example(name: str) -> dict[str, Any]:
    """The example that has a collection of this name, executed."""
    (code,) = [code for code in PYTHON if f"\n{name} = Handlers()" in code]
    return run(code)


def operation(name: str, answer: str, takes: str = "", item: Any = None) -> dict[str, Any]:
    """An operation that answers with one media type, and may take one."""
    content: dict[str, Any] = {takes: {"itemSchema": item} if item else {}}
    body = {"requestBody": {"required": True, "content": content}} if takes else {}
    responses = {"200": {"description": "ok", "content": {answer: {}}}}
    return {"operationId": name, "responses": responses} | body


def app_of(handlers: Any, paths: dict[str, Any], **options: Any) -> App:
    """An app of an example's handlers."""
    info = {"title": "Example", "version": "1"}
    components = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
    document = {"openapi": "3.2.0", "info": info, "paths": paths, "components": components}
    return App(document, handlers, **options)


async def test_the_streams_flow() -> None:
    """Events go on after the last that was seen, lines are an attachment, work goes on."""
    adopt: dict[str, Any] = {
        "operationId": "adoptPet",
        "responses": {"204": {"description": "done"}},
    }
    adopt["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": INTEGER}]
    paths = {
        "/events": {"get": operation("watchPets", "text/event-stream")},
        "/export": {"get": operation("exportPets", "application/jsonl")},
        "/adopt/{id}": {"post": adopt},
    }
    app = app_of(example("feeds")["feeds"], paths)
    transport = httpx.ASGITransport(app)
    async with app, httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        events = await client.get("/events", headers={"Last-Event-ID": "7"})
        assert events.text.startswith('event: added\nid: 8\ndata: {"pet":8}\n\n')
        lines = await client.get("/export")
        assert lines.headers["content-disposition"] == "attachment"
        assert lines.text.splitlines()[-1] == '{"pet":2}'
        assert (await client.post("/adopt/1")).status_code == 204
    assert app.statistics().background.finished == 1


async def test_bodies_are_read_as_they_come() -> None:
    """Readings one by one, a backup in pieces, a picture as a file."""
    station, celsius = {"type": "string"}, {"type": "number"}
    item = {
        "type": "object",
        "required": ["station", "celsius"],
        "properties": {"station": station, "celsius": celsius},
    }
    json = "application/json"
    paths = {
        "/a": {"post": operation("importReadings", json, "application/jsonl", item)},
        "/b": {"post": operation("keepBackup", json, "application/octet-stream")},
        "/c": {"post": operation("keepPicture", json, "image/*")},
    }
    app = app_of(example("intake")["intake"], paths)
    transport = httpx.ASGITransport(app)
    async with app, httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        kinds = {"/a": "application/jsonl", "/b": "application/octet-stream", "/c": "image/png"}
        for path, kind in kinds.items():
            content = b'{"station":"a","celsius":1.5}\n' if path == "/a" else b"abcd"
            answer = await client.post(path, content=content, headers={"content-type": kind})
            assert answer.json() == (1 if path == "/a" else 4)


async def test_a_token_says_who_it_is() -> None:
    """And without one nobody is let in."""
    made = example("members")
    account = operation("getAccount", "application/json") | {"security": [{"bearer": []}]}
    app = app_of(made["members"], {"/": {"get": account}}, security={"bearer": made["bearer"]})
    transport = httpx.ASGITransport(app)
    async with app, httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/")).status_code == 401
        answer = await client.get("/", headers={"Authorization": "Bearer t0ken"})
        assert answer.json() == {"name": "ada"}
