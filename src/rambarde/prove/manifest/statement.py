"""The statement: one record of how an image was made, for its manifest and for its XMP.

It serves three duties at once: the EU's AI Act, art. 50(2) (marked as generated or manipulated, signed); California's
latent disclosure, Bus. & Prof. Code 22757.3 (provider, system and version, time, unique id); and India's identifier,
IT Rules as amended by G.S.R. 120(E).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rambarde.nouns.provenance import Disclosure

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = f"{_SOURCE_TYPES}trainedAlgorithmicMedia"
MANIPULATED = f"{_SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
NAMESPACES = {
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
LONGEST = 200
"""Characters of a name."""
UNSTATED = "unstated"


@dataclass(frozen=True, slots=True)
class Statement:
    """Who makes images with what: the same for all of one gateway.

    `provider` is who answers for the system, `system` and `version` the generator's (without a name, the one that
    its adapter gives), `generator` the name and version of the software that signs.
    """

    provider: str
    system: str
    version: str
    generator: tuple[str, str]

    def metadata(self, disclosure: Disclosure, now: datetime) -> dict[str, str]:
        """The record, as XMP properties (IPTC Photo Metadata 2025.1, Dublin Core)."""
        return {
            "Iptc4xmpExt:DigitalSourceType": source_type(disclosure),
            "Iptc4xmpExt:AISystemUsed": self._system(disclosure),
            "Iptc4xmpExt:AISystemVersionUsed": _plain(self.version),
            "dc:publisher": _plain(self.provider),
            "dc:identifier": f"urn:uuid:{disclosure.id}",
            "xmp:CreateDate": _time(now),
            "xmp:CreatorTool": " ".join(self.generator),
        }

    def definition(
        self, disclosure: Disclosure, now: datetime, redacted: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The manifest, as the SDK's builder takes it; `ingredient(n)` names the ingredient of the source `n`.

        `redacted` are URIs of assertions in the ingredients that are left out.
        """
        agent = {"name": self._system(disclosure), "version": _plain(self.version)}
        actions: list[dict[str, Any]] = []
        made = {
            "when": _time(now),
            "softwareAgent": agent,
            "digitalSourceType": source_type(disclosure),
        }
        if disclosure.sources:
            actions.append({"action": "c2pa.opened", "parameters": {"ingredientIds": [ingredient(0)]}})
            actions += [
                {"action": "c2pa.placed", "parameters": {"ingredientIds": [ingredient(place)]}}
                for place in range(1, len(disclosure.sources))
            ]
            actions.append({"action": "c2pa.edited", **made})
        else:
            actions.append({"action": "c2pa.created", **made})
        actions += [
            {"action": "c2pa.redacted", "reason": "c2pa.PII.present", "parameters": {"redacted": uri}}
            for uri in redacted
        ]
        model = {
            "modelType": "c2pa.types.model",
            "modelName": agent["name"],
            "modelIdentifier": f"{agent['name']} {agent['version']}",
            "contentProfile": {"humanOversightLevel": "prompt_guided"},
        }
        context = {"@context": NAMESPACES, **self.metadata(disclosure, now)}
        name, version = self.generator
        return {
            "label": f"urn:c2pa:{disclosure.id}",
            "instance_id": f"urn:uuid:{disclosure.id}",
            "claim_generator_info": [{"name": name, "version": version}],
            "redactions": list(redacted),
            "assertions": [
                _created("c2pa.actions.v2", {"actions": actions, "allActionsIncluded": True}),
                _created("c2pa.ai-disclosure", model),
                _created("cawg.metadata", context) | {"kind": "Json"},
            ],
        }

    def _system(self, disclosure: Disclosure) -> str:
        return _plain(self.system or disclosure.system)


def source_type(disclosure: Disclosure) -> str:
    """The IPTC digital source type: generated, or made from pictures."""
    return MANIPULATED if disclosure.sources else GENERATED


def ingredient(place: int) -> str:
    """How actions name the ingredient of a source."""
    return f"input-{place}"


def _created(label: str, data: dict[str, Any]) -> dict[str, Any]:
    """An assertion that the signer itself answers for."""
    return {"label": label, "created": True, "data": data}


def _time(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(name: str) -> str:
    """A generator may be named by anybody's code: one line, nothing that a format could trip over."""
    return "".join(c for c in name if c.isprintable())[:LONGEST] or UNSTATED
