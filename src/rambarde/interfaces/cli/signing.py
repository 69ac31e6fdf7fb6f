"""`rambarde policy key`, `sign`, `adopt`, `people`: who signs, what is signed, and what comes into force by it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rambarde.guard.policy.reading import SHIPPED, shipped
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.key import FileKey
from rambarde.guard.policy.signatures.openssh import fingerprint, print_line
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.interfaces.cli.governed import (
    Agent,
    As,
    KeyFile,
    Opened,
    Reason,
    Yes,
    answer_json,
    answered,
    confirmed,
    governed,
    listed,
    place,
    signing_key,
    tell,
    visible,
)
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.governance import account, papers
from rambarde.interfaces.governance.adoption import adopt as put_in_force
from rambarde.interfaces.governance.adoption import opened, rehearse
from rambarde.interfaces.governance.office import pending, roster_of
from rambarde.interfaces.governance.papers import Paper
from rambarde.nouns.fault import Fault

Document = Annotated[
    Path, typer.Argument(metavar="FILE", help="A people, policy, measure or assessment document.")
]


def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new key's file; never overwritten.")],
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase that locks the file.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a signer's key, and print the line that stands for it in people.yaml."""
    words: bytes | None = None
    if passphrase:
        asked = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
        words = str(asked).encode()
    made = FileKey.make(file, words)
    line = print_line(made.public, file.stem)
    if json:
        print_json({"file": str(file), "key": line, "fingerprint": fingerprint(made.public)})
        return
    typer.echo(line)
    typer.echo(f"The key is in {file}: keep it from everybody else. {fingerprint(made.public)}", err=True)


def sign(
    file: Document,
    name: As,
    key: KeyFile = None,
    agent: Agent = False,
    reason: Reason = None,
    by: Annotated[str | None, typer.Option("--by", help="Who proposes it; default: who signs first.")] = None,
    after: Annotated[
        list[Path] | None,
        typer.Option("--after", help="As if this signed document were in force; may be repeated, in order."),
    ] = None,
    yes: Yes = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say in words what would change, sign it, and say who else must. Nothing takes effect before `adopt`."""
    with governed(settings(config, data=data)) as office:
        story, _ = papers.steps(office.office, after or ())
        standing = story.standing
        paper = papers.read(office.office, file, story)
        roster = papers.signers(standing, paper.proposal)
        name = listed(name, roster)
        signed = papers.begin(office.office, paper, standing, by=by or name, reason=reason)
        if not json:
            _tell(paper, signed, standing)
        signer = signing_key(name, roster, key, agent)
        now = office.office.book.clock()
        if signed.signatures and papers.missing(signed, standing, now) is None:
            typer.echo("Enough have signed already; one more does no harm.", err=True)
        confirmed(yes)
        signed, missing = papers.countersigned(signed, standing, signer, name, now)
        papers.write(pending(file), signed)
    remedy = f"rambarde policy adopt {' '.join(str(path) for path in (*(after or ()), file))}"
    if json:
        print_json(_facts(paper, signed, standing, missing))
        return
    typer.echo(f"{visible(name)} signed {pending(file).name}.")
    if missing is None:
        typer.echo(f"complete: `{remedy}`")
    else:
        typer.echo(f"{missing.message[:1].upper()}{missing.message[1:]} {missing.remedy}")


def adopt(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Signed documents, in order.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Put signed documents in force, and wait until every gateway holds them: exit status 1 if one does not."""
    with governed(settings(config, data=data)) as office:
        standing, adopted = _adopt(office, files)
        answer = answered(office, standing.sequence)
        for trouble in rehearse(office.office, standing):
            typer.echo(f"Look at this: {trouble}", err=True)
    if json:
        print_json(
            {
                "adopted": [str(file) for file in adopted],
                "sequence": standing.sequence,
                "policy": standing.policy,
                "gateways": answer_json(answer),
            }
        )
    else:
        for file in files:
            typer.echo(f"{file} is in force{'' if file in adopted else ' already'}.")
        tell(answer)
    raise typer.Exit(0 if answer.everywhere else 1)


def people(
    yaml: Annotated[bool, typer.Option("--yaml", help="Print people.yaml, to edit.")] = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Who may sign now."""
    with governed(settings(config, data=data)) as office:
        roster, now = roster_of(office.office.book.read().standing), office.office.book.clock()
    if yaml:
        typer.echo(roster.as_yaml(), nl=False)
        return
    if json:
        people = [
            person.as_json() | {"fingerprint": person.fingerprint, "current": person.current(now)}
            for person in roster.people
        ]
        print_json({"demo": roster.demo, "people": people})
        return
    if roster.demo:
        typer.echo("DEMO: these keys are a demo's, and nobody answers for them.")
    for one in roster.people:
        ends = f", until {one.until:%Y-%m-%d}" if one.until else ""
        ends += f", revoked {one.revoked:%Y-%m-%d %H:%M} UTC" if one.revoked else ""
        may = "" if one.current(now) else ", MAY NOT SIGN NOW"
        typer.echo(f"{one.name} ({', '.join(sorted(one.roles))}) {one.fingerprint}{ends}{may}")


def starter(
    out: Annotated[Path, typer.Option("-o", "--out", help="The new file; never overwritten.")],
) -> None:
    """Write the shipped policy to a file, to edit and sign."""
    place(out, shipped(SHIPPED))
    typer.echo(f"{out}: edit it, then `rambarde policy sign {out}`")


def _adopt(office: Opened, files: list[Path]) -> tuple[Standing, list[Path]]:
    """Adopt what is not in force yet: a gateway may have taken a policy file by itself."""
    story = office.office.book.read()
    left = []
    for file in files:
        signed = papers.read_change(pending(file))
        line = story.policy_line
        if signed is None or line is None or line.entry is None or line.entry.signed != signed:
            left.append(file)
    if not left:
        return story.standing, []
    _, steps = papers.steps(office.office, left)
    with opened(office.vault) as log:
        return put_in_force(office.office, log, steps), left


def _tell(paper: Paper, signed: SignedChange, standing: Standing) -> None:
    typer.echo(paper.path.name)
    for line in account.told(signed, standing):
        typer.echo(f"  {visible(line)}")
    if paper.evidence:
        count = len(paper.evidence)
        lie = "1 evaluation lies" if count == 1 else f"{count} evaluations lie"
        typer.echo(f"  {lie} beside it, with the digest{'s' if count > 1 else ''} it names")
    for digest in paper.unseen:
        typer.echo(f"  NOT SEEN: the evaluation {digest}, of which no file is named")


def _facts(
    paper: Paper, signed: SignedChange, standing: Standing, missing: Fault | None
) -> dict[str, object]:
    change = signed.change.as_json()
    need = standing.need(signed.change)
    return {
        "file": str(paper.path),
        "change": str(pending(paper.path)),
        **{
            name: change[name] for name in ("sequence", "kind", "subject", "verdict", "loosened", "tightened")
        },
        **{name: change[name] for name in ("document", "proof", "reason", "by")},
        "need": {"signatures": need.signatures, "accountable": need.accountable},
        "signed": [
            {"name": one.name, "roles": list(one.roles)} for one in account.signed_by(signed, standing)
        ],
        "complete": missing is None,
        "missing": None if missing is None else f"{missing.message} {missing.remedy}",
        "unseen_evaluations": list(paper.unseen),
    }
