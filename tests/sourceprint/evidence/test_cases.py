"""A signed case is verified from its file alone, and every change in it is found."""

from __future__ import annotations

import dataclasses
import datetime
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fingerprint.digests import pretty_json
from fingerprint.errors import EvidenceError, ParameterError, StorageFullError, VerificationError
from index.recheck.trace import TracedPassage
from index.recheck.trace_file import trace_from_bytes, trace_to_bytes
from sourceprint.evidence.cases.archive import (
    CASE,
    LIMITS,
    OPTIONAL,
    PAGE,
    README,
    RESULT,
    SIGNATURE,
    SUMS,
    TRACE,
    open_archive,
    pack,
)
from sourceprint.evidence.cases.case import choose, make_case, read_trace_file, write_case
from sourceprint.evidence.cases.contents import (
    DOES_NOT_PROVE,
    PROVES,
    Remarks,
    parse_json,
    readme_bytes,
    sums_bytes,
)
from sourceprint.evidence.cases.recomputation import read_trace_member
from sourceprint.evidence.cases.verdict import CaseVerdict, check_case, read_case
from sourceprint.evidence.cases.verdict_text import verdict_json, verdict_text
from sourceprint.scans.results import ScanResult, read_result
from sourceprint.scans.run_folder import Run
from sourceprint.signatures import PrivateKey, signature_bytes
from sourceprint.transparency import Checkpoint
from tests.command_line import RATE_HZ, music, run, write
from tests.places import ROOT
from tests.scan_records import a_match, a_result

KEY = PrivateKey(bytes(range(32)), "tone-records")
OTHER = PrivateKey(bytes(32), "somebody-else")
REMARKS = Remarks(datetime.date(2026, 1, 31), "für das Gericht\n", "1.0")
PAGE_BYTES = b"<!doctype html><title>Evidence</title>"
CHECKPOINT_BYTES = Checkpoint("example.com/log", 3, bytes(32)).signed(KEY).to_bytes()
UNCHECKED = (
    *("index.algorithm", "index.recordings", "reason", "scan_id"),
    *("searched.exclude", "searched.only", "searched.recordings", "timing_ms"),
    *("track.bytes", "track.decoder", "track.name", "track.notes"),
)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run over three files: two sources in one, one of two copies in another, nothing in the third."""
    folder = tmp_path_factory.mktemp("cases")

    def cut(seed: int, start: float, seconds: float) -> Any:
        return music(seed, 30.0)[round(start * RATE_HZ) : round((start + seconds) * RATE_HZ)]

    for seed in (1, 2, 3):
        write(folder / "music" / f"s{seed}.wav", music(seed, 30.0))
    write(folder / "music" / "copy.wav", np.concatenate([music(50, 2.0), 0.5 * music(3, 30.0)]))
    assert run("add", folder / "music", "--quiet", index=folder / "index").exit_code == 0
    mixed = np.concatenate([music(70, 6.0), cut(1, 5.0, 9.0), music(71, 5.0), cut(2, 12.0, 8.0)])
    write(folder / "made" / "song.wav", mixed)
    write(folder / "made" / "other song.wav", cut(3, 4.0, 9.0))
    write(folder / "made" / "nothing.wav", music(72, 8.0))
    done = run("scan", folder / "made", "--out", folder / "RUN", "--jobs", "1", "--quiet", index=folder / "index")
    assert done.exit_code == 0, done.stderr
    return Run.open(folder / "RUN")


def of(scanned: Run, wanted: str) -> tuple[ScanResult, bytes]:
    result = choose(scanned.results(), wanted)
    return result, read_trace_file(scanned, result)


@pytest.fixture(scope="module")
def case(scanned: Run) -> bytes:
    return make_case(*of(scanned, "song.wav"), KEY, REMARKS, page=PAGE_BYTES, checkpoint=CHECKPOINT_BYTES)


@pytest.fixture(scope="module")
def other_case(scanned: Run) -> bytes:
    return make_case(*of(scanned, "other song.wav"), KEY, REMARKS, page=PAGE_BYTES, checkpoint=CHECKPOINT_BYTES)


def members_of(data: bytes) -> dict[str, bytes]:
    return dict(open_archive(data, name="a case").members)


def resigned(members: dict[str, bytes], key: PrivateKey) -> bytes:
    """Return a case whose sums and signature were made anew, as one who alters it would."""
    members = {**members, SUMS: sums_bytes(members)}
    return pack({**members, SIGNATURE: signature_bytes(key, members[SUMS])})


def readme_for(result: bytes, key: PrivateKey) -> bytes:
    return readme_bytes(read_result(json.loads(result)), key.public, optional=OPTIONAL)


def verdict_on(data: bytes, *keys: PrivateKey) -> CaseVerdict:
    return check_case(data, name="case.zip", keys=[key.public for key in keys])


def wrong(data: bytes, *keys: PrivateKey) -> set[str]:
    """Return the names of the checks that a case does not pass."""
    return {check.name for check in verdict_on(data, *keys).checks if check.problems}


def changed_json(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    fields = json.loads(data)
    change(fields)
    return pretty_json(fields)


def changed_find(data: bytes, change: Callable[[TracedPassage], TracedPassage]) -> bytes:
    """Return a trace whose first passage was changed."""
    trace = trace_from_bytes(data, name="trace")
    part = trace.parts[0]
    part = dataclasses.replace(part, passages=(change(part.passages[0]), *part.passages[1:]))
    return trace_to_bytes(dataclasses.replace(trace, parts=(part, *trace.parts[1:])))


def directory_of(data: bytes) -> int:
    """Return where the directory at the end begins; trace.spt has one of its own."""
    return int.from_bytes(data[-6:-2], "little")


def first_segment(result: dict[str, Any]) -> dict[str, Any]:
    segment: dict[str, Any] = result["matches"][0]["passages"][0]
    return segment


# A good case.


@pytest.mark.same_bytes
def test_a_good_case_holds_and_says_every_figure_twice(case: bytes, scanned: Run) -> None:
    verdict = verdict_on(case, KEY)
    assert verdict.problems == ()
    assert verdict.trusted == KEY.public
    assert verdict.comparison is not None
    assert verdict.comparison.unchecked == UNCHECKED
    assert all(figure.agrees for figure in verdict.comparison.figures)
    stated = {(figure.of, figure.name): figure.recomputed for figure in verdict.comparison.figures}
    result, _ = of(scanned, "song.wav")
    for match in result.raw["matches"]:
        assert stated[match["recording_id"], "track_match_ms"] == match["track_match_ms"]
        for number, segment in enumerate(match["passages"], start=1):
            of_passage = f"{match['recording_id']}, passage {number}"
            assert segment["alternatives"] == []
            for name in segment.keys() - {"alternatives"}:
                assert stated[of_passage, name] == segment[name]
    verdict.insist()


@pytest.mark.same_bytes
def test_the_same_run_key_and_remarks_give_the_same_bytes(case: bytes, scanned: Run) -> None:
    assert make_case(*of(scanned, "song.wav"), KEY, REMARKS, page=PAGE_BYTES, checkpoint=CHECKPOINT_BYTES) == case
    assert make_case(*of(scanned, "song.wav"), OTHER, REMARKS, page=PAGE_BYTES, checkpoint=CHECKPOINT_BYTES) != case


def test_members_are_as_the_format_says(case: bytes, scanned: Run) -> None:
    with zipfile.ZipFile(io.BytesIO(case)) as file:
        assert file.namelist() == list(LIMITS)
        assert file.testzip() is None
    members = members_of(case)
    result, trace = of(scanned, "song.wav")
    assert json.loads(members[RESULT]) == result.raw
    assert members[TRACE] == trace
    assert members[PAGE] == PAGE_BYTES
    facts = json.loads(members[CASE])
    assert facts["file"] == {"name": result.name, "sha256": result.sha256, "duration_ms": result.duration_ms}
    assert facts["index"]["digest"] == result.index_digest
    assert (facts["made_on"], facts["note"], facts["signer"]["id"]) == ("2026-01-31", REMARKS.note, KEY.public.id)
    assert (facts["proves"], facts["does_not_prove"]) == (list(PROVES), list(DOES_NOT_PROVE))


def test_the_document_and_the_readme_state_the_proof_of_a_case_in_the_words_of_the_program(case: bytes) -> None:
    document = re.sub(r"\s+", " ", (ROOT / "docs" / "formats" / "case.md").read_text("utf-8"))
    readme = members_of(case)[README].decode("utf-8")
    for sentence in (*PROVES, *DOES_NOT_PROVE):
        assert f"- {sentence}" in document
        assert f"- {sentence}" in readme
    assert all(f"`{name}`" in document for name in LIMITS)
    assert all(f"  {name} " in readme for name in LIMITS)


def commands_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if re.match(r"\s*(\(printf|sed|sha256sum|openssl)\b", line)]


@pytest.mark.skipif(not shutil.which("openssl") or not shutil.which("sha256sum"), reason="needs openssl and sha256sum")
def test_a_case_is_verified_by_hand_as_its_readme_and_the_document_say(case: bytes, tmp_path: Path) -> None:
    members = members_of(case)
    steps = commands_of(members[README].decode("utf-8"))
    assert len(steps) == 5
    assert commands_of((ROOT / "docs" / "formats" / "case.md").read_text("utf-8")) == steps
    for name, content in members.items():
        (tmp_path / name).write_bytes(content)

    def done(step: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", step], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )

    outputs = [done(step) for step in steps]
    if "pkeyutl" in outputs[3].stderr and "rawin" in outputs[3].stderr:
        pytest.skip("this openssl is older than version 3")
    assert [output.returncode for output in outputs] == [0] * 5, outputs
    assert outputs[0].stdout.count(": OK\n") == 6
    assert "Signature Verified Successfully" in outputs[3].stdout
    assert outputs[4].stdout.startswith(KEY.public.id)
    (tmp_path / PAGE).write_bytes(PAGE_BYTES + b" ")
    assert done(steps[0]).returncode != 0
    (tmp_path / SUMS).write_bytes(sums_bytes({**members, PAGE: b""}))
    assert done(steps[3]).returncode != 0


def test_a_case_without_a_page_holds(scanned: Run) -> None:
    data = make_case(*of(scanned, "song.wav"), KEY, Remarks(None, "", "1.0"))
    verdict = verdict_on(data)
    assert verdict.consistent
    assert not verdict.has_page
    assert PAGE not in json.loads(members_of(data)[CASE])["members"]
    assert PAGE not in members_of(data)[README].decode("utf-8")


def test_a_case_of_the_first_version_holds_for_ever() -> None:
    # Cases in others' hands must still be verified when the search has moved on: this file is never made anew.
    data = read_case(ROOT / "tests" / "data" / "case-v1.zip")
    verdict = verdict_on(data, KEY)
    assert verdict.problems == ()
    assert verdict.comparison is not None
    assert {figure.of for figure in verdict.comparison.figures} == {"s1", "s1, passage 1"}
    assert parse_json(members_of(data)[CASE])["schema"] == "sourceprint/case/1"


def test_last_digits_may_differ_and_no_others(case: bytes) -> None:
    def nudged(name: str, by: float) -> set[str]:
        def change(result: dict[str, Any]) -> None:
            segment = first_segment(result)
            segment[name] = segment[name] + by

        members = members_of(case)
        return wrong(resigned({**members, RESULT: changed_json(members[RESULT], change)}, KEY), KEY)

    for name, digit in (
        ("tempo_percent", 0.01),
        ("pitch_cents", 0.1),
        ("expected_by_chance", 0.001),
        ("p_false", 1e-12),
    ):
        assert nudged(name, digit) == set(), name
        assert nudged(name, 2.1 * digit) == {"figures"}, name
    for name in ("track_start_ms", "recording_end_ms", "aligned_landmarks"):
        assert nudged(name, 1) == {"figures"}, name


def test_fields_that_landmarks_say_nothing_about_are_named_as_not_checked(case: bytes) -> None:
    members = members_of(case)
    result = changed_json(members[RESULT], lambda result: result["matches"][0].update(owner="me"))
    verdict = verdict_on(resigned({**members, RESULT: result}, KEY))
    assert verdict.comparison is not None
    assert set(verdict.comparison.unchecked) - set(UNCHECKED) == {"owner"}
    assert "not checked  " in verdict_text(verdict)
    result = changed_json(members[RESULT], lambda result: result.update(court="agrees", searched_by={"a\n": 1}))
    verdict = verdict_on(resigned({**members, RESULT: result}, KEY))
    assert verdict.comparison is not None
    assert set(verdict.comparison.unchecked) - set(UNCHECKED) == {"court", "searched_by.a\n"}
    assert (
        r"searched_by.a\n, timing_ms, track.bytes, track.decoder, track.name, track.notes: as the signer states; "
        in verdict_text(verdict)
    )


def test_a_readme_with_words_of_its_own_is_refused_though_all_was_signed_anew(case: bytes) -> None:
    data = resigned({**members_of(case), README: b"A court has confirmed this case.\n"}, KEY)
    assert wrong(data, KEY) == {"description"}


# Changes after signing.


@pytest.mark.parametrize(
    ("name", "change", "checks"),
    [
        (
            RESULT,
            lambda data: data.replace(b'"aligned_landmarks": 1', b'"aligned_landmarks": 9'),
            {"digests", "figures"},
        ),
        (TRACE, lambda data: changed_find(data, moved), {"digests", "figures"}),
        (PAGE, lambda data: data.replace(b"Evidence", b"evidence"), {"digests"}),
        (README, lambda data: data + b"\n", {"digests", "description"}),
        (CASE, lambda data: data.replace(b"Gericht", b"Finanzamt"), {"digests"}),
        (CASE, lambda data: data.replace(b"tone-records", b"tone-recordz"), {"digests", "description"}),
        (SUMS, lambda data: data.replace(b"0", b"1"), {"digests", "signature"}),
        (SUMS, lambda data: data + data.splitlines(keepends=True)[0], {"digests", "signature"}),
        (SIGNATURE, lambda data: data.replace(b"tone-records", b"tone-recordz"), {"description"}),
        (SIGNATURE, lambda data: signature_bytes(KEY, b"another text"), {"signature"}),
        (SIGNATURE, lambda data: data + b"\n", {"signature", "description"}),
        (SIGNATURE, lambda data: b"\xff" * 200, {"signature", "description"}),
    ],
    ids=["result", "landmark", "page", "readme", "note", "signer", "sums", "sums-twice", "name", "old", "end", "noise"],
)
def test_changes_are_named(case: bytes, name: str, change: Callable[[bytes], bytes], checks: set[str]) -> None:
    members = members_of(case)
    changed = change(members[name])
    assert changed != members[name]
    data = pack({**members, name: changed})
    assert wrong(data) == checks
    with pytest.raises(VerificationError, match=r"^case\.zip: does not hold: "):
        verdict_on(data).insist()
    assert "Nothing, as it does not hold." in verdict_text(verdict_on(data))


def moved(find: TracedPassage) -> TracedPassage:
    seconds = find.seconds.copy()
    seconds[seconds.size // 4 : seconds.size // 2] += 0.08
    return dataclasses.replace(find, seconds=np.sort(seconds))


def test_a_case_of_another_key_is_refused_where_a_key_is_given(case: bytes) -> None:
    assert wrong(case, KEY) == set()
    assert wrong(case, OTHER, KEY) == set()
    assert wrong(case, OTHER) == {"key"}
    members = members_of(case)
    facts = changed_json(
        members[CASE], lambda facts: facts["signer"].update(id=OTHER.public.id, name=OTHER.public.name)
    )
    data = resigned({**members, CASE: facts, README: readme_for(members[RESULT], OTHER)}, OTHER)
    # Whole, but somebody else's.
    assert wrong(data) == set()
    assert wrong(data, KEY) == {"key"}
    assert "nobody has said whose key that is: give --key" in verdict_text(verdict_on(data))


def test_a_case_holds_only_for_those_who_vouch_for_its_key(case: bytes) -> None:
    stranger = verdict_on(case)
    assert (stranger.consistent, stranger.holds) == (True, False)
    first = verdict_text(stranger).splitlines()[0]
    assert first == (
        "case.zip: NOT VERIFIED: consistent, but signed with a key that nobody vouches for: fingerprint "
        f"{KEY.public.fingerprint}"
    )
    assert KEY.public.fingerprint == sha256(KEY.public.raw).hexdigest()
    with pytest.raises(VerificationError, match=r"not verified: it is signed, but nobody vouches for the key"):
        stranger.insist()
    stranger.insist(any_key=True)
    fields = verdict_json(stranger)
    assert (fields["holds"], fields["consistent"], fields["trusted"], fields["problems"]) == (False, True, False, [])
    known = check_case(case, name="case.zip", keys=["0" * 64, KEY.public.fingerprint])
    assert (known.holds, known.trusted) == (True, KEY.public.fingerprint)
    assert "whose fingerprint you gave; it calls itself" in verdict_text(known)
    wrong_one = check_case(case, name="case.zip", keys=["0" * 64])
    with pytest.raises(VerificationError, match=f"not by {'0' * 64}, which was given as the signer's"):
        wrong_one.insist(any_key=True)
    short = check_case(case, name="case.zip", keys=[KEY.public.id])
    assert not short.holds


@pytest.mark.parametrize(
    "change",
    [
        lambda result: first_segment(result).update(aligned_landmarks=900),
        lambda result: first_segment(result).update(p_false=1e-8),
        lambda result: first_segment(result).update(track_end_ms=15_500),
        lambda result: first_segment(result).update(also_fits=["s3"]),
        lambda result: first_segment(result).pop("excluded"),
        lambda result: result["matches"][0].update(recording_id="s9"),
        lambda result: result["matches"][0].update(title="Yesterday"),
        lambda result: result["matches"][0].update(track_match_percentage=99.0),
        lambda result: result["matches"][0]["passages"].append(dict(first_segment(result))),
        lambda result: result["matches"].pop(),
        lambda result: result["matches"].reverse(),
    ],
)
def test_figures_that_do_not_follow_from_the_landmarks_are_found_though_all_was_signed_anew(
    case: bytes, change: Callable[[dict[str, Any]], object]
) -> None:
    members = members_of(case)
    result = changed_json(members[RESULT], change)
    data = resigned({**members, RESULT: result, README: readme_for(result, KEY)}, KEY)
    assert wrong(data, KEY) == {"figures"}


def first_alternative(result: dict[str, Any]) -> dict[str, Any]:
    alternative: dict[str, Any] = first_segment(result)["alternatives"][0]
    return alternative


@pytest.mark.parametrize(
    "change",
    [
        lambda result: first_alternative(result).update(aligned_landmarks=900),
        lambda result: first_alternative(result).update(same_audio=False),
        lambda result: first_alternative(result).update(recording_start_ms=1_000),
        lambda result: first_alternative(result).update(title="Yesterday"),
        lambda result: first_segment(result)["alternatives"].clear(),
        lambda result: first_segment(result)["alternatives"].append(first_alternative(result)),
        lambda result: first_segment(result)["also_fits"].clear(),
    ],
)
def test_figures_of_alternatives_are_computed_again_like_all_others(
    other_case: bytes, change: Callable[[dict[str, Any]], object]
) -> None:
    assert wrong(other_case, KEY) == set()
    members = members_of(other_case)
    result = changed_json(members[RESULT], change)
    data = resigned({**members, RESULT: result, README: readme_for(result, KEY)}, KEY)
    assert wrong(data, KEY) == {"figures"}


@pytest.mark.parametrize(
    "change",
    [
        moved,
        lambda find: dataclasses.replace(find, recording_codes=np.roll(find.recording_codes, 1, axis=0)),
        lambda find: dataclasses.replace(find, recording=dataclasses.replace(find.recording, id="s9")),
        lambda find: dataclasses.replace(find, recording_times=find.recording_times + np.uint32(600 * 4096)),
    ],
    ids=["times", "descriptors", "recording", "nothing-aligned"],
)
def test_landmarks_that_give_other_figures_are_found_though_all_was_signed_anew(
    case: bytes, change: Callable[[TracedPassage], TracedPassage]
) -> None:
    members = members_of(case)
    data = resigned({**members, TRACE: changed_find(members[TRACE], change)}, KEY)
    assert wrong(data, KEY) == {"figures"}


def test_members_of_two_cases_do_not_go_together(case: bytes, other_case: bytes) -> None:
    one, other = members_of(case), members_of(other_case)
    assert wrong(pack({**one, SIGNATURE: other[SIGNATURE]})) == {"signature"}
    assert wrong(pack({**one, SUMS: other[SUMS], SIGNATURE: other[SIGNATURE]})) == {"digests"}
    assert wrong(pack({**one, TRACE: other[TRACE]})) == {"digests", "search", "figures"}
    assert {"search", "figures", "description"} <= wrong(resigned({**one, RESULT: other[RESULT]}, KEY))


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("sha256", {"sha256": "0" * 64}),
        ("index", {"index_digest": "sha256:00"}),
        ("settings", {"settings_digest": "sha256:00"}),
        ("scales", {"scales": (1.0,)}),
    ],
)
def test_a_trace_of_another_search_is_found(case: bytes, field: str, change: dict[str, Any]) -> None:
    members = members_of(case)
    trace = dataclasses.replace(trace_from_bytes(members[TRACE], name="trace"), **change)
    assert "search" in wrong(resigned({**members, TRACE: trace_to_bytes(trace)}, KEY), KEY), field


def test_a_description_with_claims_of_its_own_is_refused(case: bytes) -> None:
    members = members_of(case)
    for change in ({"proves": ["Tone Records owns it."]}, {"owner": "Tone Records"}, {"note": ""}, {"made_on": "soon"}):
        facts = changed_json(members[CASE], lambda facts, change=change: facts.update(change))  # type: ignore[misc]
        assert wrong(resigned({**members, CASE: facts}, KEY), KEY) == {"description"}


# Kinds of files.


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.9999])
def test_a_truncated_case_does_not_hold(case: bytes, part: float) -> None:
    verdict = verdict_on(case[: int(part * len(case))])
    assert not verdict.consistent
    assert verdict.problems[0].startswith("it has no readable directory at its end: it was cut short")


def test_no_byte_can_be_altered_unnoticed(case: bytes) -> None:
    rng = np.random.default_rng(0)
    headers = [match.start() + offset for match in re.finditer(rb"PK\x03\x04", case) for offset in range(30)]
    at_the_end = range(directory_of(case), len(case))
    for place in {*rng.integers(0, len(case), 60).tolist(), *rng.choice(headers, 60).tolist(), *at_the_end}:
        altered = bytearray(case)
        altered[place] ^= 1 << int(rng.integers(8))
        try:
            opened = open_archive(bytes(altered), name="altered")
        except EvidenceError:
            continue
        assert opened.problems, place


@pytest.mark.parametrize(
    "change",
    [
        lambda case: b"#!/bin/sh\n" + case,
        lambda case: case + b"\n",
        lambda case: case[:-2] + b"\x05\x00words",
        lambda case: case[: directory_of(case)] + b"words" + case[directory_of(case) :],
    ],
    ids=["before", "after", "comment", "between"],
)
def test_a_case_with_something_beside_its_members_is_refused(case: bytes, change: Callable[[bytes], bytes]) -> None:
    try:
        problems = verdict_on(change(case)).problems
    except EvidenceError as error:  # no beginning of a case
        problems = (str(error),)
    assert problems


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
    return sink.getvalue()


def a_link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


def test_an_archive_of_another_form_is_refused_member_by_member(case: bytes) -> None:
    whole = list(members_of(case).items())

    def problems(data: bytes) -> str:
        return "; ".join(verdict_on(data).problems)

    assert "it is not packed as Sourceprint packs a case" in problems(zipped(*whole))  # packed anew: today's date
    assert f"{TRACE} is compressed" in problems(zipped(*whole, compression=zipfile.ZIP_DEFLATED))
    assert "it holds ../../x, which is no part" in problems(zipped(*whole, ("../../x", b"")))
    assert "it holds /etc/passwd, which is no part" in problems(zipped(*whole, ("/etc/passwd", b"")))
    assert "it holds a\\nb, which is no part" in problems(zipped(*whole, ("a\nb", b"")))
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zipped(*whole, (RESULT, b"{}"))
    assert f"it holds {RESULT} twice" in problems(twice)
    assert f"{SIGNATURE} is missing" in problems(zipped(*whole[:-1]))
    links = [(a_link(name) if name == PAGE else name, content) for name, content in whole]
    assert "it is not packed as Sourceprint packs a case" in problems(zipped(*links))


def test_an_encrypted_member_is_named(case: bytes) -> None:
    altered = bytearray(case)
    altered[directory_of(case) + 8] |= 1
    assert f"{CASE} is encrypted" in verdict_on(bytes(altered)).problems


def test_a_bomb_is_refused_by_its_stated_size_and_by_its_compression(
    case: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [(name, content) for name, content in members_of(case).items() if name != PAGE]
    bomb = zipped(*whole, (PAGE, bytes(100_000)), compression=zipfile.ZIP_DEFLATED)
    monkeypatch.setattr("zipfile.ZipFile.read", lambda *_: pytest.fail("a member was read"))
    assert f"{PAGE} is compressed, and members of a case never are" in verdict_on(bomb).problems
    monkeypatch.undo()
    monkeypatch.setitem(LIMITS, PAGE, 10)
    assert f"{PAGE} says to have {len(PAGE_BYTES)} bytes, of at most 10" in verdict_on(case).problems
    with pytest.raises(EvidenceError, match=r"page\.html would have 38 bytes, a case holds at most 10"):
        pack({PAGE: PAGE_BYTES})


def test_a_directory_of_very_many_members_is_not_read(case: bytes) -> None:
    crowd = zipped(*members_of(case).items(), *((f"m{k}", b"") for k in range(500)))
    assert verdict_on(crowd).problems[0].startswith("it has no readable directory")


@pytest.mark.parametrize("data", [b"", b"PK", b"RIFF" + bytes(100), zipped(("a.txt", b"words"))])
def test_a_file_that_is_no_case_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError, match=r"^x: is no case; give the file that `sourceprint evidence` made$"):
        check_case(data, name="x")


def test_a_file_that_is_larger_than_any_case_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "big.zip").write_bytes(bytes(101))
    monkeypatch.setattr("sourceprint.evidence.cases.verdict.LARGEST_BYTES", 100)
    with pytest.raises(EvidenceError, match=r"big\.zip: is no case, since it has more than 100 bytes"):
        read_case(tmp_path / "big.zip")
    with pytest.raises(EvidenceError, match=r"none\.zip: cannot be read \(No such file"):
        read_case(tmp_path / "none.zip")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"{", b'{"schema": NaN}', b'{"a": 1e999}', b'{"a": 1, "a": 2}', b'{"a": ' + b"9" * 4000 + b"}",
        b'{"a": ' * 100_000, b'{"a": ' * 80 + b"1" + b"}" * 80, b"\xff\xfe", b'{"schema": "sourceprint/scan-result/2"}',
    ],
    ids=["empty", "list", "cut", "nan", "infinity", "twice", "digits", "deep", "rather-deep", "bytes", "version"],
)  # fmt: skip
@pytest.mark.parametrize("name", [RESULT, CASE])
def test_json_that_is_none_or_hostile_is_named(case: bytes, name: str, text: bytes) -> None:
    found = wrong(resigned({**members_of(case), name: text}, KEY), KEY)
    assert ("result" if name == RESULT else "description") in found


@pytest.mark.parametrize("header", [b"(" * 5000, b"[" * 60_000, b"'", b"{'descr': '<f8'"])
def test_arrays_with_hostile_headers_are_named_though_all_was_signed_anew(case: bytes, header: bytes) -> None:
    members = members_of(case)
    with zipfile.ZipFile(io.BytesIO(members[TRACE])) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    arrays["seconds.npy"] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    members[TRACE] = zipped(*((zipfile.ZipInfo(name), data) for name, data in arrays.items()))
    assert "landmarks" in wrong(resigned(members, KEY), KEY)


def test_a_trace_that_would_take_too_long_is_refused(case: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    members = members_of(case)
    dense = changed_find(
        members[TRACE], lambda find: dataclasses.replace(find, recording_times=np.zeros_like(find.recording_times))
    )
    without: Any = {  # so that nothing is compared
        "recording_times": np.empty(0, np.uint32),
        "recording_bins": np.empty(0, np.uint16),
        "recording_codes": np.empty((0, 8), np.uint8),
    }
    pieces = changed_find(members[TRACE], lambda find: dataclasses.replace(find, pieces=find.pieces * 300, **without))
    trace = trace_from_bytes(members[TRACE], name="trace")
    part = trace.parts[0]
    far = (part.passages[0].seconds - part.passages[0].seconds[0]) * 40_000
    find = dataclasses.replace(part.passages[0], seconds=far, pieces=part.passages[0].pieces * 5, **without)
    heard = dataclasses.replace(part.circumstances, duration_seconds=float(far[-1]))
    long = trace_to_bytes(
        dataclasses.replace(trace, parts=(dataclasses.replace(part, circumstances=heard, passages=(find,)),))
    )
    monkeypatch.setattr("sourceprint.evidence.cases.recomputation._MOST_STEPS", 1e6)
    read_trace_member(members[TRACE])
    for hostile in (dense, pieces, long):
        with pytest.raises(EvidenceError, match="denser landmarks than a case may have"):
            read_trace_member(hostile)
    monkeypatch.setattr("sourceprint.evidence.cases.recomputation._MOST_PASSAGES", 2)
    assert wrong(case) == {"landmarks", "search", "figures", "description"}


def test_text_from_a_case_cannot_forge_a_line_of_the_verdict(scanned: Run) -> None:
    result, trace = of(scanned, "song.wav")
    row = {**result.raw, "track": {**result.raw["track"], "name": "a\n  ok     key\x1b[31m"}}
    data = make_case(read_result(row), trace, KEY, Remarks(None, "x\n\nWhat it proves\n- all", "1.0"))
    text = verdict_text(verdict_on(data))
    assert "\x1b" not in text
    assert r"  file    a\n  ok     key\x1b[31m" in text
    assert text.count("\nWhat it proves\n") == 1
    assert "\x1b" not in members_of(data)[README].decode("utf-8")


def test_the_verdict_as_json_has_every_field(case: bytes) -> None:
    good, bad = verdict_json(verdict_on(case, KEY)), verdict_json(verdict_on(case[:1000]))
    assert list(good) == list(bad)
    assert (good["holds"], good["problems"], good["signer_is_given"], good["signer"]["id"]) == (
        True,
        [],
        True,
        KEY.public.id,
    )
    assert {figure["agrees"] for figure in good["figures"]} == {True}
    assert good["proves"] == list(PROVES)
    assert (bad["holds"], bad["proves"], bad["signer"], bad["file"], bad["figures"]) == (False, [], None, None, [])
    json.dumps([good, bad], allow_nan=False)


# Choosing and making.


def test_a_file_is_chosen_by_name_digest_or_part_of_its_name() -> None:
    names = ("a/song.wav", "a/other song.wav", "b/tune.wav", "b/mellow tune")
    results = [
        read_result(a_result(name, [a_match("s1")], track={"sha256": f"{k}" * 64})) for k, name in enumerate(names)
    ]
    for wanted, name in {
        "a/song.wav": "a/song.wav",
        "song.wav": "a/song.wav",  # not "other song.wav", which ends in it
        "2" * 64: "b/tune.wav",
        "mellow": "b/mellow tune",
        "other": "a/other song.wav",
    }.items():
        assert choose(results, wanted).name == name
    with pytest.raises(EvidenceError, match=r"^song: could be a/song\.wav, a/other song\.wav; give the whole name$"):
        choose(results, "song")
    for wanted in ("", "x.wav", "2" * 63):
        with pytest.raises(EvidenceError, match="no file of this run has that name or SHA-256"):
            choose(results, wanted)
    same = [read_result(a_result(f"{k:02}", [a_match("s1")], track={"sha256": "ab" * 32})) for k in range(30)]
    with pytest.raises(EvidenceError, match=r"could be 00, 01, .*, 09 and 20 more; give the whole name"):
        choose(same, "AB" * 32)


def test_a_file_in_which_nothing_was_found_makes_no_case(scanned: Run) -> None:
    nothing = choose(scanned.results(), "nothing.wav")
    with pytest.raises(EvidenceError, match="nothing was found in it; a case needs a file that was matched"):
        read_trace_file(scanned, nothing)
    with pytest.raises(EvidenceError, match="nothing was found in it, so there is no evidence to sign"):
        make_case(nothing, b"", KEY, REMARKS)


def test_a_case_that_would_not_hold_is_not_signed(scanned: Run) -> None:
    result, trace = of(scanned, "song.wav")
    _, other = of(scanned, "other song.wav")
    changed = json.loads(json.dumps(result.raw))
    first_segment(changed)["aligned_landmarks"] += 1
    for row, landmarks in ((result, other), (read_result(changed), trace), (result, changed_find(trace, moved))):
        with pytest.raises(
            EvidenceError, match=r"its result and its trace do not fit together \(.*scan the file again"
        ):
            make_case(row, landmarks, KEY, REMARKS)
    with pytest.raises(EvidenceError, match="no sound trace"):
        make_case(result, trace[:100], KEY, REMARKS)


def test_remarks_have_limits() -> None:
    with pytest.raises(ParameterError, match="note of 10001 characters: must have 10000 at most"):
        Remarks(None, "x" * 10_001, "1.0")


def test_a_case_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "case.zip"
    write_case(path, b"one")
    with pytest.raises(EvidenceError, match=r"case\.zip: is there already; name another file, or give --force"):
        write_case(path, b"two")
    write_case(path, b"two", replace=True)
    assert path.read_bytes() == b"two"
    with pytest.raises(EvidenceError, match="is a folder; name a file"):
        write_case(tmp_path, b"three", replace=True)
    with pytest.raises(EvidenceError, match=r"none/case\.zip: cannot be written \(No such file or directory\)"):
        write_case(tmp_path / "none" / "case.zip", b"three")

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.write", full)
        with pytest.raises(StorageFullError, match="no space left on the disk; free some space and try again"):
            write_case(path, b"three", replace=True)
    assert path.read_bytes() == b"two"
    assert [file.name for file in tmp_path.iterdir()] == ["case.zip"]


def test_parsed_json_equals_the_written_value() -> None:
    value = {"a": [1, 0.5, None, True], "b": {"c": "Ω\udcff"}}
    assert parse_json(pretty_json(value)) == value
