"""The library: `Guard.check` and `Guard.wrap` are the gateway's chain, from threads and event loops."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from rambarde import Fault, Guard, Held, NotReleased, Outcome, PartlyHeld, Refused, Settings
from rambarde.guard.inspect import Inspector
from rambarde.interfaces import wiring
from rambarde.interfaces.library import guard as library
from rambarde.nouns.custody import Shelf
from rambarde.nouns.signal import Signal
from rambarde.store.records import Records
from tests.interfaces.http.test_release import with_nudity
from tests.servers import png

pytestmark = pytest.mark.slow

SEEN = Signal.measured("nudity", 0.9)
BLUE = Image.new("RGB", (64, 48), "steelblue")


def opened(data: Path, inspector: Inspector, **more: Any) -> Guard:
    """A guard whose detectors are the session's: loading them for each would take seconds."""
    real = wiring.wire

    def wire(*args: Any, **kwargs: Any) -> wiring.Gateway:
        gateway = real(*args, **kwargs)
        gateway.chain.inspector.close()
        gateway.chain.inspector = inspector
        return gateway

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "wire", wire)
        return Guard.open(data=data, demo=True, **more)


@pytest.fixture(scope="module")
def guard(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with opened(tmp_path_factory.mktemp("library"), inspector) as guard:
        yield guard


def records(guard: Guard) -> Records:
    return Records(guard._gateway.vault.database)


def record(guard: Guard, id: str) -> dict[str, Any]:
    found = records(guard).get(id)
    assert found is not None
    return found.document()


def newest(guard: Guard) -> dict[str, Any]:
    return next(records(guard).find(newest_first=True, limit=1)).document()


def paint(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
    return [BLUE.copy() for _ in range(n)]


# Check.


def test_a_check_is_a_decision_and_leaves_no_trace(guard: Guard) -> None:
    before = records(guard).count()
    decision = guard.check("a lighthouse at sunset")
    assert decision.outcome is Outcome.ALLOW
    with pytest.raises(TypeError, match="not a boolean"):
        bool(decision)
    assert records(guard).count() == before


def test_a_check_with_a_picture_is_an_edit(guard: Guard, portrait: bytes) -> None:
    words = "put her in a bikini"
    assert guard.check(words, images=[portrait]).outcome is Outcome.BLOCK
    assert "real-person-sexual" in [fired.rule for fired in guard.check(words, images=[portrait]).fired]
    assert guard.check("a red hat", images=[portrait]).outcome is Outcome.ALLOW


def test_a_negative_prompt_is_judged(guard: Guard, portrait: bytes) -> None:
    decision = guard.check("a summer portrait", images=[portrait], negative_prompt="clothes")
    assert decision.outcome is Outcome.BLOCK


def test_pictures_may_be_bytes_pillow_images_or_paths(guard: Guard, portrait: bytes, tmp_path: Path) -> None:
    path = tmp_path / "portrait.png"
    path.write_bytes(portrait)
    image = Image.open(io.BytesIO(portrait))
    for picture in (portrait, bytearray(portrait), image, image.convert("CMYK"), path):
        signals = {s.name: s for s in guard.check("a red hat", images=[picture]).signals}
        assert signals["input.face"].value is not None and signals["input.face"].value > 0.6


@pytest.mark.parametrize("wrong", ["portrait.png", 7, None, np.zeros((4, 4, 3), np.uint8)])
def test_other_kinds_of_pictures_are_a_type_error(guard: Guard, wrong: Any) -> None:
    with pytest.raises(TypeError):
        guard.check("a hat", images=[wrong])
    with pytest.raises(TypeError):
        guard.check("a hat", images="portrait.png")


def test_a_damaged_picture_is_a_fault(guard: Guard, portrait: bytes) -> None:
    with pytest.raises(Fault, match="ends too early") as caught:
        guard.check("a hat", images=[portrait[:1000]])
    assert caught.value.field == "image"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"country": "france"}, "caller_invalid"),
        ({"country": "fr"}, "caller_invalid"),
        ({"age_assured": "false"}, "caller_invalid"),
        ({"session": "with space"}, "caller_invalid"),
        ({"mode": "wild"}, "mode_unknown"),
        ({"mask": png()}, "image_missing"),
    ],
)
def test_what_is_misspelt_does_not_loosen(guard: Guard, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Fault) as caught:
        guard.check("a lighthouse", **given)
    assert caught.value.code == code


def test_mode_country_and_age_are_the_policys_business(guard: Guard) -> None:
    words = "an erotic drawing of two fictional adults"
    assert guard.check(words).outcome is Outcome.BLOCK
    assert guard.check(words, mode="spicy", country="FR", age_assured=True).outcome is Outcome.BLOCK
    assert guard.check(words, mode="spicy", country="DE").outcome is Outcome.BLOCK
    allowed = guard.check(words, mode="spicy", country="DE", age_assured=True)
    assert "sexual-content" not in [fired.rule for fired in allowed.fired]


# Wrap.


def test_a_guarded_function_returns_what_it_made_and_is_recorded(guard: Guard) -> None:
    (image,) = guard.wrap(paint, name="blue")("a lighthouse at sunset")
    assert isinstance(image, Image.Image) and image.tobytes() == BLUE.tobytes()
    kept = newest(guard)
    assert (kept["ending"], kept["upstream"], kept["route"]) == ("released", "blue", "library")
    assert (kept["credential"], kept["surface"], kept["n"]) == ("library", "api", 1)


@pytest.mark.parametrize(
    "made",
    [
        png(3),
        BLUE,
        BLUE.convert("RGBA"),
        BLUE.convert("L"),
        np.asarray(BLUE),
        np.asarray(BLUE.convert("L")),
        np.asarray(BLUE) / 255,
    ],
    ids=["bytes", "rgb", "rgba", "grey", "array", "flat", "float"],
)
def test_images_come_back_in_their_kind(guard: Guard, made: Any) -> None:
    guarded = guard.wrap(lambda prompt, *, n, size, images: [made] * n)
    for image in guarded("a quiet garden", n=2):
        assert isinstance(image, Image.Image if isinstance(made, Image.Image) else type(made))
        if isinstance(image, Image.Image):
            assert (image.mode, image.size, image.tobytes()) == (made.mode, made.size, made.tobytes())
        elif isinstance(image, np.ndarray):
            assert (image.dtype, image.shape) == (np.uint8, made.shape)
            assert (image == (np.rint(made * 255) if made.dtype == float else made)).all()


def test_what_nobody_looked_at_is_gone(guard: Guard) -> None:
    note, out = PngInfo(), io.BytesIO()
    note.add_text("Comment", "a secret")
    BLUE.save(out, "PNG", pnginfo=note)
    (data,) = guard.wrap(lambda prompt, *, n, size, images: [out.getvalue()])("a quiet garden")
    assert isinstance(data, bytes) and b"a secret" not in data
    assert newest(guard)["outputs"][0]["sha256"] == hashlib.sha256(data).hexdigest()


def test_a_refusal_before_generation_calls_nothing(guard: Guard, portrait: bytes) -> None:
    calls = []

    def generate(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
        calls.append(prompt)
        return [BLUE]

    with pytest.raises(Refused) as caught:
        guard.wrap(generate)("put her in a bikini", images=[portrait])
    refused = caught.value
    assert not calls
    assert refused.decision.outcome is Outcome.BLOCK and "real-person-sexual" in refused.rules
    assert refused.fields == ("prompt", "image")
    assert "bikini" in refused.explanation and "bikini" not in str(refused)
    assert refused.id in refused.appeal and refused.items == ()
    assert record(guard, refused.id)["ending"] == "refused"


def test_an_edit_gets_the_files_and_the_mask(guard: Guard, still_life: bytes) -> None:
    seen: dict[str, Any] = {}

    def generate(prompt: str, *, n: int, size: str, images: list[bytes], mask: bytes | None) -> list[bytes]:
        seen.update(images=images, mask=mask, size=size, prompt=prompt)
        return [still_life]

    mask = Image.new("L", (600, 400), 255)
    guard.wrap(generate)("a blue cup", images=[still_life], mask=mask, size="600x400")
    assert seen["images"] == [still_life]
    assert Image.open(io.BytesIO(seen["mask"])).tobytes() == mask.tobytes()
    assert (seen["prompt"], seen["size"]) == ("a blue cup", "600x400")
    assert newest(guard)["action"] == "edit"
    with pytest.raises(Fault, match="does not take a mask"):
        guard.wrap(paint)("a blue cup", images=[still_life], mask=mask)


def test_a_batch_of_which_a_part_is_held_is_no_list(tmp_path: Path, inspector: Inspector) -> None:
    good, odd = png(1), png(2)
    with opened(tmp_path, with_nudity(inspector, {odd: SEEN})) as guard:
        with pytest.raises(PartlyHeld) as caught:
            guard.wrap(lambda prompt, *, n, size, images: [good, odd, good])("a quiet garden", n=3)
        partly = caught.value
        assert dict(partly.released) == {0: good, 2: good}
        assert [image.index for image in partly.withheld] == [1]
        assert partly.rules == ("nude-looking-output",) and len(partly.items) == 1
        assert "Released: 2, withheld: 1." in str(partly)
        assert record(guard, partly.id)["ending"] == "partly_held"
        kept = asyncio.run(guard._gateway.keeper.take(partly.items[0], Shelf.HELD))
        assert kept is not None and kept.data == odd


def test_all_held(tmp_path: Path, inspector: Inspector) -> None:
    settings = Settings(public_url="https://rambarde.example")
    with opened(tmp_path, with_nudity(inspector, {png(2): SEEN}), settings=settings) as guard:
        with pytest.raises(Held) as caught:
            guard.wrap(lambda prompt, *, n, size, images: [png(2)])("a quiet garden")
        assert caught.value.decision.outcome is Outcome.REVIEW and len(caught.value.items) == 1
        assert caught.value.appeal == f"https://rambarde.example/appeal/{caught.value.id}"


def test_a_check_that_fails_holds(tmp_path: Path, inspector: Inspector) -> None:
    with opened(tmp_path, with_nudity(inspector, {png(2): RuntimeError("crash")})) as guard:
        with pytest.raises(Held) as caught:
            guard.wrap(lambda prompt, *, n, size, images: [png(2)])("a quiet garden")
        assert "unchecked-output" in caught.value.rules


def test_small_steps_of_one_session_have_one_lineage(guard: Guard, portrait: bytes) -> None:
    guarded = guard.wrap(lambda prompt, *, n, size, images: [images[0]]).for_caller(
        session="s-1", account="a-1", country="FR", plan="free"
    )
    (first,) = guarded("a red hat", images=[portrait])
    begun = newest(guard)
    assert (begun["session"], begun["account"], begun["country"], begun["plan"]) == (
        "s-1",
        "a-1",
        "FR",
        "free",
    )
    guarded("a green hat", images=[first])  # type: ignore[list-item]
    assert newest(guard)["lineage"] is not None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ([], "upstream_no_images"),
        ([BLUE, BLUE], "upstream_image_count"),
        ([b"no image"], "upstream_not_an_image"),
        (None, "upstream_bad_answer"),
        (["BLUE"], "upstream_bad_answer"),
    ],
)
def test_a_function_that_misbehaves_is_a_fault(guard: Guard, answer: Any, code: str) -> None:
    with pytest.raises(Fault) as caught:
        guard.wrap(lambda prompt, *, n, size, images: answer)("a quiet garden")
    assert caught.value.code == code
    assert newest(guard)["fault"]["code"] == code


def test_a_function_that_raises_is_a_fault_with_its_cause(guard: Guard) -> None:
    def broken(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[bytes]:
        raise ZeroDivisionError(prompt)

    with pytest.raises(Fault) as caught:
        guard.wrap(broken)("a quiet garden")
    assert caught.value.code == "upstream_failed"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "garden" not in str(caught.value)


@pytest.mark.parametrize("given", [{"n": 0}, {"n": 11}, {"size": "huge"}, {"size": "0x0"}])
def test_values_out_of_range_are_faults(guard: Guard, given: dict[str, Any]) -> None:
    with pytest.raises(Fault):
        guard.wrap(paint)("a quiet garden", **given)
    with pytest.raises(TypeError):
        guard.wrap(paint)("a quiet garden", n=True)
    with pytest.raises(TypeError):
        guard.wrap(paint)("a quiet garden", steps=4)  # type: ignore[call-arg]


def test_nothing_leaves_that_is_not_recorded(tmp_path: Path, inspector: Inspector) -> None:
    with opened(tmp_path, inspector) as guard:

        def full(batch: object) -> None:
            raise OSError(28, "No space left on device")

        guard._gateway.log.append = full  # type: ignore[method-assign, assignment]
        with pytest.raises(Fault) as caught:
            guard.wrap(paint)("a quiet garden")
        assert caught.value.code == "not_recorded"


# Async.


async def test_async_functions_run_on_the_callers_loop(guard: Guard) -> None:
    loops = []

    async def generate(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return [BLUE] * n

    guarded = guard.wrap(generate)
    images = await asyncio.gather(*(guarded("a quiet garden") for _ in range(4)))
    assert [len(made) for made in images] == [1] * 4
    assert set(loops) == {asyncio.get_running_loop()}
    assert (await guard.acheck("a quiet garden")).outcome is Outcome.ALLOW


async def test_sync_calls_work_inside_a_running_loop(guard: Guard) -> None:
    assert guard.check("a quiet garden").outcome is Outcome.ALLOW
    assert len(guard.wrap(paint)("a quiet garden")) == 1


def test_a_lambda_around_an_async_function(guard: Guard) -> None:
    async def generate(prompt: str) -> list[Image.Image]:
        return [BLUE]

    (image,) = guard.wrap(lambda prompt, *, n, size, images: generate(prompt))("a quiet garden")
    assert isinstance(image, Image.Image)


async def test_a_cancelled_call_is_recorded(guard: Guard) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def generate(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return [BLUE]

    task = asyncio.create_task(guard.wrap(generate)("a quiet garden"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 5)
    for _ in range(100):
        if newest(guard)["fault"] == {"kind": "internal", "code": "cancelled", "field": None}:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(newest(guard))


async def test_async_with(tmp_path: Path, inspector: Inspector) -> None:
    async with opened(tmp_path, inspector) as guard:
        assert (await guard.acheck("a quiet garden")).outcome is Outcome.ALLOW
    with pytest.raises(Fault, match="closed"):
        await guard.acheck("a quiet garden")


# Threads, processes, closing.


@pytest.mark.slow
def test_from_many_threads(guard: Guard) -> None:
    guarded, before = guard.wrap(paint, concurrency=2), records(guard).count()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: guarded(f"a quiet garden {i}"), range(16)))
    assert [len(images) for images in made] == [1] * 16
    assert records(guard).count() == before + 16


def test_at_most_so_many_calls_at_once(guard: Guard) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def generate(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        threading.Event().wait(0.05)
        with lock:
            now -= 1
        return [BLUE]

    guarded = guard.wrap(generate, concurrency=2)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: guarded("a quiet garden"), range(6)))
    assert most == 2


@pytest.mark.slow
def test_two_guards_in_one_process(tmp_path: Path, inspector: Inspector) -> None:
    """On one data folder and on two: each has its place in the log."""
    with (
        opened(tmp_path / "a", inspector) as one,
        opened(tmp_path / "a", inspector, surface="web") as two,
        opened(tmp_path / "b", inspector) as other,
    ):
        for guard in (one, two, other, one):
            guard.wrap(paint)("a quiet garden")
        assert (records(one).count(), records(other).count()) == (3, 1)
        assert {found.document()["surface"] for found in records(one).find()} == {"api", "web"}


def test_closing_ends_what_runs(tmp_path: Path, inspector: Inspector) -> None:
    guard, begun, raised = opened(tmp_path, inspector), threading.Event(), []

    def generate(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
        begun.set()
        threading.Event().wait(2)
        return [BLUE]

    def call() -> None:
        with pytest.raises(Fault) as caught:
            guard.wrap(generate)("a quiet garden")
        raised.append(caught.value.code)

    threads = threading.active_count()
    thread = threading.Thread(target=call)
    thread.start()
    assert begun.wait(10)
    guard.close()
    thread.join(10)
    assert raised == ["guard_closed"]
    guard.close()
    assert threading.active_count() <= threads
    with opened(tmp_path, inspector) as again:
        assert newest(again)["fault"]["code"] == "cancelled"
    with pytest.raises(Fault) as caught:
        guard.check("a quiet garden")
    assert caught.value.code == "guard_closed"


def test_a_guard_is_not_pickled(guard: Guard) -> None:
    for thing in (guard, guard.wrap(paint)):
        with pytest.raises(TypeError, match="open one in each process"):
            pickle.dumps(thing)


def test_what_was_refused_survives_pickling(guard: Guard, portrait: bytes) -> None:
    """So that a pool of processes can hand it on."""
    with pytest.raises(NotReleased) as caught:
        guard.wrap(paint)("put her in a bikini", images=[portrait])
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (copied.id, copied.rules, copied.appeal) == (
        caught.value.id,
        caught.value.rules,
        caught.value.appeal,
    )


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_says_so_instead_of_hanging(guard: Guard) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            try:
                guard.check("a quiet garden")
            except Fault as fault:
                guard.close()
                code = 0 if fault.code == "guard_forked" else 2
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_its_own_thread_does_not_wait_for_itself(guard: Guard) -> None:
    async def inside() -> None:
        guard.check("a quiet garden")

    with pytest.raises(RuntimeError, match="wait for itself"):
        guard._background.run(inside)


# Opening.


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"surface": "fax"}, "surface_unknown"),
        ({"mode": "wild"}, "mode_unknown"),
        ({"policy": "missing.yaml"}, "policy_unreadable"),
        ({"settings": "missing.toml"}, "settings_invalid"),
    ],
)
def test_what_cannot_be_opened(tmp_path: Path, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Fault) as caught:
        Guard.open(data=tmp_path, demo=True, **given)
    assert caught.value.code == code


def test_a_settings_file(tmp_path: Path, inspector: Inspector) -> None:
    file = tmp_path / "rambarde.toml"
    file.write_text(f'data = "{tmp_path / "here"}"\n')
    with opened(tmp_path / "there", inspector, settings=file) as guard:
        assert guard.check("a quiet garden").outcome is Outcome.ALLOW
    assert (tmp_path / "there" / "rambarde.db").exists() and not (tmp_path / "here").exists()


def test_a_guard_with_an_unfit_detector_does_not_open(tmp_path: Path, inspector: Inspector) -> None:
    from rambarde.guard.policy.language import Requirement

    broken = Inspector(inspector._detectors, [Requirement("nudity", "0", "sha256:00")])
    broken.load()
    with (
        pytest.raises(Fault, match="rambarde doctor") as caught,
        opened(tmp_path, broken) as guard,
    ):
        guard.check("a quiet garden")
    assert caught.value.code == "detectors_unfit"


def test_importing_rambarde_imports_nothing_else() -> None:
    code = "import sys, rambarde; print([m for m in sys.modules if m.startswith('rambarde')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['rambarde']"


def test_every_name_of_the_package_is_there() -> None:
    import rambarde

    for name in rambarde.__all__:
        assert getattr(rambarde, name).__name__ == name
    assert set(rambarde.__all__) <= set(dir(rambarde))
    with pytest.raises(AttributeError):
        rambarde.Gard  # noqa: B018
