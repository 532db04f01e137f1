"""The documented nginx in front of a server: TLS, streamed uploads, limits, and nothing of the operator's outside."""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.places import ROOT
from tests.service_servers import TestService

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
DEPLOY = ROOT / "docs" / "deploy"

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx to test with: apt-get install nginx-light")


def make_certificate(folder: Path) -> None:
    """Write a certificate of loopback, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")]), datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), None)
    made = (
        made.not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    (folder / "certificate.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture
def proxy(sqlite_service: TestService, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of an nginx with the documented configuration before a server; only places are replaced."""
    folder = tmp_path / "nginx"
    (folder / "tls").mkdir(parents=True)
    folder.chmod(0o711)
    make_certificate(folder / "tls")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (DEPLOY / "nginx.conf").read_text()
    for here, there in (
        ("/tmp/", f"{folder}/"),
        ("server server:8080;", f"server {sqlite_service.url.removeprefix('http://')};"),
        ("listen 8443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/nginx/tls/", f"{folder}/tls/"),
        ("/dev/stdout", f"{folder}/access.log"),
        ("client_max_body_size 1010m;", "client_max_body_size 40m;"),
        ("worker_processes auto;", f"worker_processes 1; user {'root' if os.getuid() == 0 else 'nobody'};"),
    ):
        assert here in text, here
        text = text.replace(here, there)
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    assert NGINX is not None
    process = subprocess.Popen(
        [NGINX, "-p", folder, "-c", configuration, "-g", "daemon off;"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert process.poll() is None, process.stderr.read()
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def client(service: TestService, proxy: str, tmp_path: Path) -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(tmp_path / "nginx" / "tls" / "certificate.pem"))
    headers = {"Authorization": f"Bearer {service.key('main')}", "Content-Type": "application/octet-stream"}
    return httpx.Client(base_url=proxy, verify=trust, headers=headers, timeout=60)


def test_the_key_goes_through_and_operator_pages_stay_inside(
    sqlite_service: TestService, proxy: str, tmp_path: Path
) -> None:
    with client(sqlite_service, proxy, tmp_path) as caller:
        answer = caller.get("/v1/scans", params={"reference": "unreleased"})
        assert (answer.status_code, answer.json()["items"]) == (200, [])
        assert "nginx/" not in str(answer.headers)
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert caller.get("/openapi.json").status_code == 200
        for path in ("/metrics", "/metrics/", "//metrics", "/%6detrics", "/v1/../metrics", "/health", "/ready"):
            answer = caller.get(f"{proxy}{path}")  # whole: "//metrics" alone would name a host
            assert answer.status_code == 404, path
            assert "sourceprint_" not in answer.text
        assert caller.request("TRACE", "/v1/scans").status_code == 405
        assert caller.get("/v1/scans", headers={"Authorization": "Bearer no"}).status_code == 401
    assert httpx.get(f"{sqlite_service.url}/metrics").status_code == 200
    host, port = proxy.removeprefix("https://").split(":")
    assert httpx.get(f"http://{host}:{port}/v1/scans").status_code == 400
    logged = (tmp_path / "nginx" / "access.log").read_text()
    assert '"path":"/v1/scans","status":200' in logged
    assert "unreleased" not in logged
    assert "Bearer" not in logged


def test_an_upload_reaches_the_server_while_it_is_sent(sqlite_service: TestService, proxy: str, tmp_path: Path) -> None:
    uploads = sqlite_service.server.folder.uploads
    arrived: list[int] = []

    def body() -> Iterator[bytes]:
        for _ in range(16):
            yield bytes(1 << 20)
        deadline = time.monotonic() + 30
        while not arrived and time.monotonic() < deadline:
            arrived.extend(path.stat().st_size for path in uploads.iterdir() if path.stat().st_size > 8 << 20)
            time.sleep(0.02)
        for _ in range(16):
            yield bytes(1 << 20)

    with client(sqlite_service, proxy, tmp_path) as caller:
        sent = caller.post("/v1/scans", params={"name": "x.wav"}, content=body())
        assert sent.status_code == 202, sent.text
        assert arrived
        assert [path.stat().st_size for path in uploads.iterdir()] == [32 << 20]
        assert not any((tmp_path / "nginx" / "body").iterdir())
        too_large = caller.post("/v1/scans", content=bytes(41 << 20))
        assert too_large.status_code == 413


def test_a_refused_caller_is_named_by_the_address_that_the_proxy_saw() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    assert "$proxy_add_x_forwarded_for" not in text
