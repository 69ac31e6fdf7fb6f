"""Objects: where sealed evidence lies, a folder or any S3-compatible store. Whoever reads it there learns nothing.

An object is written once under a name that is never used again. All calls block; they run in the store's threads.
"""

from __future__ import annotations

import os
import re
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from rambarde.nouns.fault import Fault, Kind, invalid

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{21,127}\Z")
SCHEME = "s3://"
SECONDS = 20.0
"""A call to an object store takes no longer, its repetitions included."""


class Objects(Protocol):
    """A place for objects. Every failure is a `Fault(INTERNAL)` whose code begins with `vault_`."""

    def put(self, name: str, data: bytes) -> None:
        """Durable on return. Over what was begun under this name and never finished, it writes anew."""
        ...

    def get(self, name: str) -> bytes:
        """The bytes as they lie there. Raises `vault_missing`, `vault_unreachable`, `vault_refused`, `vault_cut`."""
        ...

    def delete(self, name: str) -> None:
        """Gone on return, also if it never was."""
        ...


def open_objects(place: str, data: Path) -> Objects:
    """`place` is a folder, `s3://bucket/prefix`, or empty: the folder `evidence` in `data`.

    Raises `Fault`: `vault_place`, `vault_extra` where the extra `s3` is not installed, `vault_unwritable`.
    """
    if place.startswith(SCHEME):
        return Bucket.open(place)
    if "://" in place:
        raise invalid(
            "vault_place",
            "this is no place for evidence.",
            remedy="Give a folder, or s3://bucket/prefix.",
            field="evidence_store",
        )
    return Folder(Path(place) if place else data / "evidence")


class Folder:
    """Files of a folder that only its owner may read, in 256 folders by the name's first byte."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, name: str, data: bytes) -> None:
        target = self._file(name)
        staged = target.with_name(f".{name}.{secrets.token_hex(4)}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                staged.replace(target)
                _sync(target.parent)
            finally:
                staged.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(error) from error

    def get(self, name: str) -> bytes:
        try:
            return self._file(name).read_bytes()
        except FileNotFoundError as error:
            raise _missing() from error
        except OSError as error:
            raise _unreachable(error.strerror or "the folder cannot be read") from error

    def delete(self, name: str) -> None:
        file = self._file(name)
        try:
            file.unlink(missing_ok=True)
            if file.parent.exists():
                _sync(file.parent)
        except OSError as error:
            raise _unwritable(error) from error

    def _file(self, name: str) -> Path:
        _check(name)
        return self._path / name[:2] / name


class Bucket:
    """A bucket of an S3-compatible store, through `obstore` (MIT), which repeats what fails by chance.

    Address and credentials come from the usual `AWS_…` variables (`AWS_ENDPOINT_URL` for another server than
    Amazon's), or from the machine's role.
    """

    def __init__(self, store: Any, prefix: str = "") -> None:
        self._store = store
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @classmethod
    def open(cls, url: str, *, seconds: float = SECONDS, **options: Any) -> Bucket:
        """`s3://bucket/prefix`. `options` are obstore's, for tests."""
        try:
            from obstore.store import S3Store
        except ModuleNotFoundError as error:
            raise Fault(
                Kind.INTERNAL,
                "vault_extra",
                "the client for object stores is not installed.",
                remedy="Install rambarde[s3].",
            ) from error
        bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
        if not bucket:
            raise invalid(
                "vault_place",
                "there is no bucket.",
                remedy="Give s3://bucket/prefix.",
                field="evidence_store",
            )
        limit = timedelta(seconds=seconds)
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        settings: dict[str, Any] = {
            "client_options": {
                "timeout": limit / 2,
                "connect_timeout": min(limit / 2, timedelta(seconds=5)),
                "allow_http": endpoint.startswith("http://"),
            },
            "retry_config": {"max_retries": 4, "retry_timeout": limit},
        }
        try:
            return cls(S3Store(bucket, **(settings | options)), prefix)
        except Exception as error:
            raise Fault(
                Kind.INTERNAL,
                "vault_place",
                f"the object store cannot be used: {type(error).__name__}.",
                remedy="Check `evidence_store` and the AWS_ variables.",
                field="evidence_store",
            ) from error

    def put(self, name: str, data: bytes) -> None:
        import obstore

        path = self._path(name)
        try:
            obstore.put(self._store, path, data, use_multipart=False)
            size = obstore.head(self._store, path)["size"]
        except Exception as error:
            raise _of(error) from error
        if size != len(data):
            raise _cut(len(data), size)

    def get(self, name: str) -> bytes:
        import obstore

        try:
            answer = obstore.get(self._store, self._path(name))
            size = answer.meta["size"]
            data = bytes(answer.bytes())
        except Exception as error:
            raise _of(error) from error
        if len(data) != size:
            raise _cut(size, len(data))
        return data

    def delete(self, name: str) -> None:
        import obstore

        try:
            obstore.delete(self._store, self._path(name))
        except FileNotFoundError:
            return
        except Exception as error:
            raise _of(error) from error

    def _path(self, name: str) -> str:
        _check(name)
        return self._prefix + name


def _check(name: str) -> None:
    if not NAME.match(name):
        raise ValueError("an object's name is 22 to 128 characters of base64url")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _of(error: Exception) -> Fault:
    """An object store's failure. Its message may hold addresses and keys, so only its type goes on."""
    if isinstance(error, FileNotFoundError):
        return _missing()
    name = type(error).__name__
    if isinstance(error, PermissionError) or name in ("UnauthenticatedError", "PermissionDeniedError"):
        return Fault(
            Kind.INTERNAL,
            "vault_refused",
            "the object store refused us.",
            remedy="Check its credentials and what they may do: put, get and delete.",
        )
    return _unreachable(f"{name}")


def _missing() -> Fault:
    return Fault(
        Kind.INTERNAL,
        "vault_missing",
        "an item is not where it was put.",
        remedy="Check that the evidence store is the same as before, and restore it from a backup.",
    )


def _unreachable(why: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "vault_unreachable",
        f"the evidence store does not answer as it should: {why}.",
        remedy="What is kept meanwhile waits, sealed, in the database; check the store.",
    )


def _cut(size: int, found: int) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "vault_cut",
        f"the evidence store has {found} of {size} bytes.",
        remedy="Try again; if it lasts, restore the object from a backup.",
    )


def _unwritable(error: OSError) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "vault_unwritable",
        f"the evidence folder cannot be written: {error.strerror}.",
        remedy="Check its owner and free space; what is kept meanwhile waits, sealed, in the database.",
    )
