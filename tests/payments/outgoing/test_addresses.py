"""What may be a target, spelling by spelling and address by address."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments.outgoing.addresses import Target, TargetRefused, is_public, read_target

PUBLIC = ("1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1")
PUBLIC_6 = ("2606:4700:4700::1111", "2a00:1450:4001:80e::200e", "2400:cb00::1")
CLOSED = (
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
)
CLOSED_6 = (
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
)


@pytest.mark.parametrize("text", PUBLIC + PUBLIC_6)
def test_public_addresses_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", CLOSED + CLOSED_6)
def test_what_is_near_or_special_is_not(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@given(st.ip_addresses())
@example(ipaddress.ip_address("64:ff9b::a9fe:a9fe"))
def test_whatever_python_knows_as_special_is_never_public(address: ipaddress.IPv4Address) -> None:
    special = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )
    assert not (special and is_public(address))


@given(st.ip_addresses(v=4))
def test_no_spelling_of_an_ipv4_address_inside_an_ipv6_one_is_public(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    for prefix in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::"):
        assert not is_public(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + number))
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) + (number << 80) + 1))


@pytest.mark.parametrize("host", CLOSED)
def test_a_near_address_is_refused_as_a_literal(host: str) -> None:
    with pytest.raises(TargetRefused, match="private_address"):
        read_target(f"https://{host}/", https_only=True)


@pytest.mark.parametrize("host", [host for host in CLOSED_6 if "%" not in host])
def test_a_near_ipv6_address_is_refused_as_a_literal(host: str) -> None:
    with pytest.raises(TargetRefused):
        read_target(f"https://[{host}]/", https_only=True)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://2130706433/", "host"),
        ("https://0x7f000001/", "host"),
        ("https://0x7f.0.0.1/", "host"),
        ("https://0177.0.0.1/", "host"),
        ("https://127.1/", "host"),
        ("https://127.0.0.1./", "host"),
        ("https://127.0.0.0x1/", "host"),
        ("https://hooks.example.com./", "host"),
        ("https://localhost/", "host"),
        ("https://intranet/", "host"),
        ("https:///path", "host"),
        ("https://exa$mple.com/", "host"),
        ("https://-a.example.com/", "host"),
        (f"https://{'a' * 64}.example.com/", "host"),
        ("https://%31%32%37.0.0.1/", "host"),
        ("https://[::1", "malformed"),
        ("https://[hooks.example.com]/", "malformed"),
        ("https://[v1.example]/", "malformed"),
        ("https://[fe80::1%25eth0]/", "private_address"),
        ("https://user@hooks.example.com/", "user_info"),
        ("https://hooks.example.com:x@127.0.0.1/", "user_info"),
        ("https://hooks.example.com@127.0.0.1/", "user_info"),
        ("https://@hooks.example.com/", "user_info"),
        ("file:///etc/passwd", "scheme"),
        ("ftp://hooks.example.com/", "scheme"),
        ("gopher://hooks.example.com/", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("//hooks.example.com/", "scheme"),
        ("hooks.example.com", "scheme"),
        ("", "malformed"),
        ("https://hooks.example.com/#a", "fragment"),
        ("https://hooks.example.com:22/", "port"),
        ("https://hooks.example.com:25/", "port"),
        ("https://hooks.example.com:80/", "port"),
        ("https://hooks.example.com:0/", "port"),
        ("https://hooks.example.com:1023/", "port"),
        ("https://hooks.example.com:65536/", "malformed"),
        ("https://hooks.example.com:x/", "malformed"),
        ("https://hooks.example.com\\@127.0.0.1/", "malformed"),
        ("https://hooks.example.com/\r\nHost: evil", "malformed"),
        ("https://hooks.example.com/ a", "malformed"),
        ("https://①②⑦.0.0.1/", "malformed"),
        ("https://bücher.example/", "malformed"),
        (f"https://hooks.example.com/{'a' * 500}", "malformed"),
        ("http://hooks.example.com/", "not_https"),
    ],
)
def test_a_refused_target_says_why(url: str, code: str) -> None:
    with pytest.raises(TargetRefused) as refusal:
        read_target(url, https_only=True)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://hooks.example.com", Target("https", "hooks.example.com", 443, "/"), "hooks.example.com"),
        (
            "HTTPS://Hooks.Example.com:8443/a?b=c",
            Target("https", "hooks.example.com", 8443, "/a?b=c"),
            "hooks.example.com:8443",
        ),
        ("http://hooks.example.com:1024/a", Target("http", "hooks.example.com", 1024, "/a"), "hooks.example.com:1024"),
        ("http://8.8.8.8:80?a", Target("http", "8.8.8.8", 80, "/?a"), "8.8.8.8"),
        (
            "https://[2606:4700::1]:8443/",
            Target("https", "2606:4700::1", 8443, "/"),
            "[2606:4700::1]:8443",
        ),
        ("https://xn--bcher-kva.example/", Target("https", "xn--bcher-kva.example", 443, "/"), "xn--bcher-kva.example"),
    ],
)
def test_a_public_target_is_read_once(url: str, target: Target, authority: str) -> None:
    read = read_target(url, https_only=False)
    assert (read, read.authority) == (target, authority)


def test_a_private_host_is_allowed_by_its_exact_spelling_alone() -> None:
    private = ["127.0.0.1", "localhost"]
    for host in private:
        assert read_target(f"http://{host}:8080/", https_only=False, private_hosts=private).host == host
    for host in ("127.0.0.2", "127.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1"):
        with pytest.raises(TargetRefused):
            read_target(f"http://{host}:8080/", https_only=False, private_hosts=private)


@given(st.text(max_size=80) | st.from_regex(r"https?://[\w@:.%\[\]\\/?#-]{0,40}", fullmatch=True))
def test_any_text_is_either_a_public_target_or_refused(text: str) -> None:
    try:
        target = read_target(text, https_only=False)
    except TargetRefused:
        return
    assert target.scheme in ("http", "https")
    assert target.port in (80, 443) or target.port >= 1024
    try:
        address = ipaddress.ip_address(target.host)
    except ValueError:
        assert "." in target.host
        assert target.host.rpartition(".")[2][0].isalpha()
    else:
        assert is_public(address)
