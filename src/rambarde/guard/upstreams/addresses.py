"""Which network addresses a fetch may connect to: public ones, and those the operator names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA special-purpose registries (RFC 6890 and its updates), written out: what the standard library calls
# "global" has changed between Python's patch releases.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(n)
    for n in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_UNICAST_6 = IPv6Network("2000::/3")
"""Everything outside is loopback, local, multicast, IPv4-mapped, NAT64 (64:ff9b::/96) or unassigned."""
_NOT_PUBLIC_6 = tuple(
    IPv6Network(n)
    for n in (
        "2001::/23",  # protocol assignments, with Teredo
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address inside
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_METADATA = frozenset(
    ip_address(a)
    for a in (
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # container credentials on AWS
        "169.254.170.23",
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure, in public space
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",
        "fd20:ce::254",  # Google Cloud
    )
)
"""Instance metadata services hand out credentials: never allowed, not even by name."""
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def is_public(address: Address) -> bool:
    """Whether the address is globally reachable unicast, and no metadata service."""
    if address in _METADATA:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _GLOBAL_UNICAST_6 and not any(address in network for network in _NOT_PUBLIC_6)


def is_metadata(address: Address) -> bool:
    """Whether the address, or an IPv4 address embedded in it, is a known metadata service."""
    if address in _METADATA:
        return True
    if isinstance(address, IPv4Address):
        return False
    inside = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inside is None and any(address in network for network in _NAT64):
        inside = IPv4Address(int(address) & 0xFFFFFFFF)
    return inside in _METADATA


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an operator allows beyond public addresses on the usual ports.

    `hosts` are lower-case names or literal addresses, trusted with any address and any port. `networks` count
    as public. `ports` are the ports of hosts not named. Metadata services stay forbidden throughout.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({80, 443})

    @classmethod
    def of(cls, hosts: Iterable[str], networks: Iterable[str], ports: Iterable[int]) -> Allowance:
        """From settings. Raises `ValueError` for a network that is none, such as one with host bits set."""
        named = frozenset(h.strip().strip("[]").rstrip(".").lower() for h in hosts)
        return cls(named, tuple(ip_network(n) for n in networks), frozenset(ports))

    def port(self, host: str, port: int) -> bool:
        return port in self.ports or host in self.hosts

    def address(self, host: str, address: Address) -> bool:
        """Whether a connection to `address`, which `host` resolved to, is allowed."""
        if is_metadata(address):
            return False
        return is_public(address) or host in self.hosts or any(address in n for n in self.networks)


def parse(text: str) -> Address:
    """A literal address. Raises `ValueError` if it is none, or has a zone (`%eth0`): that is never public."""
    if "%" in text:
        raise ValueError("an address with a zone")
    return ip_address(text)


def literal(host: str) -> Address | None:
    """The address a URL's host is, in its one canonical spelling, or None for a name.

    Raises `ValueError` for what is neither: a host that ends in a number is an address to some parsers
    (127.1, 0x7f.1, 017700000001, 2130706433), so only four plain decimal numbers pass.
    """
    if ":" in host:
        return parse(host)
    last = host.rstrip(".").rpartition(".")[2]
    if last.isdigit() or last[:2] in ("0x", "0X"):
        return IPv4Address(host)
    return None
