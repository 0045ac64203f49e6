"""Cookies: those a request brings, those an accepted handshake sets, and those a client sends.

Reading is lenient, since a bad cookie of some other application must not cost the connection;
writing is strict, since a browser drops a cookie that breaks a rule without telling anyone.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from .headers import is_token

__all__ = [
    "MAX_COOKIES",
    "Cookie",
    "CookiesLike",
    "SetCookie",
    "SetCookiesLike",
    "build_cookie_header",
    "check_unique",
    "parse_cookies",
]

MAX_COOKIES: Final = 200
"""Cookies of one request that are read. Browsers keep at most 180 for a site; a hostile 8 KiB hold 4,096."""

# RFC 6265 4.1.1: cookie-octets, in double quotes or not; attribute values; what a Cookie field may hold.
_VALUE: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_ATTRIBUTE: Final = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_SEPARATOR: Final = re.compile(r"[;,][;, \t]*")  # with the empty pieces after it
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f][0-9A-Fa-f])")
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")

# Not strftime: its names follow the locale.
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Cookie(NamedTuple):
    """One cookie of a request.

    Attributes:
        name: The name, as it was sent.
        value: The value, decoded; None when there was a name and no ``=``.
    """

    name: str
    value: str | None


CookiesLike = Mapping[str, str] | Iterable[tuple[str, str | None]]
"""What a client takes where cookies are asked for: a mapping, pairs, or `Cookie` objects."""


def parse_cookies(header: str) -> list[Cookie]:
    """Parse a Cookie field (RFC 6265 4.2), in time linear in its length.

    Pieces are separated by ``;`` or ``,``. One pair of double quotes around a value is dropped and
    percent escapes are decoded; a value with an escape that means nothing is left as it is. Names that
    come twice are both kept, in order.

    Args:
        header: The value of the field; several fields may be joined with ``", "``.

    Returns:
        The cookies, the first `MAX_COOKIES` of them; never an error, whatever the field holds.
    """
    cookies = []
    for piece in _SEPARATOR.split(header, MAX_COOKIES)[:MAX_COOKIES]:
        name, equals, value = piece.partition("=")
        name = name.strip()
        if equals:
            cookies.append(Cookie(name, _decode_value(value.strip())))
        elif name:
            cookies.append(Cookie(name, None))
    return cookies


def _decode_value(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if "%" not in value or _BAD_ESCAPE.search(value) is not None:
        return value
    # Python's own escapes are decoded in C, whatever the value holds: 8 KiB of "%41" or of "é%41" take 0.2 ms,
    # urllib.parse.unquote takes 1.2 and 4.7 (CPython 3.11, November 2026). Only \\ and \xHH occur in what is decoded.
    escaped = value.encode(errors="surrogatepass").replace(b"\\", b"\\\\").replace(b"%", b"\\x")
    try:
        return escaped.decode("unicode_escape").encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def build_cookie_header(cookies: CookiesLike) -> str:
    """Build the value of a Cookie field (RFC 6265 4.2).

    Values go out as they are, not percent-encoded: a client returns what a server once set.

    Args:
        cookies: Names and values; a value of None sends the bare name.

    Returns:
        The value of the field, ``""`` for no cookies.

    Raises:
        ValueError: A name is no token, or a value holds ``;``, control or non-ASCII characters.
        TypeError: A name or a value is no string.
    """
    pieces = []
    for name, value in cookies.items() if isinstance(cookies, Mapping) else cookies:
        _check_name(name)
        if value is None:
            pieces.append(name)
            continue
        if not isinstance(value, str):
            raise TypeError(f"cookie {name!r}: value must be str, not {type(value).__name__}")
        # Wider than cookie-octets: browsers store and return values with spaces and commas (RFC 6265 5.4).
        if _ATTRIBUTE.fullmatch(value) is None:
            raise ValueError(f"cookie {name!r}: value holds ';', control or non-ASCII characters")
        pieces.append(f"{name}={value}")
    return "; ".join(pieces)


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A cookie that an accepted handshake sets, checked when it is made.

    Attributes:
        name: A token (RFC 6265 4.1.1).
        value: Cookie-octets, in double quotes or not; may be empty.
        path: The path it is for.
        domain: The domain it is for; lower-cased.
        expires: When it ends; with a time zone.
        max_age: For how many seconds it lives; 0 deletes it. A float or a numeric string is rounded.
        secure: Send it over TLS only.
        http_only: Hide it from scripts.
        same_site: Whether requests from other sites carry it.
        partitioned: Keep one for each top-level site.

    Raises:
        ValueError: An attribute holds what it must not hold, or two of them contradict each other.
        TypeError: An attribute has the wrong type.
    """

    name: str
    value: str
    path: str | None = None
    domain: str | None = None
    expires: datetime | None = None
    max_age: int | float | str | None = None
    secure: bool = False
    http_only: bool = False
    same_site: Literal["Strict", "Lax", "None"] | None = None
    partitioned: bool = False

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not isinstance(self.value, str):
            raise self._type_error("value", "str")
        quoted = len(self.value) >= 2 and self.value[0] == self.value[-1] == '"'
        if _VALUE.fullmatch(self.value[1:-1] if quoted else self.value) is None:
            raise self._error(f"value {self.value!r} holds characters that a cookie must not hold")
        for key in ("path", "domain"):
            self._check_attribute(key)
        for key in ("secure", "http_only", "partitioned"):
            if not isinstance(getattr(self, key), bool):
                raise self._type_error(key, "bool")
        if self.domain is not None:
            object.__setattr__(self, "domain", self.domain.lower())
        if self.expires is not None:
            object.__setattr__(self, "expires", self._checked_expires(self.expires))
        if self.max_age is not None:
            object.__setattr__(self, "max_age", self._checked_max_age(self.max_age))
        if self.same_site not in (None, "Strict", "Lax", "None"):
            raise self._error(f"same_site {self.same_site!r} is none of 'Strict', 'Lax', 'None'")
        self._check_combination()

    @classmethod
    def of(cls, obj: "SetCookie | Mapping[str, Any]") -> "SetCookie":
        """Return `obj` itself, or make a cookie of a mapping.

        Args:
            obj: A `SetCookie`, or a mapping with the names of its attributes as keys; case and
                underscores do not matter, so ``maxage``, ``httponly`` and ``sameSite`` will do.

        Returns:
            The cookie.

        Raises:
            ValueError: As for `SetCookie`, or a key is unknown, missing, or there in two spellings.
            TypeError: As for `SetCookie`, or `obj` is neither.
        """
        if isinstance(obj, SetCookie):
            return obj
        if not isinstance(obj, Mapping):
            raise TypeError(f"a cookie to set must be a SetCookie or a mapping, not {type(obj).__name__}")
        values: dict[str, Any] = {}
        for key, value in obj.items():
            attribute = _ATTRIBUTES.get(str(key).replace("_", "").lower())
            if attribute is None:
                raise ValueError(f"a cookie to set has no attribute {key!r}")
            if attribute in values:
                raise ValueError(f"a cookie to set has {attribute!r} in two spellings")
            values[attribute] = value
        missing = {"name", "value"} - values.keys()
        if missing:
            raise ValueError(f"a cookie to set must have a name and a value; missing: {', '.join(sorted(missing))}")
        return cls(**values)

    def build(self) -> str:
        """Return the value of its Set-Cookie field (RFC 6265 4.1)."""
        parts = [f"{self.name}={self.value}"]
        if self.path:
            parts.append(f"Path={self.path}")
        if self.domain:
            parts.append(f"Domain={self.domain}")
        if self.expires is not None:
            parts.append(f"Expires={_build_date(self.expires)}")
        if self.max_age is not None:
            parts.append(f"Max-Age={self.max_age}")
        if self.secure:
            parts.append("Secure")
        if self.http_only:
            parts.append("HttpOnly")
        if self.same_site is not None:
            parts.append(f"SameSite={self.same_site}")
        if self.partitioned:
            parts.append("Partitioned")
        return "; ".join(parts)

    def _check_attribute(self, key: str) -> None:
        value = getattr(self, key)
        if value is None:
            return
        if not isinstance(value, str):
            raise self._type_error(key, "str")
        if _ATTRIBUTE.fullmatch(value) is None:
            raise self._error(f"{key} {value!r} holds ';', control or non-ASCII characters")

    def _checked_expires(self, expires: object) -> datetime:
        if not isinstance(expires, datetime):
            raise self._type_error("expires", "datetime")
        if expires.utcoffset() is None:
            raise self._error("expires has no time zone: use datetime.now(UTC) + timedelta(...)")
        try:
            return expires.astimezone(UTC)
        except OverflowError as exc:
            raise self._error(f"expires {expires} cannot be told in UTC") from exc

    def _checked_max_age(self, max_age: object) -> int:
        if isinstance(max_age, str) and _NUMBER.fullmatch(max_age):
            max_age = float(max_age)
        if isinstance(max_age, bool) or not isinstance(max_age, int | float):
            if isinstance(max_age, str):
                raise self._error(f"max_age {max_age!r} is not a number of seconds")
            raise self._type_error("max_age", "int, float or a numeric string")
        if not 0 <= max_age < math.inf:
            raise self._error(f"max_age {max_age} is not a number of seconds, 0 or more")
        return max_age if isinstance(max_age, int) else math.floor(max_age + 0.5)

    def _check_combination(self) -> None:
        name = self.name.lower()  # browsers compare the prefixes without regard to case
        if self.same_site == "None" and not self.secure:
            raise self._error("same_site 'None' needs secure")
        if self.partitioned and not self.secure:
            raise self._error("partitioned needs secure")
        if name.startswith("__secure-") and not self.secure:
            raise self._error("the prefix __Secure- needs secure")
        if name.startswith("__host-") and not (self.secure and self.path == "/" and not self.domain):
            raise self._error("the prefix __Host- needs secure, path '/' and no domain")

    def _error(self, problem: str) -> ValueError:
        return ValueError(f"cookie {self.name!r}: {problem}")

    def _type_error(self, key: str, expected: str) -> TypeError:
        return TypeError(f"cookie {self.name!r}: {key} must be {expected}, not {type(getattr(self, key)).__name__}")


SetCookiesLike = Iterable[SetCookie | Mapping[str, Any]]
"""What a server takes where cookies to set are asked for."""

_ATTRIBUTES: Final = {field.name.replace("_", ""): field.name for field in fields(SetCookie)}


def check_unique(cookies: Iterable[SetCookie]) -> None:
    """Check that no name comes twice among cookies to set (RFC 6265 4.1.1).

    Raises:
        ValueError: One does.
    """
    seen = set()
    for cookie in cookies:
        if cookie.name in seen:
            raise ValueError(f"cookie {cookie.name!r} is set twice")
        seen.add(cookie.name)


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"the name of a cookie must be str, not {type(name).__name__}")
    if not is_token(name):
        raise ValueError(f"cookie {name!r}: the name is not a token")


def _build_date(moment: datetime) -> str:
    # RFC 9110 5.6.7: Sun, 06 Nov 1994 08:49:37 GMT
    weekday, month = _WEEKDAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{weekday}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"
