"""One POST against receivers that are slow, huge, rude or somebody else. Real sockets, real TLS."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from payments.outgoing import posting
from payments.outgoing.addresses import Target
from payments.outgoing.posting import Answer, post
from tests.payments.outgoing.receiver import Receiver, Say, status

BODY = b'{"id": "1"}'
HERE = ["127.0.0.1"]


def target_of(receiver: Receiver, host: str = "127.0.0.1", scheme: str = "http") -> Target:
    return Target(scheme, host, receiver.port, "/hooks?shop=1")


def send(receiver: Receiver, *, total_s: float = 5) -> Answer:
    return post(target_of(receiver), HERE, BODY, {"Content-Type": "application/json", "X-Name": "v"}, total_s=total_s)


def test_the_request_arrives_as_it_was_written(receiver: Receiver) -> None:
    answer = send(receiver)

    assert (answer.status, answer.reason) == (200, "")
    [request] = receiver.received
    assert request.line == "POST /hooks?shop=1 HTTP/1.1"
    assert request.body == BODY
    assert request.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": str(len(BODY)),
        "content-type": "application/json",
        "x-name": "v",
    }


def test_the_host_header_is_the_name_and_the_connection_goes_to_the_address(receiver: Receiver) -> None:
    answer = post(target_of(receiver, "hooks.example.com"), HERE, BODY, {})
    assert answer.status == 200
    assert receiver.received[0].headers["host"] == f"hooks.example.com:{receiver.port}"


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    with Receiver() as elsewhere:
        receiver.always = status("302 Found", f"Location: {elsewhere.url}")
        assert send(receiver).status == 302
        assert (len(receiver.received), elsewhere.received) == (1, [])


def test_no_proxy_of_the_environment_is_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert send(receiver).status == 200
        assert proxy.received == []


def test_another_address_is_tried_when_one_takes_no_connection(receiver: Receiver) -> None:
    answer = post(target_of(receiver), ["127.0.0.77", "127.0.0.1"], BODY, {})
    assert answer.status == 200


def test_where_nobody_listens_there_is_no_connection() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        answer = post(Target("http", "127.0.0.1", bound.getsockname()[1], "/"), HERE, BODY, {})
    assert (answer.status, answer.reason) == (None, "connection_failed")


def _silent(peer: socket.socket) -> None:
    peer.recv(1)


def _drip(content: bytes) -> Say:
    def say(peer: socket.socket) -> None:
        for byte in content:
            peer.sendall(bytes([byte]))
            time.sleep(0.05)

    return say


def _endless(piece: bytes, start: bytes = b"") -> Say:
    def say(peer: socket.socket) -> None:
        peer.sendall(start)
        while True:
            peer.sendall(piece)

    return say


@pytest.mark.parametrize("say", [_silent, _drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50)])
def test_however_slowly_it_answers_the_time_is_limited_as_a_whole(receiver: Receiver, say: Say) -> None:
    receiver.always = say
    start = time.monotonic()
    answer = send(receiver, total_s=0.6)
    assert (answer.status, answer.reason) == (None, "timeout")
    assert 0.5 < time.monotonic() - start < 1.5
    assert 500 < answer.duration_ms < 1500


def test_a_receiver_that_does_not_read_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        target = Target("http", "127.0.0.1", deaf.getsockname()[1], "/")
        start = time.monotonic()
        answer = post(target, HERE, b"x" * 30_000_000, {}, total_s=0.6)
        assert (answer.status, answer.reason) == (None, "timeout")
        assert time.monotonic() - start < 1.5


@pytest.mark.parametrize(
    "say",
    [
        _endless(b"X-Header: " + b"y" * 1000 + b"\r\n", b"HTTP/1.1 200 OK\r\n"),
        _endless(b"H" * 1000),
        _endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
        lambda peer: peer.sendall(b"220 mail.example.com ESMTP\r\n"),
        lambda peer: peer.sendall(b"\x16\x03\x01\x00\x05hello"),
        lambda peer: peer.sendall(b"HTTP/1.1 abc OK\r\n\r\n"),
        lambda peer: None,
    ],
)
def test_what_is_no_answer_of_http_is_a_failure(receiver: Receiver, say: Say) -> None:
    receiver.always = say
    answer = send(receiver)
    assert answer.status is None
    assert answer.reason in ("not_http", "connection_failed")
    assert answer.duration_ms < 2000


def test_an_endless_body_is_never_read(receiver: Receiver) -> None:
    receiver.always = _endless(b"x" * 65536, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    answer = send(receiver)
    assert answer.status == 200
    assert answer.duration_ms < 1000


def test_retry_after_is_handed_on(receiver: Receiver) -> None:
    receiver.always = status("503 Busy", "Retry-After: 120")
    answer = send(receiver)
    assert (answer.status, answer.retry_after) == (503, "120")


# --- TLS ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ssl.SSLContext]]:
    """Server contexts whose certificate is for a name and signed by an authority that this process believes."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("Test Authority", key, key, "Test Authority", is_authority=True)
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    posting.tls_context.cache_clear()

    def server(name: str) -> ssl.SSLContext:
        own = ec.generate_private_key(ec.SECP256R1())
        chain, private = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        signed = _certificate(name, own, key, "Test Authority")
        chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, private)
        return context

    yield server
    posting.tls_context.cache_clear()


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer: str,
    *,
    is_authority: bool = False,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not is_authority:
        names = x509.SubjectAlternativeName([_general_name(name)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def test_the_certificate_must_be_for_the_name_not_for_the_address(
    certified: Callable[[str], ssl.SSLContext],
) -> None:
    with Receiver(tls=certified("hooks.example.com")) as receiver:
        assert post(target_of(receiver, "hooks.example.com", "https"), HERE, BODY, {}).status == 200
        assert receiver.received[0].headers["host"] == f"hooks.example.com:{receiver.port}"

        answer = post(target_of(receiver, "other.example.com", "https"), HERE, BODY, {})
        assert (answer.status, answer.reason) == (None, "tls_failed")
        assert len(receiver.received) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(certified: Callable[[str], ssl.SSLContext]) -> None:
    with Receiver(tls=certified("hooks.example.com")) as receiver:
        posting.tls_context.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("SSL_CERT_FILE")
            answer = post(target_of(receiver, "hooks.example.com", "https"), HERE, BODY, {})
        assert (answer.status, answer.reason, receiver.received) == (None, "tls_failed", [])


def test_a_handshake_that_never_ends_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = Target("https", "hooks.example.com", silent.getsockname()[1], "/")
        start = time.monotonic()
        answer = post(target, HERE, BODY, {}, total_s=0.6)
        assert (answer.status, answer.reason) == (None, "timeout")
        assert time.monotonic() - start < 1.5
