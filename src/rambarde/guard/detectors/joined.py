"""Names in scripts without blanks: Han, kana and Hangul, family name first, and foreign names in katakana."""

from __future__ import annotations

from rambarde.guard.detectors.lexicon import Match, whole
from rambarde.guard.detectors.namebook import NameBook

FULL, LOOSE = 0.95, 0.6
"""Known family and given name; it could be a name by how it looks."""
_HAN_AFTER = frozenset("的在和与跟穿是把让站坐读看，。、！？ ")
_NAME_ENDS = _HAN_AFTER | frozenset("のがをはにとへで") | frozenset(",.!?;:\n()「」『』《》“”\"'")
_HONORIFICS = ("さん", "ちゃん", "くん", "さま", "様", "先生", "女士", "小姐")
_KOREAN_FAMILY = frozenset(
    "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편"
)
_KOREAN_DOUBLE = ("남궁", "선우", "황보", "제갈", "독고", "사공")
_HAN_DOUBLE = (
    "欧阳",
    "歐陽",
    "司马",
    "司馬",
    "诸葛",
    "諸葛",
    "上官",
    "慕容",
    "司徒",
    "夏侯",
    "东方",
    "皇甫",
    "尉迟",
    "公孙",
)
_GIVEN = frozenset(
    "梓琪雯涵宇桐思浩静雨欣怡诗妍佳嘉俊杰伟磊洋勇艳涛超霞敏丽娟芳娜秀兰英华慧巧美惠珠翠雅芝玉萍红娥玲芬彩香莹婷婉娴瑾颖露瑶毓悦"
    "昭冰爽琬茗羽希宁瑞晨轩睿博涵昊泽铭皓煜哲翰霖彬鑫鹏辉刚健强军建国文斌波晓琳蕊薇菁梦岚苑蓉眉君琴毅"
    "晴芸筱悠奕奇淇彤璐璇瑜琦萱蕾馨曦曼淑贞莉素云莲真环雪荣爱妹香月莺媛瑞凡嫣紫冬雁枫梅倩玥芷若凌柔"
    "志宏明永康伦翔旭楠东海峰松林龙飞平家豪子安正义兴良仁贵福生元全胜学祥才发武新利清彬富顺信星光天达岩中茂进有坚和彪诚先敬震振壮会"
)
"""Characters common in Chinese given names, by the project's own knowledge; the tables hold few."""
_PARTICLES = frozenset("은는이가을를의와과도에")


class Joined:
    """Finds names written together. Immutable, safe in several threads."""

    def __init__(self, book: NameBook, vocabulary: frozenset[str]) -> None:
        self._book, self._vocabulary = book, vocabulary
        names = [term.words for term in book.han_given.terms]
        self._han = frozenset(char for name in names for char in name) | _GIVEN
        hangul = [term.words for term in book.joined.terms if term.words[0] >= "\uac00"]
        self._first = frozenset(name[-2] for name in hangul)
        self._second = frozenset(name[-1] for name in hangul)

    def find(self, text: str) -> list[tuple[float, str]]:
        """Names in a folded text, each with its value. Linear in the text."""
        found = [
            (FULL, match.words)
            for match in self._book.joined.find(text)
            if match.words not in self._vocabulary
        ]
        for match in self._book.han_given.find(text):
            family = text[match.start - 1 : match.start]
            if family in self._book.han_family and _edge(text, match, family):
                name = family + match.words
                word = len(name) < 3 and (name in self._vocabulary or _runs_on(text, match))
                found.append((LOOSE if word else FULL, name))
        found += self._foreign(text)
        found += self._runs(text)
        return found

    def _foreign(self, text: str) -> list[tuple[float, str]]:
        """Two words in katakana with a dot between: any foreign name, and some other things."""
        found: list[tuple[float, str]] = []
        start = 0
        while (dot := text.find("・", start)) > 0:
            left, right = dot, dot + 1
            while left > 0 and "\u30a1" <= text[left - 1] <= "\u30ff" and text[left - 1] != "・":
                left -= 1
            while right < len(text) and "\u30a1" <= text[right] <= "\u30ff" and text[right] != "・":
                right += 1
            if dot - left > 1 and right - dot > 2:
                found.append((LOOSE, text[left:right]))
            start = dot + 1
        return found

    def _runs(self, text: str) -> list[tuple[float, str]]:
        """Runs of Han or Hangul that begin like a family name and go on in characters of given names."""
        found: list[tuple[float, str]] = []
        i, n = 0, len(text)
        while i < n:
            han, hangul = "\u4e00" <= text[i] <= "\u9fff", "\uac00" <= text[i] <= "\ud7a3"
            if not (han or hangul):
                i += 1
                continue
            j = i
            while j < n and (("\u4e00" <= text[j] <= "\u9fff") if han else ("\uac00" <= text[j] <= "\ud7a3")):
                j += 1
            found += self._han_run(text, i, j) if han else self._hangul_run(text[i:j])
            i = j
        return found

    def _han_run(self, text: str, start: int, end: int) -> list[tuple[float, str]]:
        """Family name and two characters of given names between the edges of a name; and `…さん`."""
        found: list[tuple[float, str]] = []
        if text.startswith(_HONORIFICS, end) and end - start > 1:
            found.append((LOOSE, text[start:end]))
        if (end < len(text) and "\u3041" <= text[end] <= "\u30ff") or (
            start and "\u3041" <= text[start - 1] <= "\u30ff"
        ):
            return found + self._japanese(text, start, end)
        for i in range(start, end - 2):
            if i > start and text[i - 1] not in _HAN_AFTER:
                continue
            for size in (2, 1):
                family, name = text[i : i + size], text[i : i + size + 2]
                if (
                    family in _HAN_DOUBLE if size == 2 else family in self._book.han_family
                ) and self._like_given(text, i, size, end):
                    found.append((LOOSE, name))
                    break
        return found

    def _like_given(self, text: str, start: int, size: int, end: int) -> bool:
        one, two = text[start + size : start + size + 1], text[start + size + 1 : start + size + 2]
        stop = start + size + 2
        if stop > end or (stop < end and text[stop] not in _HAN_AFTER):
            return False
        inside = text[start:stop]
        return (
            one in self._han
            and two in self._han
            and one not in _HAN_AFTER
            and two not in _HAN_AFTER
            and inside not in self._vocabulary
            and one + two not in self._vocabulary
            and text[start + size - 1] + one not in self._vocabulary
        )

    def _japanese(self, text: str, start: int, end: int) -> list[tuple[float, str]]:
        """A run that ends in a known given name of two characters, after one to three others."""
        run = text[start:end]
        if 3 <= len(run) <= 6 and run[-2:] in self._book.kanji_given and run not in self._vocabulary:
            return [(LOOSE, run)]
        return []

    def _hangul_run(self, run: str) -> list[tuple[float, str]]:
        """Three syllables, family and given name, perhaps with a particle."""
        size = 2 if run.startswith(_KOREAN_DOUBLE) else 1
        name, rest = run[: size + 2], run[size + 2 :]
        if len(name) < size + 2 or (rest and not (len(rest) == 1 and rest in _PARTICLES)):
            return []
        if size == 1 and name[0] not in _KOREAN_FAMILY:
            return []
        if name[-2] not in self._first or name[-1] not in self._second:
            return []
        parts = (name, run, name[-2:], name[:-1])
        return [] if any(part in self._vocabulary for part in parts) else [(LOOSE, name)]


def _edge(text: str, match: Match, family: str) -> bool:
    """Two characters of given name are enough; one needs an end that a name would have."""
    if len(match.words) > 1:
        return True
    after = text[match.end : match.end + 1]
    before = text[match.start - 2 : match.start - 1] if match.start > 1 else ""
    return (not after or after in _HAN_AFTER) and (
        not before or not whole("中" + before, 0, 1) or before in _HAN_AFTER
    )


def _runs_on(text: str, match: Match) -> bool:
    """`白云和…`: after two characters `and` or `of` says nothing about a name."""
    return text[match.end : match.end + 1] in ("和", "的", "与")
