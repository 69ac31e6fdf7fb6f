"""`rambarde bank`: pictures that are known, and what people decided on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rambarde.guard.banks.bank import Bank, hash_of
from rambarde.guard.banks.entry import OWN, Decision, Entry, Kind, stamp
from rambarde.guard.banks.file import Head, held, replace
from rambarde.guard.media.decode import decode
from rambarde.guard.media.index import LARGEST_RADIUS, HashIndex
from rambarde.guard.media.pdq import GOOD_QUALITY, dihedral, pdq
from rambarde.interfaces.cli.options import Config, Json, print_json, settings
from rambarde.nouns.fault import Fault, invalid
from rambarde.nouns.fault import Kind as Cause

app = typer.Typer(help="Banks of known pictures: hashes, and who decided on them.", no_args_is_help=True)

Which = Annotated[Path | None, typer.Option("--bank", help="The bank's file; default: `known_bank`.")]
By = Annotated[str, typer.Option("--by", help="Who decided: a person's name.")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]
Restore = Annotated[bool, typer.Option("--restore", help="Even if it was removed before.")]
Subject = Annotated[str, typer.Argument(help="64 hex digits, or a picture's path.", metavar="HASH")]


@app.command()
def show(
    hash: Annotated[
        str | None, typer.Argument(help="What is near this: 64 hex digits, or a picture.")
    ] = None,
    bank: Which = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show what a bank holds; or, of one hash or picture, every entry within 31 bits in any orientation."""
    path = chosen(bank, config)
    found = opened(path)
    told: dict[str, Any] = summary(path, found)
    if hash is None:
        if json:
            print_json(told)
            return
        for name, value in told.items():
            typer.echo(f"{name:10} {_plain(value)}")
        return
    near = [_told(value, found.entries[value], bits) for bits, value in _near(found, hash)]
    if json:
        print_json({"bank": str(path), "near": near})
        return
    table = Table("bits", "hash", "kind", "source", "by", "at", "reason")
    for one in near:
        table.add_row(*(str(one[name]) for name in ("bits", "hash", "kind", "source", "by", "at", "reason")))
    Console(width=200).print(table)


@app.command()
def add(
    hash: Subject,
    by: By,
    reason: Reason,
    restore: Restore = False,
    bank: Which = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Block a picture, and what is within 31 bits of it."""
    _decide(hash, Kind.BLOCK, by, reason, restore, chosen(bank, config), json)


@app.command()
def negative(
    hash: Subject,
    by: By,
    reason: Reason,
    restore: Restore = False,
    bank: Which = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Let a picture through that is matched wrongly: where it is nearer to this than to what is blocked."""
    _decide(hash, Kind.NEGATIVE, by, reason, restore, chosen(bank, config), json)


@app.command()
def remove(
    hash: Annotated[str, typer.Argument(help="64 hex digits, as `show` prints them.")],
    by: By,
    reason: Reason,
    bank: Which = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Remove an entry; a tombstone stays, so that no import and no exchange brings it back."""
    path, value = chosen(bank, config), hash_of(hash)
    decision = decided(OWN, by, reason)
    changed(path, lambda old: old.removed(value, decision), json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Hashes, 64 hex digits a line; # begins a comment.")],
    source: Annotated[str, typer.Option("--source", help="Whose decision it is: own, or an organisation.")],
    by: By,
    reason: Reason,
    max_age: Annotated[
        float | None, typer.Option("--max-age", help="Hours after which the bank is stale; 0: never.")
    ] = None,
    bank: Which = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Block every hash of a list. All of it or nothing; what was removed stays removed."""
    path, decision = chosen(bank, config), decided(source, by, reason)
    entries = {value: Entry(Kind.BLOCK, decision) for value in _listed(file)}

    def take(old: Bank) -> Bank:
        new, came = old.merged(entries)
        _say(came, json)
        return _aged(new, old, max_age, decision.at)

    changed(path, take, json)


@app.command()
def merge(
    others: Annotated[list[Path], typer.Argument(help="Bank files whose entries are taken over.")],
    bank: Which = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Take over the entries of other banks, with their decisions; where two disagree, the rule of the bank decides."""
    path = chosen(bank, config)
    banks = [opened(other) for other in others]

    def take(old: Bank) -> Bank:
        for other in banks:
            old, came = old.merged(other.entries)
            _say(came, json)
        return old

    changed(path, take, json)


@app.command()
def export(
    kind: Annotated[Kind, typer.Option("--kind", help="Which entries.")] = Kind.BLOCK,
    bank: Which = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Print hashes, one a line; with --json each with its decision."""
    for value, entry in opened(chosen(bank, config)).entries.items():
        if entry.kind is kind and json:
            print_json(_told(value, entry))
        elif entry.kind is kind:
            typer.echo(value.hex())


@app.command()
def verify(
    banks: Annotated[
        list[Path] | None, typer.Argument(help="Bank files; default: all that the settings name.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Check that banks are whole and not stale. Exit status 1 if one is not."""
    given = settings(config)
    paths = banks or [Path(p) for p in (given.known_bank, *given.known_feeds) if p]
    bad = False
    for path in paths:
        try:
            told = summary(path, opened(path)) | {"error": None}
        except Fault as fault:
            told = {"bank": str(path), "error": fault.message}
        wrong = told["error"] or (f"stale: {told['stale']}" if told["stale"] else "")
        bad = bad or bool(wrong)
        if json:
            print_json(told)
        else:
            typer.echo(
                f"{path}: {wrong or 'ok, version ' + told['version'] + ', ' + _plain(told['entries'])}"
            )
    if bad:
        raise typer.Exit(1)
    if not paths and not json:
        typer.echo("no bank is configured.")


def chosen(bank: Path | None, config: Path | None) -> Path:
    """The bank to work on. Raises `Fault` `bank_unnamed`."""
    own = settings(config).known_bank
    if bank is None and not own:
        raise invalid(
            "bank_unnamed",
            "Neither --bank nor the setting `known_bank` names a bank.",
            remedy="Give --bank FILE, or set `known_bank` in rambarde.toml.",
            field="bank",
        )
    return bank or Path(own)


def opened(path: Path) -> Bank:
    """Raises `Fault`: `bank_unreadable`, `bank_invalid`."""
    with faults(path):
        return Bank.read(path)


def changed(path: Path, change: Callable[[Bank], Bank], json: bool) -> None:
    """Read, change and replace a bank, alone with it; a new one is made where there is none."""
    with faults(path), held(path):
        old = Bank.read(path) if path.exists() else Bank(Head("0"))
        new = change(old)
        if new is not old:
            replace(path, new.dump())
    told = summary(path, opened(path)) if path.exists() else {"version": "0", "entries": {}}
    if json:
        print_json(told)
    else:
        typer.echo(f"{path}: version {told['version']}, {_plain(told['entries'])}")


def decided(source: str, by: str, reason: str) -> Decision:
    """A decision taken now. Raises `Fault` `bank_decision_invalid`."""
    try:
        return Decision(source, by, datetime.now(UTC).replace(microsecond=0), reason)
    except ValueError as error:
        raise invalid(
            "bank_decision_invalid", f"{error}.", remedy="Every entry says who decided, and why."
        ) from None


def summary(path: Path, bank: Bank) -> dict[str, Any]:
    head = bank.head
    return {
        "bank": str(path),
        "version": head.version,
        "digest": bank.digest,
        "previous": head.previous or None,
        "entries": bank.counts(),
        "sources": bank.sources(),
        "as_of": stamp(head.as_of) if head.as_of else None,
        "max_age": head.max_age / timedelta(hours=1) if head.max_age else None,
        "stale": bank.stale(datetime.now(UTC)),
        "feed": head.state.get("feed"),
        "unusable": head.state.get("unusable", {}),
    }


def _decide(subject: str, kind: Kind, by: str, reason: str, restore: bool, path: Path, json: bool) -> None:
    decision, value = decided(OWN, by, reason), _hash(subject)
    changed(path, lambda old: old.decided(value, kind, decision, restore=restore), json)


def _hash(subject: str) -> bytes:
    """Of 64 hex digits or a picture. Raises `Fault`: `image_unreadable`, `bank_picture_plain`, and of decoding."""
    if not Path(subject).exists():
        return hash_of(subject)
    found = pdq(decode(_picture(subject)))
    if found.quality < GOOD_QUALITY:
        raise invalid(
            "bank_picture_plain",
            "There is too little to see in the picture: its hash would match other plain ones.",
            remedy="Give a picture with more structure.",
            field="hash",
        )
    return found.bits


def _picture(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise invalid(
            "image_unreadable", f"{error.strerror}.", remedy="Check the path.", field="hash"
        ) from error


def _near(bank: Bank, subject: str) -> list[tuple[int, bytes]]:
    hashes = list(bank.entries)
    index = HashIndex(hashes)
    queries = [one.bits for one in dihedral(decode(_picture(subject)))] if Path(subject).exists() else []
    found: dict[bytes, int] = {}
    for query in queries or [hash_of(subject)]:
        for number, bits in index.within(query, LARGEST_RADIUS):
            found[hashes[number]] = min(bits, found.get(hashes[number], bits))
    return sorted((bits, value) for value, bits in found.items())


def _listed(file: Path) -> Iterator[bytes]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise invalid(
            "bank_list_unreadable", f"{file}: {type(error).__name__}.", remedy="Check the path.", field="file"
        ) from None
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            try:
                yield hash_of(text)
            except Fault as fault:
                fault.message = f"Line {number}: {fault.message}"
                raise


def _aged(new: Bank, old: Bank, max_age: float | None, at: datetime) -> Bank:
    """The bank as of now, with another greatest age where one is given."""
    head: dict[str, Any] = {"as_of": at}
    if max_age is not None:
        try:
            head["max_age"] = timedelta(hours=max_age) if max_age else None
        except OverflowError:
            head["max_age"] = timedelta.max
    return (new if new is not old else old.changed({})).as_of(**head)


def _told(value: bytes, entry: Entry, bits: int | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"hash": value.hex(), "kind": entry.kind.value} | entry.decision.as_json()
    if entry.added is not None:
        told["added"] = entry.added.as_json()
    if entry.references:
        told["references"] = entry.references
    return told if bits is None else {"bits": bits} | told


def _say(came: Any, json: bool) -> None:
    if not json:
        typer.echo(
            f"{came.added} added, {came.changed} changed, {came.kept} were there, {came.kept_out} stay removed."
        )


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {name}" for name, count in value.items()) or "none"
    return "–" if value is None else str(value)


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """What reading and writing a bank raises, as `Fault`: `bank_unreadable`, `bank_invalid`."""
    try:
        yield
    except OSError as error:
        raise invalid(
            "bank_unreadable",
            f"{path}: {error.strerror or type(error).__name__}.",
            remedy="Check the path and its access.",
            field="bank",
        ) from error
    except ValueError as error:
        raise Fault(
            Cause.INVALID,
            "bank_invalid",
            f"{path}: {error}.",
            remedy="Put a copy that is whole in its place; nothing was changed.",
            field="bank",
        ) from error
