"""Records on file about one recording, work, party or licence, as text.

`sourceprint.royalties.rights.lookup` finds them. This module lays them out in blocks, with codes in their printed form
and shares with their sums.
"""

from typing import Any

from fingerprint.errors import printable
from sourceprint.identifiers.dpid import format_dpid
from sourceprint.identifiers.isni import format_isni
from sourceprint.identifiers.isrc import format_isrc
from sourceprint.identifiers.iswc import format_iswc
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rights.licence_toml import licence_of, licence_toml
from sourceprint.royalties.rights.share_sums import territories_text
from sourceprint.royalties.territories import Territories
from sourceprint.text.tables import exact_clock

__all__ = ["show_rights"]


def show_rights(document: dict[str, Any]) -> str:
    """Return records on file, as `rights_to_json` has them, as text with a line break at the end."""
    blocks = [block for found in document["found"] for block in _LAYOUTS[found["kind"]](found)]
    blocks.append(_block("history", [_version(one) for one in document["history"]]))
    return "\n".join(printable(line) for block in blocks for line in block) + "\n"


def _recording(found: dict[str, Any]) -> list[list[str]]:
    title = f"{found['title']} ({found['subtitle']})" if found["subtitle"] else found["title"]
    facts = {
        "title": title,
        "artists": ", ".join(found["artists"]),
        "ISRC": format_isrc(found["isrc"]).removeprefix("ISRC ") if found["isrc"] else "not known",
        "label": found["label"],
        "length": "" if found["duration_ms"] is None else exact_clock(found["duration_ms"]),
        "in the index": found["index_id"] or f"no id on file{'; looked for by its ISRC' if found['isrc'] else ''}",
        "vocals": found["vocals"] or "not known",
        "tags": ", ".join(found["tags"]),
    }
    works = [
        f"{work['id']}  {_iswc(work['iswc'])}  {work['title']}  {format_percent(work['millionths'])}"
        for work in found["works"]
    ]
    contains = [
        f"{part['id']}  {part['title']}  {exact_clock(part['start_ms'])} to {exact_clock(part['end_ms'])}"
        for part in found["contains"]
    ]
    return [
        _head("recording", found["id"], facts),
        _block("works", works or ["none on file: royalties for works stay unclaimed"]),
        _block("contains", contains),
        _block("is contained in", found["contained_in"]),
        *_shares(found),
        _licences(found),
    ]


def _work(found: dict[str, Any]) -> list[list[str]]:
    facts = {"title": found["title"], "ISWC": _iswc(found["iswc"]), "writers": ", ".join(found["writers"])}
    if found["disputed"] == "yes":
        facts["in dispute"] = "all its shares are held"
    return [
        _head("work", found["id"], facts),
        _block("recordings", [f"{recording['id']}  {recording['title']}" for recording in found["recordings"]]),
        *_shares(found),
        _licences(found),
    ]


def _party(found: dict[str, Any]) -> list[list[str]]:
    facts = {
        "name": found["name"],
        "IPI": found["ipi"],
        "ISNI": format_isni(found["isni"]) if found["isni"] else "",
        "DPID": format_dpid(found["dpid"]) if found["dpid"] else "",
    }
    shares = [f"{share['subject']} {share['subject_id']}  {_share(share)}" for share in found["shares"]]
    return [_head("party", found["id"], facts), _block("shares", shares or ["none on file"]), _licences(found)]


def _licence(found: dict[str, Any]) -> list[list[str]]:
    toml = licence_toml(licence_of(found["document"], found["digest"]))
    return [_head("licence", found["id"], {"digest": found["digest"]}), ["", *toml.splitlines()]]


_LAYOUTS = {"recording": _recording, "work": _work, "party": _party, "licence": _licence}


def _head(kind: str, record_id: str, facts: dict[str, str]) -> list[str]:
    return [f"{kind} {record_id}", *(f"  {name:<12}  {fact}" for name, fact in facts.items() if fact)]


def _block(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def _shares(found: dict[str, Any]) -> list[list[str]]:
    shares = [f"{_share(share)}  {_owner(share)}" for share in found["shares"]]
    sums = []
    for one in found["sums"]:
        where = f"{one['right']} {territories_text(one['territories'])}{_days(one['valid_from'], one['valid_to'])}"
        verdict = ""
        if one["overclaim_millionths"]:
            verdict = f": overclaim of {format_percent(one['overclaim_millionths'])}, held"
        elif one["unclaimed_millionths"]:
            verdict = f": {format_percent(one['unclaimed_millionths'])} unclaimed"
        sums.append(f"{where}  {format_percent(one['millionths'])}{verdict}")
    return [_block("shares", shares or ["none on file: all royalties stay unclaimed"]), _block("sums", sums)]


def _share(share: dict[str, Any]) -> str:
    where = Territories(tuple(share["include"]), tuple(share["exclude"]))
    return (
        f"{share['right']}  {format_percent(share['millionths'])}  {where}"
        f"{_days(share['valid_from'], share['valid_to'])}  [{share['id']}]"
    )


def _owner(share: dict[str, Any]) -> str:
    if not share["party_id"]:
        return "owner not known"
    name = f" ({share['party_name']})" if share["party_name"] not in ("", share["party_id"]) else ""
    return f"{share['party_id']}{name}{', ' + share['role'] if share['role'] else ''}"


def _licences(found: dict[str, Any]) -> list[str]:
    lines = [
        f"{one['id']}  {one['licensor']} to {one['licensee']}  {', '.join(one['purposes'])}"
        f"{_days(one['valid_from'], one['valid_to'])}"
        for one in found["licences"]
    ]
    return _block("licences", lines or ["none on file"])


def _version(one: dict[str, Any]) -> str:
    source = f" from {one['source']}" if one["source"] else ""
    ended = "" if one["until"] is None else f"; until revision {one['until']}, {one['ended_at']} by {one['ended_by']}"
    return f"revision {one['since']}, {one['made_at']} by {one['made_by']}{source}{ended}"


def _iswc(code: str) -> str:
    return format_iswc(code) if code else "ISWC not known"


def _days(valid_from: str, valid_to: str) -> str:
    if valid_from and valid_to:
        return f" from {valid_from} to {valid_to}"
    return f" from {valid_from} on" if valid_from else f" until {valid_to}" if valid_to else ""
