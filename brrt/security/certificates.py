"""Reading certificates, and the headers in which proxies pass them on.

The only file that imports cryptography for it, and so imported only where a `MutualTLS` is made.
Whether a certificate is good was found out by who ended the TLS connection, and is not asked
again.
"""

import base64
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from brrt.security.credentials import ClientCertificate

# One item of RFC 8941, section 3.3.5, which is what RFC 9440 makes of a certificate.
_BINARY: Final = re.compile(rb":([A-Za-z0-9+/]+={0,2}):")
_PEM: Final = b"-----BEGIN CERTIFICATE-----"


class Unreadable(Exception):
    """There is no certificate in it."""


def read_header(value: bytes) -> ClientCertificate:
    """A certificate as RFC 9440, section 2.2, passes it on, or nginx: PEM, url-encoded.

    Raises `Unreadable`.
    """
    text = value.strip()
    try:
        if found := _BINARY.fullmatch(text):
            certificate = x509.load_der_x509_certificate(base64.b64decode(found[1], validate=True))
        else:
            pem = unquote_to_bytes(text).strip()
            if not pem.startswith(_PEM) or pem.count(_PEM) != 1:
                raise Unreadable
            certificate = x509.load_pem_x509_certificate(pem)
        return _shown(certificate)
    except (ValueError, x509.InvalidVersion):
        raise Unreadable from None


def read_chain(chain: tuple[str, ...]) -> ClientCertificate:
    """Certificates in PEM, that of the client first. Raises `Unreadable`."""
    try:
        subject = x509.load_pem_x509_certificate(chain[0].encode()).subject
    except (ValueError, x509.InvalidVersion):
        raise Unreadable from None
    return ClientCertificate(subject.rfc4514_string(), chain)


def _shown(certificate: x509.Certificate) -> ClientCertificate:
    pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
    return ClientCertificate(certificate.subject.rfc4514_string(), (pem,))


def subject_of(shown: ClientCertificate) -> x509.Name | None:
    """The subject: of the certificate itself where it is known, or else of its name."""
    try:
        if shown.chain:
            return x509.load_pem_x509_certificate(shown.chain[0].encode()).subject
    except (ValueError, x509.InvalidVersion):
        return None
    return read_name(shown.subject)


def read_name(text: str) -> x509.Name | None:
    """A name as RFC 4514 writes it; None for what is none."""
    try:
        return x509.Name.from_rfc4514_string(text)
    except ValueError:
        return None
