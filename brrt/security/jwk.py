"""Reading keys, JWK Sets (RFC 7517) and shared secrets, and checking signatures with them.

The only file that imports PyJWT, and so imported only where a `JWT` is made. The library reads
keys and checks signatures; which key may serve for which token is decided here.
"""

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import Algorithm, HMACAlgorithm, OKPAlgorithm, get_default_algorithms

from brrt.config import SettingError
from brrt.security.algorithms import (
    FAMILIES,
    MAX_RSA_BITS,
    MIN_RSA_BITS,
    SECRET_BYTES,
    canonical,
)
from brrt.security.compact import Header
from brrt.security.keys import Key, Keys, Unusable

# Keys of a set that are looked at; issuers have two to ten.
MAX_KEYS: Final = 64
# Characters of a key's name that are shown in the log.
MAX_KID: Final = 64


class Signatures:
    """Checks signatures, of these algorithms and no others."""

    def __init__(self, algorithms: Collection[str]) -> None:
        self.algorithms = frozenset(algorithms)
        self._jws = jwt.PyJWS(algorithms=sorted(algorithms))
        if "Ed25519" in algorithms:  # RFC 9864, which PyJWT 2.15 does not know
            self._jws.register_algorithm("Ed25519", OKPAlgorithm())

    def find(self, token: str, header: Header, keys: Keys) -> tuple[Key, bytes] | None:
        """Which of the keys has signed a token, and its payload; None where none has."""
        for key in keys.fitting(header):
            payload = self._payload(token, header.algorithm, key)
            if payload is not None:
                return key, payload
        return None

    def _payload(self, token: str, algorithm: str, key: Key) -> bytes | None:
        try:
            found = self._jws.decode_complete(
                token,
                key.material,
                algorithms=[algorithm],
                options={"verify_signature": True, "enforce_minimum_key_length": True},
            )
        except (jwt.PyJWTError, ValueError):
            return None
        return cast("bytes", found["payload"])


def read_set(document: Any, allowed: Collection[str]) -> Keys:
    """The usable keys of a JWK Set (RFC 7517, section 5). Raises `Unusable` if there is none."""
    listed = cast("Any", document).get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, (list, tuple)):
        raise Unusable("it is no JWK Set: it has no list of keys")
    found, skipped = list[Key](), list[tuple[str, str]]()
    each = cast("Collection[Any]", listed)
    for index, one in enumerate(each):
        try:
            if index >= MAX_KEYS:
                raise Unusable(f"it has {len(each)} keys, of which {MAX_KEYS} are looked at")
            found.append(_read(one, allowed))
        except Unusable as error:
            skipped.append((_shown(one), str(error)))
            if index >= MAX_KEYS:
                break
    if not found:
        why = f": {skipped[0][1]}" if skipped else ""
        raise Unusable(f"its JWK Set has no usable key{why}")
    return Keys(tuple(found), tuple(skipped))


def _shown(jwk: Any) -> str:
    kid = cast("Any", jwk).get("kid") if isinstance(jwk, Mapping) else None
    return kid[:MAX_KID] if isinstance(kid, str) else "(no kid)"


def _read(given: Any, allowed: Collection[str]) -> Key:
    """One key. Raises `Unusable`; what the library says of it is not shown."""
    if not isinstance(given, Mapping):
        raise Unusable("it is no JSON object")
    jwk = cast("Mapping[str, Any]", given)
    kid, algorithms = jwk.get("kid"), _algorithms(jwk, allowed)
    if not (kid is None or isinstance(kid, str)):
        raise Unusable("its kid is no text")
    try:
        material: Any = _reader(min(algorithms)).from_jwk(dict(jwk))
        public = material.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # the library has no common error for what issuers may write
        raise Unusable("it cannot be read") from None
    if isinstance(material, RSAPublicKey) and not MIN_RSA_BITS <= material.key_size <= MAX_RSA_BITS:
        bounds = f"{MIN_RSA_BITS} to {MAX_RSA_BITS}"
        raise Unusable(f"it has {material.key_size} bits; RSA keys must have {bounds}")
    named = repr((kid, sorted(algorithms))).encode("utf-8", "surrogatepass")
    identity = sha256(named + public).digest()
    return Key(kid, algorithms, identity, material)


def _reader(algorithm: str) -> Algorithm:
    return OKPAlgorithm() if algorithm == "Ed25519" else get_default_algorithms()[algorithm]


def _algorithms(jwk: Mapping[str, Any], allowed: Collection[str]) -> frozenset[str]:
    """What a key may check, by its type, curve, `alg`, `use` and `key_ops`. Raises `Unusable`."""
    kind, curve = jwk.get("kty"), jwk.get("crv")
    if kind == "oct":
        raise Unusable("it is a shared secret, which no set of public keys should have")
    if "d" in jwk:
        raise Unusable("it is a private key, which its owner has made public")
    if jwk.get("use", "sig") != "sig":
        raise Unusable("it is not for signatures (use)")
    operations = jwk.get("key_ops", ("verify",))
    if not isinstance(operations, (list, tuple)) or "verify" not in operations:
        raise Unusable("it is not for checking signatures (key_ops)")
    fits = {one for one in allowed if FAMILIES.get(one) in ((kind, None), (kind, curve))}
    if "alg" in jwk:
        fits = {one for one in fits if canonical(one) == canonical(str(jwk["alg"]))}
    if not fits:
        what = " ".join(_word(jwk[one]) for one in ("kty", "crv", "alg") if one in jwk)
        raise Unusable(f"no allowed algorithm goes with it ({what or 'it has no kty'})")
    return frozenset(fits)


def _word(value: Any) -> str:
    """What an issuer has written, for the log: it does not begin another line there."""
    return ascii(value)[1:-1][:MAX_KID] if isinstance(value, str) else type(value).__name__


def fixed_set(document: Any, allowed: Collection[str]) -> Keys:
    """A JWK Set that the user has given, all of which must be usable. Raises `SettingError`."""
    try:
        keys = read_set(document, allowed)
    except Unusable as error:
        raise SettingError(f"keys cannot be used: {error}") from None
    if keys.skipped:
        kid, reason = keys.skipped[0]
        raise SettingError(f"the key {kid} cannot be used: {reason}")
    return keys


def secret_keys(secrets: Iterable[Any], allowed: Collection[str]) -> Keys:
    """Shared secrets as keys. Raises `SettingError`, which does not show them."""
    each = [_secret(one, index, allowed) for index, one in enumerate(secrets)]
    if not each:
        raise SettingError("secret is empty; give a text or bytes, or several")
    return Keys(tuple(each))


def _secret(given: Any, index: int, allowed: Collection[str]) -> Key:
    if not isinstance(given, (str, bytes)):
        raise SettingError(f"a secret must be a text or bytes, got {type(given).__name__}")
    secret = given.encode() if isinstance(given, str) else given
    least = max(SECRET_BYTES[one] for one in allowed)
    if len(secret) < least:
        name = " and ".join(sorted(allowed))
        message = f"a secret has {len(secret)} bytes; {name} needs {least} (RFC 7518, section 3.2)"
        raise SettingError(f"{message}, such as secrets.token_bytes({least})")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.PyJWTError:
        message = "a secret is a key, a certificate or a JWK, which others know"
        raise SettingError(f"{message}; give public keys with keys=, or another secret") from None
    return Key(None, frozenset(allowed), b"secret %d" % index, secret)
