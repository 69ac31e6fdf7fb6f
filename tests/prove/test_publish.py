"""Publishing elsewhere: byte for byte the same log, only what is new, and never another one's."""

from __future__ import annotations

from pathlib import Path

import pytest

from rambarde.nouns.fault import Fault
from rambarde.prove.cosigned import COSIGNED
from rambarde.prove.publish import publish
from rambarde.prove.verify import verify_log
from tests.prove import reader
from tests.prove.conftest import House, build


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_it_follows_the_log(house: House, tmp_path: Path) -> None:
    target = tmp_path / "web" / "log"
    new = []
    for count in (0, 1, 254, 1, 1, 300, 0):
        if count:
            house.add(count)
        new.append(publish(house.folder, target, house.verifier).files)
        assert len(reader.read(target, str(house.verifier))) == house.log.size
        assert verify_log(target, house.verifier).ok
        here, there = files(house.folder), files(target)
        assert {path: here[path] for path in there if path in here} == {
            p: d for p, d in there.items() if p in here
        }
    assert new == [0, 2, 2, 3, 2, 5, 0]
    assert not list(target.rglob(".*"))


def test_it_publishes_what_is_cosigned(house: House, tmp_path: Path) -> None:
    house.add(3)
    house.log.publisher.cosigned((house.folder / "checkpoint").read_text())
    publish(house.folder, tmp_path / "web", house.verifier)
    assert (tmp_path / "web" / COSIGNED).read_bytes() == (house.folder / COSIGNED).read_bytes()


def test_it_never_goes_over_another_history(house: House, tmp_path: Path) -> None:
    house.add(20)
    publish(house.folder, tmp_path / "web", house.verifier)
    data = tmp_path / "forged"
    data.mkdir()
    (data / "log.key").write_text((house.data / "log.key").read_text())
    (data / "log.key").chmod(0o600)
    forged = build(data)
    before = files(tmp_path / "web")
    for count, code in ((10, "log_rolled_back"), (10, "log_forked"), (10, "log_forked")):
        forged.add(count)
        with pytest.raises(Fault) as refused:
            publish(forged.folder, tmp_path / "web", house.verifier)
        assert refused.value.code == code
    assert files(tmp_path / "web") == before
    forged.close()


def test_what_cannot_be_copied(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Fault) as refused:
        publish(tmp_path / "nothing", tmp_path / "web", house.verifier)
    assert refused.value.code == "log_not_published"
    house.add(600)
    monkeypatch.setattr("rambarde.prove.tiles.os.fsync", _full)
    with pytest.raises(Fault) as refused:
        publish(house.folder, tmp_path / "web", house.verifier)
    assert refused.value.code == "log_unwritable"
    assert not (tmp_path / "web" / "checkpoint").exists()
    monkeypatch.undo()
    (house.folder / "tile/0/001").write_bytes(b"short")
    (house.folder / "tile/1/000.p/2").write_bytes(bytes(64))
    with pytest.raises(Fault) as refused:
        publish(house.folder, tmp_path / "web2", house.verifier)
    assert refused.value.code == "log_disagrees"


def _full(_handle: int) -> None:
    raise OSError(28, "No space left on device")
