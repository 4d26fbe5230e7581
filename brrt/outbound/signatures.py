"""Signatures of the Standard Webhooks specification: made for what is sent, checked on what comes.

https://github.com/standard-webhooks/standard-webhooks, "Signature scheme": HMAC-SHA256 over id,
timestamp and body, joined by full stops. Several secrets give several signatures, so that a
secret can be changed without a moment in which nothing fits. No secret stands in any message.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Iterable, Iterator, Mapping

from brrt.errors import OutgoingError, SignatureInvalid

# Seconds that clocks may differ and messages may travel (Standard Webhooks, "Verifying").
TOLERANCE = 300.0
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"

Secret = str | bytes
Secrets = Secret | Iterable[Secret]

_PREFIX = "whsec_"
_VERSION = "v1,"
# Signatures that are compared; a sender with more secrets than that does not exist.
_MOST_SIGNATURES = 16


def keys(secrets: Secrets | None) -> tuple[bytes, ...]:
    """The keys of one or several secrets; none for None. Raises `OutgoingError`.

    A text that begins with `whsec_` is base64 behind that, any other is its UTF-8 bytes.
    """
    if secrets is None:
        return ()
    each = [secrets] if isinstance(secrets, (str, bytes)) else list(secrets)
    if not each:
        raise OutgoingError("there is no secret to sign with; give None to send without signature")
    return tuple(map(_key, each))


def _key(secret: Secret) -> bytes:
    key = secret.encode() if isinstance(secret, str) else bytes(secret)
    if isinstance(secret, str) and secret.startswith(_PREFIX):
        text = secret.removeprefix(_PREFIX)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise OutgoingError(f"a secret begins with {_PREFIX} but is not base64") from None
    if not key:
        raise OutgoingError("a secret is empty")
    return key


def sign(signing: Iterable[bytes], id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature for each key."""
    return " ".join(_signatures(signing, id, str(timestamp), body))


def _signatures(signing: Iterable[bytes], id: str, timestamp: str, body: bytes) -> Iterator[str]:
    content = b"%b.%b.%b" % (id.encode(), timestamp.encode(), body)
    for key in signing:
        digest = hmac.digest(key, content, "sha256")
        yield _VERSION + base64.b64encode(digest).decode()


def verify_webhook(
    secret: Secrets,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> None:
    """Check a webhook that came in: raises `SignatureInvalid` for one that is not to be trusted.

    `body` are the bytes as they came, `headers` any mapping of names to values. One of the
    signatures must fit one of the secrets. A message whose timestamp is more than `tolerance`
    seconds away from `now` (Unix time; by default the present) is refused, so that nobody can
    send it again later. A receiver remembers `webhook-id` that long to drop what comes twice.
    """
    known = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not known.get(name)]
    if missing:
        raise SignatureInvalid(f"the webhook has no {missing[0]}")
    _check_age(known[TIMESTAMP], time.time() if now is None else now, tolerance)
    given = [one.encode() for one in known[SIGNATURE].split(" ")[:_MOST_SIGNATURES]]
    good = False
    for right in _signatures(keys(secret), known[ID], known[TIMESTAMP], body):
        for one in given:  # all of them, so that the time tells nothing
            good |= hmac.compare_digest(right.encode(), one)
    if not good:
        raise SignatureInvalid("no signature of the webhook fits")


def _check_age(timestamp: str, now: float, tolerance: float) -> None:
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 15:
        raise SignatureInvalid("webhook-timestamp is no whole number of seconds")
    if abs(now - int(timestamp)) > tolerance:
        raise SignatureInvalid("the webhook is too old, or from the future")
