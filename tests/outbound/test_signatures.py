"""Signatures are those of Standard Webhooks, and only what was signed is trusted."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from brrt.errors import OutgoingError, SignatureInvalid
from brrt.outbound.signatures import keys, sign, verify_webhook
from tests.outbound.conftest import SECRET

BODY = b'{"a":1}'


def headers(secret: Any = SECRET, now: float | None = None, body: bytes = BODY) -> dict[str, str]:
    """The headers of a signed message."""
    moment = int(time.time() if now is None else now)
    signature = sign(keys(secret), "msg_1", moment, body)
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(moment),
        "Webhook-Signature": signature,
    }


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1), st.text(st.characters(codec="utf-8")), st.integers(0, 2**32))
def test_we_sign_as_the_reference_does(secret: bytes, body: str, now: int) -> None:
    """Byte for byte, for any secret, body and time."""
    moment = datetime.fromtimestamp(now, UTC)
    right = Webhook(secret).sign("msg_1", moment, body)
    assert sign(keys(secret), "msg_1", now, body.encode()) == right


def test_what_the_reference_signs_is_trusted() -> None:
    """And what we sign the reference trusts."""
    now = int(time.time())
    signature = Webhook(SECRET).sign("msg_1", datetime.fromtimestamp(now, UTC), BODY.decode())
    theirs = headers(now=now) | {"Webhook-Signature": f"v2,AAAA {signature}"}
    verify_webhook(SECRET, theirs, BODY)
    Webhook(SECRET).verify(BODY, headers())


def test_secrets_are_base64_behind_their_prefix_only() -> None:
    """Without padding too; any other text is its bytes."""
    assert keys("whsec_YWJj") == keys("whsec_" + "YWJj") == (b"abc",)
    assert keys("whsec_YWI") == keys("whsec_YWI=") == (b"ab",)
    assert keys(["YWJj", b"whsec_"]) == (b"YWJj", b"whsec_")
    assert keys(None) == ()
    for bad in ("", b"", "whsec_", "whsec_!", [], ["a", ""]):
        with pytest.raises(OutgoingError) as caught:
            keys(bad)
        assert "!" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Id": "msg_2"},
        {"Webhook-Timestamp": "1000001"},
        {"Webhook-Timestamp": "+1000000"},
        {"Webhook-Timestamp": "1e6"},
        {"Webhook-Timestamp": "9" * 5_000},
        {"Webhook-Signature": "v1,"},
        {"Webhook-Signature": "nonsense ü"},
        {"Webhook-Signature": ""},
        {"Webhook-Id": ""},
    ],
)
def test_what_was_changed_is_not_trusted(change: dict[str, str]) -> None:
    """Id, time and signature all count; what is missing or strange is an error of ours."""
    good = headers(now=1_000_000)
    verify_webhook(SECRET, good, BODY, now=1_000_000)
    with pytest.raises(SignatureInvalid):
        verify_webhook(SECRET, good | change, BODY, now=1_000_000)


def test_another_body_or_secret_is_not_trusted() -> None:
    """One of several secrets is enough."""
    verify_webhook(["new", SECRET], headers(), BODY)
    with pytest.raises(SignatureInvalid, match="fits"):
        verify_webhook(SECRET, headers(), BODY + b" ")
    with pytest.raises(SignatureInvalid, match="fits"):
        verify_webhook("new", headers(), BODY)


def test_old_messages_and_those_of_the_future_are_not_trusted() -> None:
    """Within the tolerance they are."""
    made = headers(now=1_000)
    for now in (700, 1_300):
        verify_webhook(SECRET, made, BODY, now=now)
    for now in (699, 1_301):
        with pytest.raises(SignatureInvalid, match="too old"):
            verify_webhook(SECRET, made, BODY, now=now)
    verify_webhook(SECRET, made, BODY, now=1_301, tolerance=400)
