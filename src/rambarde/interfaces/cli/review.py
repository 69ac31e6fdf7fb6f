"""`rambarde review`: a named person decides what was held and what was appealed against."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.desk import Desk, recording
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.appeal import Attachment
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.review import Judgement, Verdict
from rambarde.respond.review import Shown, Waiting

app = typer.Typer(help="Held images and appeals: what waits for a person.", no_args_is_help=True)

T = TypeVar("T")


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="Most of each kind; the oldest come first.")
    ] = 100,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """List what waits, the oldest first, with how long it has waited and when it expires."""
    chosen = settings(config, data=data)
    with _vault(chosen) as vault:
        now = vault.database.clock()
        found = asyncio.run(Desk.of(vault, chosen, None).review.waiting(limit))
    if json:
        for one in found:
            print_json(_facts(one, now))
        return
    table = Table("id", "type", "waits", "expires in", "rules", "content")
    for one in found:
        table.add_row(
            one.id,
            one.matter.value,
            _span(now - one.created_at),
            _span(one.expires_at - now),
            ", ".join(one.rules),
            _content(one),
        )
    Console().print(table)


@app.command()
def show(
    id: str,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the picture there, decrypted; never over a file that exists."),
    ] = None,
    picture: Annotated[
        int, typer.Option("--picture", min=1, help="Which picture of an appeal, counted from 1.")
    ] = 1,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show the facts to decide on. A picture is shown to nobody who has not asked for it with --out."""
    chosen = settings(config, data=data)
    with _vault(chosen) as vault:
        review = Desk.of(vault, chosen, None).review
        now = vault.database.clock()

        async def both() -> tuple[Shown, Attachment | None]:
            return await review.show(id), await review.picture(id, picture - 1) if out else None

        shown, attached = asyncio.run(both())
    if out is not None and attached is not None:
        _write(out, attached.data)
    facts = _facts(shown.waiting, now) | {
        "words": {name: _encodable(text) for name, text in shown.words.items()},
        "decision": _decision(shown),
        "request": {
            name: shown.record.get(name) for name in ("surface", "mode", "country", "action", "route")
        },
    }
    if attached is not None:
        facts |= {"out": str(out), "media_type": attached.media_type}
    if json:
        print_json(facts)
        return
    for name, value in facts.items():
        for line, text in _lines(name, value):
            # Words of strangers: no control sequence of theirs may reach the terminal.
            Console(soft_wrap=True).print(Text(f"{line:20} {_visible(text)}"))


@app.command()
def decide(
    id: str,
    by: Annotated[str, typer.Option("--by", help="Your name.")],
    reason: Annotated[str, typer.Option("--reason", help="Why. Who appealed is shown it.")],
    release: Annotated[bool, typer.Option("--release", help="Held image: release it as a file.")] = False,
    destroy: Annotated[bool, typer.Option("--destroy", help="Held image: erase it at once.")] = False,
    uphold: Annotated[bool, typer.Option("--uphold", help="Appeal: it is right.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Appeal: it is not.")] = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Decide. It is in the log before it takes effect, with your name and reason; the first decision stands."""
    given = {
        Verdict.RELEASE: release,
        Verdict.DESTROY: destroy,
        Verdict.UPHELD: uphold,
        Verdict.REJECTED: reject,
    }
    chosen_verdicts = [verdict for verdict, flag in given.items() if flag]
    if len(chosen_verdicts) != 1:
        raise invalid(
            "one_verdict",
            "A decision is one of four.",
            remedy="Give --release or --destroy for a held image, --uphold or --reject for an appeal.",
        )
    chosen = settings(config, data=data)

    async def decided(desk: Desk) -> tuple[Judgement, dict[str, object]]:
        judgement = await desk.review.decide(id, chosen_verdicts[0], person=by, reason=reason)
        status = await desk.review.status(id)
        if status is None or status.file is None or status.until is None:
            return judgement, {}
        return judgement, {"file": status.file, "file_expires_at": status.until.isoformat()}

    judgement, file = _with_log(chosen, decided)
    shown = {
        "id": judgement.subject,
        "type": judgement.matter.value,
        "decision_id": judgement.record,
        "index": judgement.index,
        "outcome": judgement.verdict.value,
        "by": judgement.person,
        "reason": judgement.reason,
        "decided_at": judgement.decided_at.isoformat(),
    } | file
    if json:
        print_json(shown)
        return
    typer.echo(f"{judgement.verdict.value}: {judgement.subject}, in the log as decided by {_visible(by)}.")


def _facts(one: Waiting, now: datetime) -> dict[str, object]:
    return {
        "id": one.id,
        "type": one.matter.value,
        "decision_id": one.record,
        "index": one.index,
        "rules": list(one.rules),
        "created_at": one.created_at.isoformat(),
        "age_seconds": round((now - one.created_at).total_seconds()),
        "expires_at": one.expires_at.isoformat(),
        "expires_in_seconds": round((one.expires_at - now).total_seconds()),
        "opened": one.opened,
        "pictures": one.pictures,
    }


def _decision(shown: Shown) -> Any:
    """The decision in question as the record has it: the held image's own, or the one that refused."""
    outputs = shown.record.get("outputs")
    of_outputs = [o for o in outputs if isinstance(o, dict)] if isinstance(outputs, list) else []
    if shown.waiting.index is not None:
        return next((o["decision"] for o in of_outputs if o["index"] == shown.waiting.index), None)
    admit = shown.record.get("admit")
    if isinstance(admit, dict) and admit.get("outcome") != "allow":
        return admit
    return next((o["decision"] for o in of_outputs if o["decision"]["outcome"] != "allow"), admit)


def _lines(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, one in value.items():
            yield from _lines(f"{name}.{inner}", one)
    elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
        for number, one in enumerate(value):
            yield from _lines(f"{name}.{number}", one)
    elif isinstance(value, list):
        yield name, ", ".join(str(one) for one in value)
    elif value is not None:
        yield name, str(value)


def _content(one: Waiting) -> str:
    if one.opened is None:
        return ""
    pictures = f", {one.pictures} pictures" if one.pictures else ""
    return ("the request's own" if one.opened else "not shown to be the request's") + pictures


def _span(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds())) // 60
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _write(path: Path, data: bytes) -> None:
    try:
        # Only the owner may read it, and neither a file nor a link that stands there is followed.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Fault(
            Kind.CONFLICT, "file_exists", f"{path} exists.", remedy="Name another file.", field="out"
        ) from error
    except OSError as error:
        raise invalid(
            "file_unwritable", f"{path}: {error.strerror}.", remedy="Check the folder.", field="out"
        ) from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _with_log(chosen: Settings, work: Callable[[Desk], Coroutine[Any, Any, T]]) -> T:
    with _vault(chosen) as vault, recording(vault) as recorder:
        return asyncio.run(work(Desk.of(vault, chosen, recorder)))


@contextmanager
def _vault(chosen: Settings) -> Iterator[Vault]:
    vault = Vault.open(chosen)
    try:
        yield vault
    finally:
        vault.close()
