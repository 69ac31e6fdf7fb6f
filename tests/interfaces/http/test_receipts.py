"""Receipts over HTTP and on the command line, with a witness that is a server of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest
import uvicorn

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.checkup.history import history
from rambarde.interfaces.http.identity import DECISION_HEADER
from rambarde.interfaces.http.witness import create_witness_app
from rambarde.prove.key import read_verifier
from rambarde.prove.witness import Witness
from tests.interfaces.cli.conftest import rambarde
from tests.interfaces.cli.governed import Rambarde
from tests.interfaces.serving import Served, serving

__all__ = ["rambarde"]


@contextmanager
def witnessing(folder: Path) -> Iterator[tuple[Witness, str]]:
    witness = Witness.create(folder, "witness.example.org")
    config = uvicorn.Config(create_witness_app(witness), host="127.0.0.1", port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield witness, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def decided(served: Served, key: str) -> str:
    answer = httpx.post(
        f"{served.url}/v1/images/generations",
        json={"prompt": "a quiet garden", "size": "256x256"},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    return str(answer.headers[DECISION_HEADER])


def fetched(served: Served, decision: str, key: str) -> httpx.Response:
    return httpx.get(
        f"{served.url}/v1/decisions/{decision}/receipt",
        headers={"Authorization": f"Bearer {key}"},
        timeout=20,
    )


def test_the_caller_gets_the_receipt_and_nobody_else(
    served: Served, rambarde: Rambarde, tmp_path: Path
) -> None:
    key = served.key()
    decision = decided(served, key)
    answer = fetched(served, decision, key)
    assert answer.status_code == 200
    file = tmp_path / "receipt.json"
    file.write_bytes(answer.content)
    log = str(read_verifier(served.gateway.vault.data))
    told = json.loads(rambarde("verify", str(file), "--key", log, "--json").stdout)
    assert told["id"] == decision and told["ending"] == "released" and told["witnesses"] == []
    assert told["policy"].startswith("sha256:") and "head" in told["detectors"]
    assert [line.split()[0] for line in told["checkpoint"][:3]] == ["policy", "floors", "detectors"]
    assert "no witness" in rambarde("verify", str(file), "--key", log).stdout
    assert fetched(served, decision, served.key()).status_code == 404
    assert fetched(served, "dec_" + "0" * 32, key).status_code == 404
    assert fetched(served, decision, "rmb_wrong").status_code == 401
    rambarde("verify", str(tmp_path / "none"), fails="receipt_unreadable")
    file.write_bytes(answer.content.replace(b'"index":', b'"index":1'))
    rambarde("verify", str(file), "--key", log, fails="bad_proof")


@pytest.mark.slow
def test_a_gateway_with_a_witness(inspector: Inspector, rambarde: Rambarde, tmp_path: Path) -> None:
    with witnessing(tmp_path / "w") as (witness, url):
        line, data = f"{witness.verifier} {url}", tmp_path / "data"
        with serving(data, inspector=inspector, witnesses=(line,), witness_seconds=1) as served:
            witness.trust(read_verifier(data))
            key = served.key()
            decision, log = decided(served, key), str(read_verifier(data))
            deadline = time.monotonic() + 30
            while not (receipt := fetched(served, decision, key).content).count(b"witness.example.org"):
                assert time.monotonic() < deadline, "nobody cosigned"
                time.sleep(0.2)
            file = tmp_path / "receipt.json"
            file.write_bytes(receipt)
            arguments = ("--key", log, "--witness", str(witness.verifier))
            told = rambarde("verify", str(file), *arguments, "--witnesses", "1").stdout
            assert "witness.example.org had seen no other history" in told
        assert "Cosigned by" in rambarde("log", "verify", "--data", str(data), *arguments[2:]).stdout
        config = tmp_path / "r.toml"
        config.write_text(f'data = "{data}"\nwitnesses = ["{line}"]\n')
        assert "cosigned" in rambarde("log", "cosign", "--config", str(config)).stdout
        assert next(row.detail for row in history(data, None)).count("signed by witness.example.org, too")
        out = tmp_path / "again.json"
        rambarde("log", "receipt", decision, "--data", str(data), "--out", str(out))
        rambarde("verify", str(out), *arguments, "--witnesses", "1")
        rambarde(
            "log", "receipt", decision, "--data", str(data), "--out", str(out), fails="receipt_unwritable"
        )
        assert "opening" not in rambarde("log", "receipt", decision, "--data", str(data), "--sealed").stdout
        published = json.loads(
            rambarde("log", "publish", str(tmp_path / "web"), "--data", str(data), "--json").stdout
        )
        assert published["witnesses"] == ["witness.example.org"]
        shown = json.loads(rambarde("log", "witness", "show", str(tmp_path / "w"), "--json").stdout)
        assert shown["logs"][0]["size"] == published["size"] > 0
    assert rambarde("log", "cosign", "--config", str(config), status=1).stdout.count("does not answer") == 1


def test_a_witness_from_the_command_line(rambarde: Rambarde, served: Served, tmp_path: Path) -> None:
    folder, log = str(tmp_path / "w"), str(read_verifier(served.gateway.vault.data))
    key = rambarde("log", "witness", "init", folder, "--name", "witness.example.org").stdout.strip()
    rambarde("log", "witness", "trust", folder, "--key", log)
    rambarde("log", "witness", "trust", folder, "--key", log, fails="witness_log_known")
    rambarde("log", "witness", "trust", folder, "--key", key, fails="verifier_key_invalid")
    assert key in rambarde("log", "witness", "show", folder).stdout
    rambarde("verify", str(tmp_path), "--witness", log, fails="receipt_unreadable")
    data = tmp_path / "nothing"
    rambarde("log", "publish", str(tmp_path / "web"), "--data", str(data), fails="log_pub_missing")


@pytest.mark.parametrize("line", ["nonsense", "{key}", "{key} ftp://x", "{key} http://"])
def test_bad_witnesses_in_the_settings(line: str, rambarde: Rambarde, tmp_path: Path) -> None:
    key = Witness.create(tmp_path / "w", "witness.example.org").verifier
    config = tmp_path / "r.toml"
    config.write_text(f'data = "{tmp_path / "d"}"\nwitnesses = ["{line.format(key=key)}"]\n')
    rambarde("log", "cosign", "--config", str(config), fails="settings_invalid")
