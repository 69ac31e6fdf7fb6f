"""The turnstile: how often one address may pass where nobody shows a key."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request

from rambarde.nouns.fault import Fault, Kind

MOST = 50_000
"""Addresses remembered; beyond it, those that came least lately are forgotten."""


class Turnstile:
    """Lets each address pass `per_minute` times a minute, and as many at once (token bucket).

    Addresses are kept in memory only, and of IPv6 the first 64 bits: whoever has one has them all. Behind a proxy,
    the address is the one that the proxy names, if the server trusts it (`FORWARDED_ALLOW_IPS`). The limit is this
    gateway's own: with several gateways, each counts for itself.
    """

    def __init__(
        self, per_minute: int, *, monotonic: Callable[[], float] = time.monotonic, most: int = MOST
    ) -> None:
        self._rate = per_minute / 60
        self._burst = float(per_minute)
        self._monotonic = monotonic
        self._most = most
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def pass_(self, request: Request) -> None:
        """Count one visit. Raises `Fault` RATE_LIMITED with the seconds to wait."""
        who, now = _address(request), self._monotonic()
        left, at = self._seen.pop(who, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        passes = left >= 1
        self._seen[who] = (left - 1 if passes else left, now)
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)
        if not passes:
            raise Fault(
                Kind.RATE_LIMITED,
                "address_rate_limited",
                "Too many requests came from your address.",
                remedy="Wait a little and try again.",
                retry_after=math.ceil((1 - left) / self._rate),
            )


def _address(request: Request) -> str:
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 6 and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
