"""Secrets in the items of JSON lines are hidden in what is said of a conversion."""

from dataclasses import dataclass
from typing import Any

import pytest

from brrt import App
from tests.conftest import Book, Connect

ITEM = {
    "type": "object",
    "required": ["pin"],
    "properties": {"pin": {"type": "string", "format": "password"}, "name": {"type": "string"}},
}


@dataclass
class Account:
    """It tells what it does not like."""

    pin: str
    name: str = ""

    def __post_init__(self) -> None:
        raise ValueError(f"not {self.pin}")


@pytest.mark.parametrize("field", ["itemSchema", "schema"])
async def test_a_conversion_shows_no_secret(client: Connect, book: Book, field: str) -> None:
    """Of a list as of any body."""

    async def put(body: list[Account]) -> None: ...

    content: dict[str, Any] = {"application/jsonl": {field: ITEM}}
    responses = {"204": {"description": "done"}}
    body = {"required": True, "content": content}
    operation = book.operation("put", requestBody=body, responses=responses)
    document = book.spec(put={"post": operation}) | {"openapi": "3.2.0"}
    asked = await client(App(document, book.serve(put=put)))
    headers = {"content-type": "application/jsonl"}
    answer = await asked.post("/put", content=b'{"pin":"hunter2"}', headers=headers)
    assert answer.status_code == 400
    assert "hunter2" not in answer.text
