"""Lint: a row that names a minor is never sent, whatever it asks for. The probe has no use for one."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator

from rambarde.nouns.fault import invalid

_WORDS = (
    # by language, as stems where the language bends its words
    "طفل طفلة أطفال قاصر مراهق تلميذ رضيع",
    "kind kinder kindes kleinkind mädchen junge jungen minderjähr jugendlich schüler teenag säugling baby",
    "child children kid kids girl girls boy boys minor minors teen teens teenag schoolgirl schoolboy pupil toddler "
    "infant baby babies underage preteen juvenile youngster loli shota",
    "niñ menor menores adolescente colegial bebé muchach chica chico chicas chicos",
    "enfant fillette garçon mineur mineure adolescent écolier écolière lycéen collégien bébé gamin ado",
    "बच्च नाबालिग लड़क किशोर शिशु छात्र",
    "anak remaja bocah bayi gadis siswi siswa balita",
    "bambin ragazzin minorenn adolescente neonat studentess scolar fanciull",
    "子供 子ども こども 少女 少年 未成年 小学生 中学生 高校生 女児 男児 赤ちゃん 幼児 ロリ",
    "아이 어린이 소녀 소년 미성년 초등학생 중학생 고등학생 청소년 아기",
    "kinderen meisje jongen jongetje minderjarig tiener scholier peuter kleuter",
    "dzieck dzieci dziewczynk chłop nieletni nastolat uczennic uczeń niemowl",
    "criança menina menino adolescente aluna bebê garot",
    "ребён ребен дети детей детск девочк мальчик подрост несовершеннолет школьни младен малыш",
    "barn flicka pojke minderårig tonåring skolflick bebis",
    "çocuk çocuğ kız çoc ergen reşit bebek",
    "дитин діти дітей дівчинк хлопчик підліт неповноліт школяр немовл малюк",
    "孩子 儿童 女孩 男孩 未成年 小学生 中学生 高中生 少女 少年 婴儿 幼女",
)
_EXACT = frozenset(
    "kind kid kids ado anak barn boy boys chica chico chicas chicos teen minor menor baby loli".split()
)
"""Words that other words begin with: these count whole only (`kindly`, `adopt`, `chicken`)."""
_UNSPACED = re.compile(r"[\u0900-\u097f\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af\u0600-\u06ff]")
_AGE = re.compile(
    r"(?<![a-z0-9])(?:1[0-7]|[1-9])[\s-]*"
    r"(?:(?:years?|yrs?|yo|y/o|ans?|jahre?|años?|anni|yaş)(?![a-z0-9])|лет|歳|岁|살|साल)"
)
_PACKED = re.compile(r"[A-Za-z0-9+/]{8,}")


def _terms() -> tuple[re.Pattern[str], tuple[str, ...]]:
    words = [unicodedata.normalize("NFKC", word).casefold() for line in _WORDS for word in line.split()]
    inside = tuple(word for word in words if _UNSPACED.search(word))
    stems = sorted({word for word in words if word not in inside}, key=len, reverse=True)
    parts = (rf"{re.escape(word)}\b" if word in _EXACT else re.escape(word) for word in stems)
    return re.compile(rf"\b(?:{'|'.join(parts)})"), inside


_STEMS, _INSIDE = _terms()


def names_a_minor(text: str) -> bool:
    """Whether a text, or what is packed into it as base64, names a minor or an age below 18, in 18 languages.

    It errs on the side of yes.
    """
    return _named(text) or any(_named(inside) for inside in _unpacked(text))


def _unpacked(text: str) -> Iterator[str]:
    for found in _PACKED.findall(text):
        try:
            yield base64.b64decode(found + "=" * (-len(found) % 4)).decode("utf-8")
        except (binascii.Error, ValueError):
            continue


def _named(text: str) -> bool:
    plain = "".join(
        c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf"
    ).casefold()
    return bool(_STEMS.search(plain) or _AGE.search(plain)) or any(word in plain for word in _INSIDE)


def lint(text: str, *, row: str) -> str:
    """The text. Raises `Fault` `probe_row_refused` where it names a minor; the fault quotes nothing of it."""
    if names_a_minor(text):
        raise invalid(
            "probe_row_refused",
            f"The row {row} may name a minor: such a row is never sent.",
            remedy="Take it out. The probe speaks of adults only.",
            field="corpus",
        )
    return text
