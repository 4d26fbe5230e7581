"""Patterns that backtracking engines never finish, with the texts that make them so.

Every one of them stands in a document that is served, and is answered within a bound: some times
what a harmless pattern takes for the same request, and a second. Documents whose patterns could
not be bounded are not served (`tests/openapi/test_pattern_costs.py`).
"""

import json
import time
from typing import Any

import httpx
import pytest

from brrt import App, Handlers, Request
from tests.attacks.target import asks, parameter, takes
from tests.conftest import Connect

JSON = "application/json"
HARMLESS = "^[a-z]*$"
PATTERNS = [
    "(a+)+$",
    "^(a+)+$",
    "(a|a)*b",
    "^(a|aa)+$",
    "(a*)*b",
    "([a-zA-Z]+)*!$",
    "(x+x+)+y",
    "(.*a){20}!",
    "^(a?){30}a{30}$",
    "a{1,400}b",
    "(a{1,20}){1,20}b",
    r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$",
    "|".join(f"a{number}a" for number in range(500)),
    "^(?=a)(a+)+$",
    r"^(?!.{256,})(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]+$",
    r"^(a)\1+b$",
    "(?<=a)b",
]
# A long text, and many short ones: the bounds of an engine are for each text.
LONG = "a" * 300_000
MANY = ["a" * 30 + "!"] * 9_000


def make(pattern: str) -> App:
    """An app that holds to a pattern a body, its members, their names, and a parameter."""
    text = {"type": "string", "pattern": pattern}
    schema = {
        "properties": {"text": text, "texts": {"items": text}},
        "patternProperties": {f"^!(?:{pattern})": {"type": "integer"}},
        "propertyNames": {"anyOf": [{"pattern": "^text"}, {"pattern": pattern}]},
    }
    handlers = Handlers()

    @handlers
    async def take_json(request: Request) -> dict[str, Any]:
        return {}

    @handlers
    async def search(request: Request) -> dict[str, Any]:
        return {}

    paths = {
        "/json": takes("takeJson", JSON, schema),
        "/search": asks("search", parameter("q", schema=text)),
    }
    info = {"title": "Patterns", "version": "1"}
    return App({"openapi": "3.1.0", "info": info, "paths": paths}, handlers)


async def seconds(http: httpx.AsyncClient) -> float:
    """What the worst requests take together, all answered."""
    bodies: list[Any] = [
        {"text": LONG},
        {"text": LONG + "!"},
        {"texts": MANY},
        {name + str(number): 1 for number, name in enumerate(MANY)},
        {"!" + LONG: "x"},
    ]
    begin = time.process_time()
    for body in bodies:
        answer = await http.post("/json", content=json.dumps(body), headers={"content-type": JSON})
        assert answer.status_code in (200, 400)
    for length in (8_000, 100):
        answer = await http.get("/search", params={"q": "a" * length + "!"})
        assert answer.status_code in (200, 400)
    return time.process_time() - begin


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda text: text[:30])
async def test_no_pattern_takes_for_ever(client: Connect, pattern: str) -> None:
    """Bodies, parameters and names are answered within ten times of the harmless, and a second."""
    usual = await seconds(await client(make(HARMLESS)))
    assert await seconds(await client(make(pattern))) < 10 * usual + 1
