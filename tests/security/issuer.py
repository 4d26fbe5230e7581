"""An issuer of tokens on a loopback port: honest unless it is told otherwise."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from brrt.security.key_sets import Clock

AUDIENCE = "https://shop.example"
SECRET = b"0123456789abcdef0123456789abcdef"
NOW = 1_700_000_000.0
CURVES: dict[str, Any] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


@cache
def make_key(algorithm: str, number: int = 0, bits: int = 2048) -> Any:
    """A private key for an algorithm; always the same for the same number."""
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm]())
    if algorithm in ("EdDSA", "Ed25519"):
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_jwk(key: Any, kid: str | None, **members: Any) -> dict[str, Any]:
    """The public half of a key, as an issuer shows it."""
    public = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        made = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        made = ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        made = OKPAlgorithm.to_jwk(public, as_dict=True)
    made.pop("key_ops", None)
    named = {} if kid is None else {"kid": kid}
    return {**made, **named, **members}


def claims_of(issuer: str, **changes: Any) -> dict[str, Any]:
    """Good claims, with changes; a claim that is changed to None is left out."""
    made = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": "ada",
        "iat": int(NOW),
        "exp": int(NOW) + 300,
        "scope": "read",
    }
    return {name: value for name, value in (made | changes).items() if value is not None}


def sign(
    claims: Any,
    key: Any,
    algorithm: str,
    kid: str | None = None,
    headers: Mapping[str, Any] | None = None,
) -> str:
    """A token. `claims` may be bytes, which are signed as they are."""
    jws = jwt.PyJWS()
    jws.register_algorithm("Ed25519", OKPAlgorithm())
    data = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    named = {} if kid is None else {"kid": kid}
    return jws.encode(data, key, algorithm, headers={**named, **(headers or {})})


@dataclass
class Time:
    """Time under the test's control, the same for tokens and for ages."""

    passed: float = 0.0

    @property
    def clock(self) -> Clock:
        """The same as providers want it."""
        return Clock(lambda: NOW + self.passed, lambda: 1_000.0 + self.passed, lambda: 0.5)


@dataclass
class Issuer:
    """Its keys, how it answers, and how often it was asked.

    `keys` maps kids to (algorithm, private key). `answer` replaces every answer to a question for
    keys; `gate`, where it is set, lets nothing be answered before it is open.
    """

    keys: dict[str, tuple[str, Any]] = field(default_factory=dict[str, tuple[str, Any]])
    extra: list[Any] = field(default_factory=list[Any])
    port: int = 0
    fetches: int = 0
    discoveries: int = 0
    answer: Response | None = None
    configuration: dict[str, Any] | None = None
    openid: bool = True
    headers: dict[str, str] = field(default_factory=dict[str, str])
    gate: asyncio.Event | None = None
    scheme: str = "http"

    @property
    def url(self) -> str:
        """The name of the issuer."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def jwks(self) -> str:
        """Where its keys are."""
        return f"{self.url}/keys"

    def add(self, kid: str, algorithm: str = "ES256", number: int = 0) -> None:
        """Sign with another key, too."""
        self.keys[kid] = (algorithm, make_key(algorithm, number))

    def rotate(self, kid: str, number: int = 1) -> None:
        """Sign with another key, and no longer with those of before."""
        self.keys.clear()
        self.add(kid, "ES256", number)

    def token(self, kid: str | None = None, **changes: Any) -> str:
        """A good token but for these changes, signed by the last key or the one named."""
        name = kid or list(self.keys)[-1]
        algorithm, key = self.keys[name]
        return sign(claims_of(self.url, **changes), key, algorithm, name)

    def key_set(self) -> dict[str, Any]:
        """What it shows of its keys."""
        shown = [
            public_jwk(key, kid, alg=algorithm, use="sig")
            for kid, (algorithm, key) in self.keys.items()
        ]
        return {"keys": [*shown, *self.extra]}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a question."""
        path = Request(scope, receive).url.path
        response: Response
        if path == "/keys":
            self.fetches += 1
            if self.gate is not None:
                await self.gate.wait()
            response = self.answer or JSONResponse(self.key_set(), headers=self.headers)
        elif path.startswith("/.well-known/"):
            self.discoveries += 1
            known = self.openid == path.endswith("openid-configuration")
            told = self.configuration or {"issuer": self.url, "jwks_uri": self.jwks}
            response = JSONResponse(told) if known else Response(status_code=404)
        else:
            response = Response(status_code=404)
        await response(scope, receive, send)


@asynccontextmanager
async def serve_issuer(issuer: Issuer, **options: Any) -> AsyncIterator[Issuer]:
    """Serve an issuer by uvicorn on a loopback port, the same again if it had one."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", issuer.port))
    issuer.port = listener.getsockname()[1]
    config = uvicorn.Config(issuer, lifespan="off", log_config=None, **options)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]), name="the issuer")
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0)
    try:
        yield issuer
    finally:
        if issuer.gate is not None:
            issuer.gate.set()
        server.should_exit = True
        await task
        listener.close()
