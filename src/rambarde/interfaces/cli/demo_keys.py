"""Demo credentials for a first try: one per surface, made anew at each start, the old ones revoked."""

from __future__ import annotations

import typer

from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.caller import SURFACES

LABEL = "demo"


def make(gateway: Gateway) -> None:
    """Make the credentials and print a `curl` and an `openai` snippet that work as printed."""
    credentials = gateway.vault.credentials
    for old in credentials.list():
        if old.label == LABEL:
            credentials.revoke(old.id)
    modes = tuple(mode.name for mode in gateway.chain.policies.policy.modes)
    keys = {surface: credentials.create(surface, modes, label=LABEL).key for surface in SURFACES}
    base = gateway.settings.base_url
    typer.echo("Demo credentials, valid until the next start:")
    for surface, key in keys.items():
        typer.echo(f"  {surface:6} {key}")
    typer.echo(
        f"""
Try it with curl:

curl -s {base}/v1/images/generations \\
  -H "Authorization: Bearer {keys["web"]}" \\
  -H "Content-Type: application/json" \\
  -d '{{"prompt": "a lighthouse at sunset", "response_format": "url"}}'

or with the openai SDK:

from openai import OpenAI

client = OpenAI(base_url="{base}/v1", api_key="{keys["api"]}")
answer = client.images.generate(model="sketch", prompt="a lighthouse at sunset", response_format="url")
print(answer.data[0].url)
"""
    )
