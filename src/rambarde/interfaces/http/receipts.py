"""`/v1/decisions/{decision}/receipt`: the proof of a decision, for who asked for it."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from rambarde.interfaces.http.errors import json_response
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.key import read_verifier
from rambarde.prove.log import FOLDER
from rambarde.prove.receipt import make_receipt
from rambarde.store.ledger import Ledger
from rambarde.store.records import Records


def add(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""

    async def receipt(request: Request, decision: str) -> Response:
        """The receipt of a decision: give the key it was asked with. `rambarde verify` checks it offline."""
        credential = await gateway.door.credential(request)
        gateway.door.knock(credential)
        database = gateway.vault.database
        stored = await database.run(Records(database).get, decision)
        if stored is None or stored.document().get("credential") != credential.id:
            raise Fault(
                Kind.NOT_FOUND,
                "not_here",
                "There is nothing at this address, or not any more.",
                remedy="Ask with the key of the request, and its decision id.",
            )
        make = partial(
            make_receipt,
            gateway.vault.data / FOLDER,
            read_verifier(gateway.vault.data),
            Ledger(database),
            decision,
        )
        if stored.index >= gateway.log.publisher.size:
            await database.run(gateway.log.publish)  # it is in the database, and about to be published anyway
        return json_response((await database.run(make)).as_json())

    app.add_api_route("/v1/decisions/{decision}/receipt", receipt, methods=["GET"])
