"""A scan goes on where it stopped, over the same units only, and its lines are a frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from rambarde.interfaces.audit.scanning import Line, Measurer, scan
from rambarde.interfaces.scan import Scanner
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault
from tests.interfaces.audit.drawings import draw

IDS = [f"{number}.png" for number in range(10)]


class Counting:
    """An engine that counts, and may stop like a machine that is switched off."""

    def __init__(self, most: int = 1000) -> None:
        self.asked: list[str] = []
        self._most = most

    def __call__(self, ids: Iterable[str]) -> Iterator[Line]:
        for id in ids:
            if len(self.asked) == self._most:
                raise KeyboardInterrupt
            self.asked.append(id)
            error = {"code": "not_an_image"} if id == "3.png" else None
            yield msgspec.json.encode({"path": id, "signals": {}, "error": error})


@pytest.mark.parametrize("stop", [0, 1, 4, 9])
@pytest.mark.parametrize("torn", [b"", b'{"path":"', b'{"path":"x","error":null}'])
def test_it_goes_on_where_it_stopped(tmp_path: Path, stop: int, torn: bytes) -> None:
    out, told = tmp_path / "scan.jsonl", []
    with pytest.raises(KeyboardInterrupt):
        scan(IDS, out, Counting(stop))
    out.write_bytes(out.read_bytes() + torn)
    rest = Counting()
    assert scan(IDS, out, rest, lambda done, failed: told.append((done, failed))) == (10, 1)
    assert rest.asked == IDS[stop:]
    assert told[0][0] == stop and told[-1] == (10, 1)
    scan(IDS, tmp_path / "whole.jsonl", Counting())
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert scan(IDS, out, Counting(0)) == (10, 1)


@pytest.mark.parametrize(
    "text", [b'{"path":"other.png","error":null}\n', b"no json\n", b"[]\n", b'{"a":1}\n']
)
def test_a_scan_of_other_units_is_never_gone_on_with(tmp_path: Path, text: bytes) -> None:
    out = tmp_path / "scan.jsonl"
    out.write_bytes(text)
    with pytest.raises(Fault) as caught:
        scan(IDS, out, Counting())
    assert caught.value.code == "scan_other"
    assert out.read_bytes() == text


@pytest.mark.slow
def test_real_pictures(tmp_path: Path) -> None:
    folder = draw(tmp_path / "pictures", 5)
    (folder / "gone.png").write_bytes(b"nothing")
    ids = [*sorted(path.name for path in folder.iterdir()), "missing.png"]
    scanner = Scanner.open(Settings(workers=0))
    try:
        stopped = Measurer(scanner, str(folder)).lines(ids)
        next(stopped)
        stopped.close()  # with another picture on its way
        assert scan(ids, tmp_path / "scan.jsonl", Measurer(scanner, str(folder)).lines) == (7, 2)
    finally:
        scanner.close()
    lines = [msgspec.json.decode(line) for line in (tmp_path / "scan.jsonl").read_bytes().splitlines()]
    assert [line["path"] for line in lines] == ids
    assert lines[0]["signals"]["output.nudity"]["state"] == "value"
    assert {line["path"]: line["error"]["code"] for line in lines if line["error"]} == {
        "gone.png": "not_an_image",
        "missing.png": "image_unreadable",
    }
