"""Settings: one frozen object, from `rambarde.toml` and the command line; nothing is global."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from rambarde.nouns.fault import Fault, Kind

FILE = "rambarde.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default. `docs/settings.md` explains each; a test holds the two together."""

    data: str = "rambarde-data"
    """Folder of the database, the keys and the log."""
    database: str = ""
    """SQLAlchemy URL of a PostgreSQL database; empty: SQLite in `data`."""
    host: str = "127.0.0.1"
    port: int = 8400
    public_url: str = ""
    """Address that callers see, for links in answers; empty: `http://host:port`."""
    upstream: str = "sketch"
    """Name of the generator's adapter."""
    upstream_url: str = ""
    """Base URL of an OpenAI-compatible generator, ending in `/v1`."""
    upstream_model: str = ""
    """Model to ask for where the caller names none; empty: none is sent."""
    upstream_key_file: str = ""
    """File that holds the generator's API key; empty: environment variable `RAMBARDE_UPSTREAM_KEY`."""
    upstream_hosts: tuple[str, ...] = ()
    """Internal hosts from which the generator's `url` answers may be fetched."""
    upstream_fallbacks: tuple[str, ...] = ()
    """Generators that are asked, in this order, where the first cannot answer: `NAME [URL] [model=…] [key_file=…]`."""
    upstream_retries: int = 0
    """How often a generator that is busy or cannot be reached is asked again."""
    upstream_budget: int = 0
    """Images an hour of each generator, as this gateway counts them; 0: no limit."""
    policy: str = ""
    """Policy file; empty: the shipped policy."""
    known_bank: str = ""
    """Bank of pictures that your own people blocked, which `rambarde bank` changes; empty: none."""
    known_feeds: tuple[str, ...] = ()
    """Further banks, of exchanges: files that `rambarde bank fetch` keeps current."""
    protected_people: str = ""
    """Register of protected people, .jsonl or .csv (docs/detectors.md shows its form); empty: nobody."""
    fictional_names: str = ""
    """Names of invented characters, in the same form; changes the digest that a policy must pin; empty: none."""
    witnesses: tuple[str, ...] = ()
    """Who cosigns the log's checkpoints: each a witness's key, a space and its address; empty: nobody."""
    witness_seconds: float = 60.0
    """How often they are asked."""
    rate_per_minute: int = 600
    """Requests a minute of a credential that has no limit of its own."""
    workers: int = -1
    """Processes that decode and look at pictures; 0: none, in this process; -1: one for each core."""
    in_flight: int = 64
    """Requests on the path at once; more are refused before generation."""
    generate_seconds: float = 120.0
    """The generator's deadline."""
    record_days: float = 0.0
    """How old a record may grow before retention erases it; 0: it is kept until somebody erases it."""
    original_hours: float = 24.0
    """How long the picture that an edit chain started from is kept; after that, edits of body or clothing are held."""
    earlier_hours: float = 24.0
    """How long it is remembered how a refused request's words were judged, at most."""
    lineage_days: float = 30.0
    """How long originals and outputs of edit chains are recognised, after they were last seen."""
    appeal_days: float = 90.0
    """How long an appeal is kept."""
    answer_minutes: float = 10.0
    """How long an idempotency key counts, and the first answer to it is kept."""
    hold_days: float = 7.0
    """How long a held image waits for a person; at most 7."""
    file_minutes: float = 60.0
    """How long the URL of a released image lives."""
    provider: str = ""
    """Who answers for the system, as every image says; empty: the host of `public_url`."""
    system: str = ""
    """The generator's name, as every image says; empty: the upstream's."""
    system_version: str = "unstated"
    """The generator's version, as every image says."""
    provenance_chain: str = ""
    """Certificate chain (PEM) that images are signed with; empty: `provenance.pem` in `data`."""
    provenance_key: str = ""
    """Its private key (PEM); empty: in the same file as the chain."""
    timestamp_authority: str = ""
    """URL of a time-stamp authority (RFC 3161) asked at each signing; empty: none."""

    evidence_store: str = ""
    """Where evidence lies: a folder, or `s3://bucket/prefix`; empty: the folder `evidence` in `data`."""
    fingerprint_days: float = 1826.0
    """How long a released image can be traced by its fingerprints; they tell nothing of who asked."""
    trace_per_minute: int = 12
    """Pictures a minute that one address may trace on the public page and API."""
    recheck_share: float = 0.0
    """Share of the released images that other detectors look at again, at random; 0: none."""
    recheck: tuple[str, ...] = ()
    """What makes a re-checked image problematic: DETECTOR:SIGNAL>=NUMBER, by detectors that the policy has not."""
    monitor_baseline: float = 1.0
    """Problematic images a minute that are expected, until there are six hours of history."""
    breaker_measure: str = ""
    """Emergency measure that a rise of released harm switches on; empty: only alerts."""
    alert_webhook: str = ""
    """URL that alarms are posted to, signed with `RAMBARDE_ALERT_SECRET`; empty: none."""
    alert_smtp: str = ""
    """Mail server for alarms: `smtp://USER@HOST:PORT` (STARTTLS) or `smtps://…`; empty: none."""
    alert_from: str = ""
    """Sender of these mails."""
    alert_to: tuple[str, ...] = ()
    """Their receivers."""
    otlp_endpoint: str = ""
    """OpenTelemetry collector (OTLP over HTTP) that gets the monitor's numbers each minute; empty: none."""
    probe_targets: str = ""
    """Targets file that every switch of an emergency measure is probed by; empty: none is."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("port", 0, 65535),
            ("witness_seconds", 1, 24 * 3600),
            ("upstream_retries", 0, 10),
            ("upstream_budget", 0, 100_000_000),
            ("rate_per_minute", 1, 10_000_000),
            ("workers", -1, 256),
            ("in_flight", 1, 100_000),
            ("generate_seconds", 1, 3600),
            ("record_days", 0, 36_500),
            ("original_hours", 0.1, 168),
            ("earlier_hours", 0.1, 24),
            ("lineage_days", 1, 366),
            ("appeal_days", 1, 1_096),
            ("answer_minutes", 1, 24 * 60),
            ("hold_days", 0.01, 7),
            ("file_minutes", 0.1, 7 * 24 * 60),
            ("fingerprint_days", 1, 36_525),
            ("trace_per_minute", 1, 100_000),
            ("recheck_share", 0, 1),
            ("monitor_baseline", 0.01, 10_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise _fault(f"`{name}` is {value}.", f"Give a number from {low} to {high}.", name)

        for name in ("provider", "system", "system_version"):
            value = getattr(self, name)
            if len(value) > 200 or not value.isprintable():
                raise _fault(f"`{name}` is no name.", "Give one line of at most 200 characters.", name)
        if self.provenance_key and not self.provenance_chain:
            raise _fault(
                "`provenance_key` stands alone.", "Name its chain in `provenance_chain`.", "provenance_chain"
            )
        if self.timestamp_authority and not self.timestamp_authority.startswith(("http://", "https://")):
            raise _fault(
                "`timestamp_authority` is no URL.", "Begin with http:// or https://.", "timestamp_authority"
            )
        if self.database and "://" not in self.database:
            raise _fault(
                f"`database` is {self.database!r}, which is no URL.",
                "Give postgresql://user@host/name, or leave it empty for SQLite in `data`.",
                "database",
            )

    @property
    def generators(self) -> str:
        """The name under which the generator and its fallbacks are assessed and recorded, as one."""
        return "+".join(
            (self.upstream, *(line.split()[0] for line in self.upstream_fallbacks if line.split()))
        )

    @property
    def base_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


def read_settings(path: Path | None, overrides: dict[str, object]) -> Settings:
    """Settings from a TOML file (`rambarde.toml` here, if there is one) under the given overrides.

    Overrides that are None are ignored. Raises `Fault` for an unknown setting, a wrong type or a bad file.
    """
    found: dict[str, Any] = {}
    file = path or Path(FILE)
    if path is not None or file.exists():
        try:
            found = tomllib.loads(file.read_text("utf-8"))
        except OSError as error:
            raise _fault(f"{file}: {error.strerror}.", "Check the path.", None) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise _fault(f"{file}: {error}.", "Mend the file.", None) from error
    known = get_type_hints(Settings)
    for name, value in found.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            remedy = f"Did you mean `{near[0]}`?" if near else "See docs/settings.md."
            raise _fault(f"{file} has an unknown setting `{name}`.", remedy, name)
        found[name] = _typed(name, value)
    found |= {name: value for name, value in overrides.items() if value is not None}
    return Settings(**found)


def _typed(name: str, value: object) -> object:
    kind = next(f.type for f in fields(Settings) if f.name == name)
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind == "str" and isinstance(value, str):
        return value
    if kind == "tuple[str, ...]" and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise _fault(f"`{name}` has the wrong type.", f"It is a {kind}; see docs/settings.md.", name)


def _fault(message: str, remedy: str, field: str | None) -> Fault:
    return Fault(Kind.INVALID, "settings_invalid", message, remedy=remedy, field=field)
