"""Names of columns in our own tables, in labels' sheets and in distributors' exports.

A *field* is the meaning of a column; its first name is ours, the others are those of exports and templates that people
bring (DistroKid, TuneCore, CD Baby, FUGA, The Orchard, Symphonic, Ditto, SoundExchange, The MLC, DDEX). Names are
compared without case, spaces and punctuation. `columns` says who reads which fields.

Sources: the metadata templates and sales reports that these companies publish for their customers.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from sourceprint.sheets.delimited import normalised

__all__ = ["FIELDS", "GENERIC", "NAMES", "field_named", "says_percent"]

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "path": (
            *(
                "path",
                "file",
                "file path",
                "file name",
                "audio file",
                "audio file name",
                "audio file path",
                "track file",
            ),
            *("track file name", "sound file", "media file", "asset file name", "wav", "wav file", "wav file name"),
            *("file location", "master file", "resource file name", "audio"),
        ),
        "id": ("id", "own id", "internal id"),
        "new_id": ("new_id", "id new"),
        "recording_id": ("recording_id",),
        "index_id": ("index_id",),
        "isrc": ("isrc", "isrc code", "isrc number", "isrc no", "track isrc", "recording isrc", "isrc codes"),
        "title": (
            *("recording_title", "track title", "song title", "song name", "track name", "resource title"),
            *("sound recording title", "name of track", "recording name", "song", "song album", "title"),
        ),
        "version": ("version", "track version", "mix", "mix version", "version title", "sub title", "remix or version"),
        "artists": (
            *("artists", "artist", "track artist", "track artists", "artist name", "artists name", "primary artist"),
            *("primary artists", "main artist", "main artists", "display artist", "display artist name"),
            *("track primary artist", "recording artist", "recording artist name", "performer", "track main artist"),
        ),
        "label": ("label", "label name", "record label", "record label name", "recording label", "imprint"),
        "release": (
            *("release title", "release", "release name", "album", "album title", "album name", "product title"),
            *("project title", "album release title", "single or album title"),
        ),
        "release_artist": ("release artist", "album artist", "album primary artist", "release primary artist"),
        "upc": (
            *("upc", "ean", "upc ean", "upc or ean", "ean upc", "upc code", "upc number", "barcode", "release upc"),
            *("album upc", "product upc", "gtin", "icpn", "upc ean jan"),
        ),
        "catalogue_number": (
            *("catalogue number", "catalog number", "catalogue no", "catalog no", "cat no", "catalogue id"),
            *("catalog id", "label catalog number", "cat number"),
        ),
        "place": ("track number", "track no", "track", "track num", "no", "disc number", "disc", "volume", "sequence"),
        "duration": ("duration",),
        "duration_ms": ("duration_ms",),
        "vocals": ("vocals",),
        "disputed": ("disputed", "in dispute", "has right share in dispute", "has rights in dispute"),
        "tags": ("tags", "tag"),
        "exclude": ("exclude", "excluded ranges"),
        "work_id": ("work_id",),
        "iswc": ("iswc", "iswc code"),
        "work_title": ("work_title", "composition title", "musical work title", "primary title"),
        "writers": ("writers", "writer", "composers", "composer", "songwriters", "songwriter", "writer names"),
        "party_id": ("party_id",),
        "party": (
            *("party", "party name", "owner", "owner name", "rights holder", "rights holder name", "rights owner"),
            *("right holder", "master owner", "recording owner", "copyright owner", "sound recording owner"),
            *("master rights owner", "owner of master"),
        ),
        "ipi": ("ipi", "ipi number", "ipi name number"),
        "isni": ("isni",),
        "dpid": ("dpid",),
        "role": ("role",),
        "right": ("right", "right type", "rights type"),
        "share": (
            *("share", "share percent", "share percentage", "owner share", "owner share percent", "ownership"),
            *("ownership share", "ownership percent", "ownership percentage", "master share", "master ownership"),
            *("percentage", "owner percent", "owner percentage", "rights share", "split", "master percentage"),
        ),
        "territories": (
            *("territories", "territory", "territory code", "territory codes", "country", "countries"),
            *("territories of rights", "rights territory", "rights territories", "ownership territory"),
        ),
        "excluded_territories": ("excluded_territories", "excluded territory", "territories excluded"),
        "valid_from": ("valid_from", "rights start", "rights start date", "ownership start date"),
        "valid_to": ("valid_to", "rights end", "rights end date", "ownership end date"),
    }
)
"""Names by field, the one that is preferred first."""

NAMES: Mapping[str, str] = MappingProxyType(
    {normalised(name): field for field, names in FIELDS.items() for name in names}
)
"""Field by `normalised` name."""

GENERIC = frozenset({"title", "song", "songalbum", "imprint"})
"""Names, as `normalised`, that give way where another column has a name of its own for the same field."""

_PERCENT = re.compile(r"%|per ?cent|\bpct\b", re.IGNORECASE)
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]")


def field_named(heading: str) -> str | None:
    """Return the field that a heading names, or None; text in brackets may be left out.

    Examples
    --------
    >>> field_named("Song Title *"), field_named("ISRC Code (leave blank if you have none)"), field_named("mood")
    ('title', 'isrc', None)
    """
    return NAMES.get(normalised(heading)) or NAMES.get(normalised(_ASIDE.sub("", heading)))


def says_percent(heading: str) -> bool:
    """Return whether the name of a column says that its numbers are percentages.

    Examples
    --------
    >>> says_percent("Owner share %"), says_percent("share")
    (True, False)
    """
    return _PERCENT.search(heading) is not None
