"""Compose the measuring sets for person-like names: invented people, words that are names, places and brands.

    python training/names_sets.py > training/names_eval.jsonl

All text is this project's own. Family names are put together from syllables that are usual in a culture, given names
are common ones or put together too; nobody is meant, and a name that somebody bears is chance. Every second culture,
and every second thing, is for tuning (`half`: `tune`); the others are for the numbers in docs/accuracy.md.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

SEED = 20261123
WORDS = json.loads(Path(__file__).with_name("names_words.json").read_text("utf-8"))
"""`scenes` by language; `cultures`: language, common given names, syllables that begin and end an invented given name,
and a family name; `words`: things that are words and names, and scenes, each in each; `sentences`; `things`: places,
brands, monuments, and mascots made up here."""
SCENES, CULTURES = WORDS["scenes"], WORDS["cultures"]


def people(rng: random.Random) -> Iterator[dict[str, str]]:
    for culture, (language, common, heads, tails, roots, ends) in CULTURES.items():
        scenes = SCENES[language]
        joint = "" if culture in ("japanese", "katakana", "korean", "chinese") else " "
        root_list = (
            roots.split(" ")
            if culture != "dutch"
            else ["van der Broek", "van den Hoog", "Zwart", "de Kloos", "Ter"]
        )
        end_list = [e for e in (ends.split("  ") if culture == "vietnamese" else ends.split(" ")) if e]
        families = [
            root + (" " + end.strip() if culture == "vietnamese" else end)
            for root in root_list
            for end in end_list
        ]
        rng.shuffle(families)
        if culture == "japanese":
            # The family name, made up, comes first.
            pairs = [
                (family, given, "known given")
                for family, given in zip(families, common.split() * 2, strict=False)
            ]
            pairs += [
                (family, h + t, "both invented")
                for family, h, t in zip(families[10:], heads.split(), tails.split(), strict=False)
            ]
        else:
            given = common.split()
            invented = [h + t for h in heads.split() for t in (tails.split() or [""])]
            rng.shuffle(invented)
            pairs = [(one, family, "known given") for one, family in zip(given * 2, families, strict=False)]
            pairs += [
                (one, family, "both invented") for one, family in zip(invented, families[10:], strict=False)
            ][:4]
        for number, (one, two, how) in enumerate(pairs):
            name = one + joint + two
            text = scenes[number % len(scenes)].format(name)
            yield {
                "set": "invented",
                "language": language,
                "culture": culture,
                "how": how,
                "name": name,
                "text": text,
            }
            if name.lower() != name and number % 2 == 0:
                yield {
                    "set": "invented lower",
                    "language": language,
                    "culture": culture,
                    "how": how,
                    "name": name.lower(),
                    "text": text.lower(),
                }


def rows() -> Iterator[dict[str, str]]:
    rng = random.Random(SEED)
    yield from people(rng)
    for language, (things, scenes) in WORDS["words"].items():
        for thing in things.split("|"):
            for scene in scenes.split("|"):
                gap = "" if language in ("ja", "zh") or scene[0] in " ,，" else " "
                yield {"set": "words", "language": language, "text": f"{thing}{gap}{scene}"}
    for language, sentences in WORDS["sentences"].items():
        for text in sentences:
            yield {"set": "words", "language": language, "text": text}
    for language, texts in WORDS["things"].items():
        for text in texts:
            yield {"set": "things", "language": language, "text": text}


def main() -> None:
    count: dict[str, int] = {}
    for row in rows():
        number = count[row["set"]] = count.get(row["set"], 0) + 1
        if "culture" in row:
            tune = list(CULTURES).index(row["culture"]) % 2 == 0
        else:
            tune = number // 2 % 2 == 0
        head = {"id": f"{row['set'].replace(' ', '-')}-{number}", "half": "tune" if tune else "test"}
        print(json.dumps(head | row, ensure_ascii=False))


if __name__ == "__main__":
    main()
