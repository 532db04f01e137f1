"""Arguments of every public function: one that makes no sense raises `ParameterError` with its name and value."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fingerprint
import index
import sourceprint
from sourceprint.processes import in_this_process
from tests.command_line import RATE_HZ, catalogue, music, write

NO_NUMBERS = [math.nan, math.inf, -math.inf, -1, "abc", True, b"1", set(), 1j, object(), 10**400]
NEVER = [math.nan, -1, 1.5, b"x", object(), 1j, [object()]]
"""Values that are no text, no path, no list of either, and no day."""

SETTINGS = (index.SearchOptions, fingerprint.Params, fingerprint.TrackStreams)

y = music(1)[2 * RATE_HZ : 6 * RATE_HZ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arguments")
    catalogue(folder, [1])
    write(folder / "track.wav", y)
    return folder


def exhausted(function: Callable[..., Any], *args: Any, **given: Any) -> Any:
    """Call a function in this process, and take all that it yields."""
    with in_this_process():
        result = function(*args, **given)
        return list(result) if inspect.isgenerator(result) else result


def called(face: object, name: str, place: Path) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return a public function or method by its name, and arguments with which it works."""
    owner: object = face
    if face is sourceprint.Catalogue:
        owner = sourceprint.open(place / "index")
    elif face is index.Index:
        owner = index.Index.open(place / "index")
    track = place / "track.wav"
    usual: dict[str, Any] = {"audio": y, "sample_rate": RATE_HZ, "id": "new", "paths": track, "scales": (1.0,), "y": y}
    usual |= {"path": place / "index" if face is sourceprint else track, "place": track, "sheet": track, "results": []}
    usual |= {"recording_id": "s1"}
    function = getattr(owner, name)
    return function, {key: usual[key] for key in usual if key in inspect.signature(function).parameters}


def parameters(kinds: str) -> list[tuple[object, str, str]]:
    """Return parameters of public functions whose annotation has one of these words, each as face, function, name."""
    methods = [name for name in dir(sourceprint.Catalogue) if not name.startswith("_")]
    faces: list[tuple[object, list[str]]] = [(sourceprint.Catalogue, methods), (index.Index, ["writer"])]
    faces += [(face, face.__all__) for face in (sourceprint, fingerprint, index)]
    found: list[tuple[object, str, str]] = []
    for face, names in faces:
        for name in names:
            value = getattr(face, name)
            if inspect.isfunction(value) or value in SETTINGS:
                every = inspect.signature(value).parameters.values()
                found += [(face, name, one.name) for one in every if re.search(rf"\b({kinds})\b", str(one.annotation))]
    return found


NUMBERS = parameters("int|float")


def test_every_number_of_the_python_interface_is_among_them() -> None:
    names = {f"{name}({parameter})" for _, name, parameter in NUMBERS}
    assert {"match(sample_rate)", "match(max_false_per_1000h)", "scan(jobs)", "add_all(jobs)", "check(jobs)"} <= names
    assert {"decode(sample_rate)", "open_audio(block_seconds)", "track_parts(scales)", "Params(fmin_hz)"} <= names
    assert len(names) > 40


@pytest.mark.slow
@pytest.mark.parametrize(("face", "name", "parameter"), NUMBERS, ids=[f"{name}-{one}" for _, name, one in NUMBERS])
def test_values_that_are_no_number_are_refused_by_name(face: object, name: str, parameter: str, place: Path) -> None:
    for value in NO_NUMBERS:
        function, usual = called(face, name, place)
        if parameter == "ranges":  # positional, and told as ranges
            with pytest.raises(sourceprint.ParameterError, match=r"excluded range .* must be|holds '.*'"):
                exhausted(function, *usual.values(), value)
        else:
            with pytest.raises(sourceprint.ParameterError, match=re.escape(f"{parameter}={value!r:.20}")):
                exhausted(function, **{**usual, parameter: value})


@given(st.floats() | st.integers(max_value=1999) | st.text() | st.booleans())
def test_no_rate_but_a_whole_one_in_hz_is_taken(place: Path, rate: Any) -> None:
    if not (isinstance(rate, float) and 2000 <= rate <= 768000 and rate.is_integer()):
        with pytest.raises(sourceprint.ParameterError, match=r"^sample_rate=.*whole number within 2000-768000"):
            sourceprint.open(place / "index").match(y, sample_rate=rate)


OTHERS = [
    one for one in parameters("str|PathLike|Sequence|bool|date") if one[0] in (sourceprint, sourceprint.Catalogue)
]


@pytest.mark.slow
@pytest.mark.parametrize(("face", "name", "parameter"), OTHERS, ids=[f"{name}-{one}" for _, name, one in OTHERS])
def test_values_of_another_kind_raise_no_error_of_python(face: object, name: str, parameter: str, place: Path) -> None:
    for value in NEVER:
        function, usual = called(face, name, place)
        usual.pop(parameter, None)
        is_positional = parameter in ("ids", "ranges")
        args, named = ((*usual.values(), value), {}) if is_positional else ((), {**usual, parameter: value})
        with pytest.raises((sourceprint.ParameterError, sourceprint.UnknownRecordingError)):
            exhausted(function, *args, **named)
