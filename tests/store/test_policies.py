"""Governed documents and proofs: exact bytes back, and whoever only writes to the database proves nothing."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.commitment import commit
from rambarde.store import migrations, schema
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database, _engine, utc_now
from rambarde.store.ledger import Ledger
from rambarde.store.policies import LONGEST, Policies, digest_of
from rambarde.store.schema import policy_documents, policy_proofs
from tests.samples import a_record

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
KEY = "sha256:" + "0f" * 32
PROOF: dict[str, object] = {
    "proven": True,
    "invariants": ["floors", "equal"],
    "seconds": 0.25,
    "why": "é\0\ud800",
}


@pytest.fixture
def policies(database: Database, cipher: Cipher) -> Policies:
    return Policies(database, cipher)


def test_documents_come_back_by_their_content(policies: Policies) -> None:
    for data in (b"", b"rules: []\n", bytes(range(256)), b"x" * LONGEST):
        digest = policies.put(data)
        assert policies.put(data) == digest == digest_of(data)
        assert policies.get(digest) == data
    assert policies.put(b"") == EMPTY


def test_a_document_may_be_put_by_all_at_once(policies: Policies, database: Database) -> None:
    digests: list[str] = []
    threads = [threading.Thread(target=lambda: digests.append(policies.put(b"same"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests == [digest_of(b"same")] * 6
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(policy_documents)) == 1


def test_what_is_too_large_is_refused_and_not_kept(policies: Policies) -> None:
    data = b"x" * (LONGEST + 1)
    with pytest.raises(Fault) as refused:
        policies.put(data)
    assert (refused.value.kind, refused.value.code) == (Kind.TOO_LARGE, "policy_document_too_large")
    assert policies.get(digest_of(data)) is None
    with pytest.raises(Fault) as refused:
        policies.prove(KEY, {"x": "x" * LONGEST})
    assert refused.value.code == "policy_proof_too_large"


@pytest.mark.parametrize("odd", ["", "\0", "\ud800", "é", "x" * 1000, EMPTY.upper(), EMPTY + "\n", EMPTY[7:]])
def test_odd_digests_name_nothing(policies: Policies, odd: str) -> None:
    policies.put(b"")
    assert policies.get(odd) is None


def test_a_changed_document_is_noticed_and_can_be_put_again(
    policies: Policies, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    digest, other = policies.put(b"minors: block"), policies.put(b"other")
    with database.writing() as connection:
        connection.execute(
            sa.update(policy_documents)
            .where(policy_documents.c.digest == digest)
            .values(data=b"minors: allow")
        )
    with pytest.raises(Fault) as noticed:
        policies.get(digest)
    assert (noticed.value.kind, noticed.value.code) == (Kind.INTERNAL, "policy_document_damaged")
    assert policies.get(other) == b"other"
    with caplog.at_level(logging.ERROR):
        assert policies.put(b"minors: block") == digest
    assert digest in caplog.text
    assert policies.get(digest) == b"minors: block"


def test_a_document_of_another_type_is_noticed(policies: Policies, database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL does not let it in")
    digest = policies.put(b"7")
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE policy_documents SET data = 7"))
    with pytest.raises(Fault) as noticed:
        policies.get(digest)
    assert noticed.value.code == "policy_document_damaged"
    policies.put(b"7")
    assert policies.get(digest) == b"7"


def test_proofs_are_remembered(policies: Policies, database: Database, cipher: Cipher) -> None:
    assert policies.proven(KEY) is None
    policies.prove(KEY, PROOF)
    assert policies.proven(KEY) == PROOF
    policies.prove(KEY, {"proven": False})
    assert Policies(database, cipher).proven(KEY) == {"proven": False}, "the later counts"


@pytest.mark.parametrize("odd", ["", "a b", "a\0b", "é", "x" * 129, "a\n"])
def test_odd_keys_prove_nothing(policies: Policies, odd: str) -> None:
    assert policies.proven(odd) is None
    with pytest.raises(Fault) as refused:
        policies.prove(odd, PROOF)
    assert refused.value.code == "bad_proof_key"


def test_a_proof_that_is_no_json_is_refused(policies: Policies) -> None:
    for body in ({"x": float("nan")}, {"x": b"bytes"}):
        with pytest.raises((ValueError, TypeError)):
            policies.prove(KEY, body)
    assert policies.proven(KEY) is None


@pytest.mark.parametrize(
    "forged",
    [
        {"body": '{"proven":true,"by":"nobody"}'},
        {"body": '{"proven":true} '},
        {"body": ""},
        {"mac": ""},
        {"mac": "0" * 64},
        {"mac": "é" * 64},
        {"key": KEY.replace("0f", "f0")},
    ],
)
def test_a_forged_proof_counts_as_none(
    policies: Policies, database: Database, forged: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    policies.prove(KEY, {"proven": True})
    with database.writing() as connection:
        connection.execute(sa.update(policy_proofs).values(**forged))
    with caplog.at_level(logging.ERROR):
        assert policies.proven(forged.get("key", KEY)) is None
    assert "was not made by this server" in caplog.text
    policies.prove(KEY, {"proven": True})
    assert policies.proven(KEY) == {"proven": True}


def test_a_proof_of_another_type_counts_as_none(policies: Policies, database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL does not let it in")
    for column in ("body", "mac"):
        policies.prove(KEY, PROOF)
        with database.writing() as connection:
            connection.execute(sa.text(f"UPDATE policy_proofs SET {column} = x'00ff'"))
        assert policies.proven(KEY) is None


def test_another_servers_proof_counts_as_none(policies: Policies, database: Database) -> None:
    policies.prove(KEY, PROOF)
    assert Policies(database, Cipher(bytes(32))).proven(KEY) is None


def test_the_oldest_proofs_go(
    policies: Policies, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rambarde.store.policies.PROOFS", 5)
    for number in range(12):
        policies.prove(f"k{number}", {"number": number})
    policies.prove("k11", {"number": 11})
    found = [policies.proven(f"k{number}") for number in range(12)]
    assert found == [None] * 7 + [{"number": number} for number in range(7, 12)]
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(policy_proofs)) == 5


KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)
JSON = st.dictionaries(
    st.text(max_size=4), st.one_of(st.integers(), st.text(max_size=4), st.booleans(), st.none()), max_size=3
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.tuples(KEYS, JSON), second=st.tuples(KEYS, JSON))
def test_no_mac_fits_two_proofs(
    policies: Policies, first: tuple[str, dict[str, object]], second: tuple[str, dict[str, object]]
) -> None:
    policies.prove(*first)
    assert policies.proven(first[0]) == first[1]
    policies.prove(*second)
    assert policies.proven(second[0]) == second[1]
    assert policies.proven(first[0]) == (second if first[0] == second[0] else first)[1]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_a_database_of_the_revision_before_is_upgraded_with_what_is_in_it(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, cipher: Cipher
) -> None:
    place = str(tmp_path) if kind == "sqlite" else request.getfixturevalue("new_postgres")(empty=True)
    older = Database(_engine(place, 5), utc_now)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with older.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        assert not sa.inspect(connection).has_table("leases")
    with Ledger(older).writing() as truth:
        truth.add(0, [commit("record", a_record(7).as_json())])
    older.pin("log_key", "the log's")
    older.close()
    assert Database.revision(place) == "0003"

    database = Database.open(place)
    assert Database.revision(place) == migrations.HEAD
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    (row,) = Ledger(database).rows(0, 10)
    assert (row.committed.id, row.columns["surface"]) == ("record-000007", a_record(7).surface)
    assert database.pinned("log_key") == "the log's"
    policies = Policies(database, cipher)
    assert policies.get(policies.put(b"rules: []")) == b"rules: []"
    database.close()
