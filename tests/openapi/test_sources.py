"""Texts become JSON values, and every pointer finds its line again."""

import json
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from brrt.errors import Fault, SpecError
from brrt.openapi.json_values import MAX_DEPTH, NotJsonError, detach
from brrt.openapi.sources import Resource, read, read_file


def parse(text: str, name: str = "a.yaml") -> Any:
    return read(text.encode(), f"file:///{name}", name).value


def fault(text: str | bytes, name: str = "a.yaml") -> Fault:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(SpecError) as caught:
        read(content, f"file:///{name}", name)
    (found,) = caught.value.faults
    assert found.file == name
    return found


def resource(text: str, name: str = "a.yaml") -> Resource:
    return read(text.encode(), f"file:///{name}", name)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("NO", "NO"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("0o17", "0o17"),
        ("007", "007"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2020-01-02", "2020-01-02"),
        (".inf", ".inf"),
        ("1.2.3", "1.2.3"),
        ('"12"', "12"),
        ("!!str 12", "12"),
        ("!!int 12", 12),
        ("!!float 12", 12.0),
        ("!!timestamp 2020-01-02", "2020-01-02"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars_are_json(text: str, value: object) -> None:
    """Only true and false are booleans; dates, octals and sexagesimals stay text."""
    found = parse(f"key: {text}")["key"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_as_written() -> None:
    """Keys that look like numbers, booleans or null are the text that was written."""
    assert parse("200: a\ntrue: b\nnull: c\n1.0: d\non: e\n") == {
        "200": "a",
        "true": "b",
        "null": "c",
        "1.0": "d",
        "on": "e",
    }


def test_anchors_and_merge_keys() -> None:
    """Aliases repeat a value; `<<` brings in mappings, and what is written wins over it."""
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 5}\nd: *a\ne: {<<: *b}\n"
    value = parse(text)
    assert value["c"] == {"x": 5, "y": 2, "z": 4}
    assert value["d"] == {"x": 1, "y": 2}
    assert value["e"] == {"y": 3, "z": 4}


def test_anchors_on_keys() -> None:
    """A key may have an anchor or be an alias of a text."""
    found = resource("&k name: *k\nother:\n  *k : 1\n*k : 2\n")
    assert found.value == {"name": 2, "other": {"name": 1}}
    assert [one.line for one in found.faults] == [4]


def test_duplicate_keys_are_told_with_both_lines() -> None:
    """A repeated key is a fault that names the line of each; the later one counts."""
    found = resource("a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n")
    assert found.value["a"] == 3
    first, second = found.faults
    assert (first.line, first.column) == (3, 1)
    assert "'a'" in first.message
    assert "line 1" in first.message
    assert second.line == 4


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [1", 2, "flow sequence"),
        ("a: 1\nb: c: d\n", 2, "mapping values"),
        ("a:\n\t- x\n", 2, "cannot start any token"),
        ("a: *nobody\n", 1, "no anchor before it"),
        ("a: &a [*a]\n", 1, "contains itself"),
        ("a: !secret x\n", 1, "unknown"),
        ("a: !!int x\n", 1, "does not fit its tag"),
        ("a: !!set {x}\n", 1, "unknown"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("? [a]\n: 1\n", 1, "plain text"),
        ("a: {<<: 3}\n", 1, "mappings only"),
        ("a: &a [x]\n*a : 1\n", 2, "plain text"),
    ],
)
def test_broken_yaml_is_a_fault_with_its_line(text: str, line: int, words: str) -> None:
    """Whatever is wrong with YAML is one fault with line, column and cure."""
    found = fault(text)
    assert words in found.message
    assert found.line == line
    assert found.column is not None
    assert found.cure


@pytest.mark.parametrize("text", ["a: \x00", "a: \x07"])
def test_characters_that_yaml_does_not_allow(text: str) -> None:
    """A control character is refused in words."""
    assert "not YAML" in fault(text).message


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [('{"a": 1,}', 1, 9), ('{"a": 1\n "b": 2}', 2, 2), ('{"a": x}', 1, 7), ('{"a"', 1, 5)],
)
def test_broken_json_is_a_fault_with_its_place(text: str, line: int, column: int) -> None:
    """A .json file is judged as JSON, and the message says where it breaks."""
    found = fault(text, "a.json")
    assert "not JSON" in found.message
    assert found.line == line
    assert abs((found.column or 0) - column) <= 1


def test_content_decides_where_the_name_does_not() -> None:
    """JSON in a .yaml file is read as JSON, flow YAML as YAML, YAML in .json is refused."""
    assert resource('{"a": 1}').syntax == "json"
    assert resource("{a: 1}").syntax == "yaml"
    assert "not JSON" in fault("a: 1", "a.json").message
    assert ".yaml" in fault("a: 1", "a.json").cure
    assert "not JSON" in fault('{"a": 1,, }').message


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
@pytest.mark.parametrize("text", ["", "  \n", "\ufeff"])
def test_empty_text_is_a_fault(name: str, text: str) -> None:
    """An empty document says that it is empty."""
    assert "empty" in fault(text, name).message
    assert "empty" in fault("# only a comment\n").message


def test_byte_order_marks_and_other_encodings() -> None:
    """A byte order mark is not content; UTF-16 with one is read; anything else is a fault."""
    assert parse("\ufeffa: ä") == {"a": "ä"}
    assert parse('\ufeff{"a": 1}', "a.json") == {"a": 1}
    assert read("a: ä".encode("utf-16"), "u", "a.yaml").value == {"a": "ä"}
    broken = fault(b"a: 1\nb: \xff\xff\n")
    assert "UTF-8" in broken.message
    assert broken.line == 2


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 5_000, 200_000])
def test_deep_nesting_is_a_fault(name: str, depth: int) -> None:
    """Nesting beyond the bound is refused in words, at any depth, in both syntaxes."""
    assert "too deeply" in fault("[" * depth + "]" * depth, name).message


def test_nesting_up_to_the_bound_is_read() -> None:
    """The bound itself is allowed."""
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(parse(text, "a.json")) == text
    assert json.dumps(parse(f"- {text[1:-1]}")) == text


def test_alias_bombs_are_refused_at_once() -> None:
    """Aliases that would grow to billions of values are counted, not built."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "too large" in fault("\n".join(lines)).message


YAML = "a:\n  b:\n  - x\n  - c: 1\n    d~e/f: 2\nlast: &l {k: 1}\nagain: *l\n"
JSON = '{"a":\n {"b": ["x",\n  {"c": 1,\n   "d~e/f": 2}]},\n "last": {"k": 1}}'


@pytest.mark.parametrize(
    ("pointer", "yaml_place", "json_place"),
    [
        ("", (1, 1), (1, 1)),
        ("/a", (1, 1), (1, 2)),
        ("/a/b/1", (4, 5), (3, 3)),
        ("/a/b/1/c", (4, 5), (3, 4)),
        ("/a/b/1/d~0e~1f", (5, 5), (4, 4)),
        ("/a/b/1/nobody/x", (4, 5), (3, 3)),
        ("/last/k", (6, 11), (5, 11)),
    ],
)
def test_pointers_find_their_place(
    pointer: str, yaml_place: tuple[int, int], json_place: tuple[int, int]
) -> None:
    """A pointer leads to the line and column of its key, or of its nearest ancestor."""
    assert resource(YAML).locate(pointer) == yaml_place
    assert resource(JSON, "a.json").locate(pointer) == json_place


def test_a_pointer_through_an_alias_leads_to_the_alias() -> None:
    """What stands under an alias is found where the alias was written."""
    assert resource(YAML).locate("/again/k") == (7, 1)


def test_every_pointer_of_a_document_is_found_in_both_syntaxes() -> None:
    """No pointer of a mixed document is lost, and JSON agrees with a naive search."""
    value = {"k": [{"a": [1, {"b": 'q"}'}], "c": None}, [[]], {}], "ü": {"x/y": True}}
    text = json.dumps(value, indent=1, ensure_ascii=False)
    both = resource(text, "a.json"), Resource("u", "n", value, text.encode(), "yaml")
    for pointer in ["/k/0/a/1/b", "/k/0/c", "/k/1/0", "/k/2", "/ü/x~1y"]:
        line, _ = both[0].locate(pointer) or (0, 0)
        assert both[1].locate(pointer) == both[0].locate(pointer)
        last = pointer.rsplit("/", 1)[1].replace("~1", "/")
        assert last.isdecimal() or f'"{last}"' in text.splitlines()[line - 1]


def test_missing_files_name_what_is_there(tmp_path: Path) -> None:
    """A path that leads nowhere gets the nearest names in its folder."""
    (tmp_path / "openapi.yaml").write_text("a: 1")
    for name, words in [
        ("openapi.yml", "openapi.yaml"),
        ("no/such.yaml", "no folder"),
        (".", "name the file"),
        ("a\0b", "name"),
    ]:
        with pytest.raises(SpecError) as caught:
            read_file(tmp_path / name, "file:///x", name)
        assert words in caught.value.faults[0].cure


def test_mappings_are_detached() -> None:
    """A mapping becomes JSON of its own: keys are text, tuples lists, dates text."""
    inner = [1, (2, 3)]
    source = MappingProxyType({200: inner, True: date(2020, 1, 2), None: {"x": 1.5}})
    copied = detach(source)
    assert copied == {"200": [1, [2, 3]], "true": "2020-01-02", "null": {"x": 1.5}}
    inner.append(4)
    assert copied["200"] == [1, [2, 3]]


@pytest.mark.parametrize(
    ("value", "pointer", "words"),
    [
        ({"a": {"b/c": {1, 2}}}, "/a/b~1c", "set"),
        ({"a": [b"x"]}, "/a/0", "bytes"),
        ({"a": float("nan")}, "/a", "nan"),
    ],
)
def test_what_json_does_not_have_is_refused(value: Any, pointer: str, words: str) -> None:
    """A value that JSON lacks is named, with the place where it stands."""
    with pytest.raises(NotJsonError, match=words) as caught:
        detach(value)
    assert caught.value.pointer == pointer


def test_mappings_that_contain_themselves_are_refused() -> None:
    """A cycle of Python objects ends in words, not in a RecursionError."""
    value: dict[str, Any] = {}
    value["a"] = [value]
    with pytest.raises(NotJsonError, match="contains itself"):
        detach(value)
