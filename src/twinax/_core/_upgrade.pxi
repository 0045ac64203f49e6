# Short cut of the compiled core for the opening handshake. It recognises the head of a request for a WebSocket that is
# plainly fine: whole in the buffer, 8 KiB at most, every field that a handshake looks at there at most once and in the
# form in which browsers and libraries send it. It holds no rule and knows no error: whatever it does not recognise
# goes the way of protocol/head.py and protocol/handshake_server.py, and a property test shows that what it does
# recognise is read there in the same way. Asyncio, 6 fields: 500,000 instructions a request there, 6,000 here
# (callgrind, November 2026).
#
# Pointers into the bytearray are followed until the first object is made, with the GIL held: nobody resizes it in between.

from cpython.unicode cimport PyUnicode_DecodeLatin1
from libc.string cimport memcmp, memset, strlen

cdef enum:
    IN_TOKEN = 1  # RFC 9110 5.6.2
    IN_VALUE = 2  # RFC 9110 5.5
    IN_TARGET = 4  # what a URI is made of, without "#"
    IN_HOST = 8  # one label of a host
    IN_KEY = 16  # base64

    LONGEST_HEAD = 8192
    MOST_FIELDS = 100
    KEY_SIZE = 24


cdef struct Piece:
    const uint8_t *at  # NULL: there is none
    Py_ssize_t size


cdef struct Upgrade:
    Piece host
    Piece upgrade
    Piece connection
    Piece key
    Piece version
    Piece origin
    Piece protocols
    Piece extensions


cdef uint8_t[256] char_kinds


cdef void fill_char_kinds():
    cdef int char
    for char in range(0x21, 0x7F):
        char_kinds[char] |= IN_VALUE | (IN_TARGET if char != c"#" else 0)
        if chr(char).isalnum():
            char_kinds[char] |= IN_TOKEN | IN_HOST | IN_KEY
        elif chr(char) in "!#$%&'*+-.^_`|~":
            char_kinds[char] |= IN_TOKEN
    for char in (0x09, 0x20, *range(0x80, 0x100)):
        char_kinds[char] |= IN_VALUE
    for char in b"-_":
        char_kinds[char] |= IN_HOST
    for char in b"+/":
        char_kinds[char] |= IN_KEY


fill_char_kinds()


cdef inline Py_ssize_t span(const uint8_t *data, Py_ssize_t at, Py_ssize_t end, uint8_t kind) noexcept:
    """Where the characters of a kind that begin at `at` end."""
    while at < end and char_kinds[data[at]] & kind:
        at += 1
    return at


cdef inline bint is_piece(Piece piece, const char *text) noexcept:
    """Whether a piece is `text`, which is in lower case, without regard to case."""
    cdef Py_ssize_t index
    if piece.size != <Py_ssize_t>strlen(text):
        return False
    for index in range(piece.size):
        # A letter with its bit for lower case is that letter only if it was one; the others are compared as they are.
        if piece.at[index] != text[index] and not (c"a" <= text[index] <= c"z" and piece.at[index] | 0x20 == text[index]):
            return False
    return True


cdef Piece *find_field(Upgrade *found, Piece name, bint *refused) noexcept:
    """Where the value of a field of the handshake goes; NULL for all others. A message with a body is refused."""
    if name.size == 4:
        return &found.host if is_piece(name, b"host") else NULL
    if name.size == 6:
        return &found.origin if is_piece(name, b"origin") else NULL
    if name.size == 7:
        return &found.upgrade if is_piece(name, b"upgrade") else NULL
    if name.size == 10:
        return &found.connection if is_piece(name, b"connection") else NULL
    if name.size == 17 and is_piece(name, b"sec-websocket-key"):
        return &found.key
    if name.size == 21:
        return &found.version if is_piece(name, b"sec-websocket-version") else NULL
    if name.size == 22:
        return &found.protocols if is_piece(name, b"sec-websocket-protocol") else NULL
    if name.size == 24:
        return &found.extensions if is_piece(name, b"sec-websocket-extensions") else NULL
    refused[0] = is_piece(name, b"content-length") or is_piece(name, b"transfer-encoding")
    return NULL


cdef Py_ssize_t read_fields(const uint8_t *data, Py_ssize_t at, Py_ssize_t end, Upgrade *found) noexcept:
    """Where the head ends whose fields begin at `at`; -1: it is not recognised."""
    cdef Py_ssize_t start, count
    cdef Piece name, value
    cdef Piece *field
    cdef bint refused = False
    for count in range(MOST_FIELDS + 1):
        if end - at >= 2 and data[at] == c"\r" and data[at + 1] == c"\n":
            return at + 2
        start = at
        at = span(data, at, end, IN_TOKEN)
        name = Piece(data + start, at - start)
        if name.size == 0 or at >= end or data[at] != c":":
            return -1
        at += 1
        while at < end and (data[at] == c" " or data[at] == c"\t"):
            at += 1
        start = at
        at = span(data, at, end, IN_VALUE)
        if end - at < 2 or data[at] != c"\r" or data[at + 1] != c"\n":
            return -1
        value = Piece(data + start, at - start)
        while value.size and (value.at[value.size - 1] == c" " or value.at[value.size - 1] == c"\t"):
            value.size -= 1
        at += 2
        field = find_field(found, name, &refused)
        if refused or (field != NULL and field.at != NULL):
            return -1
        if field != NULL:
            field[0] = value
    return -1


cdef bint is_plain_key(Piece key) noexcept:
    """Whether it is 16 bytes in base64, in their one canonical form."""
    if key.size != KEY_SIZE or key.at[22] != c"=" or key.at[23] != c"=":
        return False
    # Of the last character four bits belong to no byte: they are 0.
    return span(key.at, 0, 22, IN_KEY) == 22 and key.at[21] in (c"A", c"Q", c"g", c"w")


cdef bint is_plain_host(Piece host) noexcept:
    """Whether it is a name or an IPv4 address, with or without a port."""
    cdef Py_ssize_t at = 0, start
    cdef int port = 0
    while True:
        start = at
        at = span(host.at, at, host.size, IN_HOST)
        if not 1 <= at - start <= 63:
            return False
        if at == host.size or host.at[at] != c".":
            break
        at += 1
    if at > 253:
        return False
    if at == host.size:
        return True
    if host.at[at] != c":" or not 1 <= host.size - at - 1 <= 5:
        return False
    for at in range(at + 1, host.size):
        if not c"0" <= host.at[at] <= c"9":
            return False
        port = port * 10 + host.at[at] - c"0"
    return 1 <= port <= 65535


cdef bint is_plain(Upgrade *found) noexcept:
    """Whether the fields ask for a WebSocket of version 13, and nothing has to be looked at twice."""
    # What is missing has a size of 0.
    return (
        is_piece(found.upgrade, b"websocket")
        and (is_piece(found.connection, b"upgrade") or is_piece(found.connection, b"keep-alive, upgrade"))
        and is_piece(found.version, b"13")
        and is_plain_key(found.key)
        and is_plain_host(found.host)
    )


cdef inline str piece_text(Piece piece, const uint8_t *data, bytes head):
    """A piece of `data` as text, taken from its copy."""
    if piece.at == NULL:
        return None
    return PyUnicode_DecodeLatin1(PyBytes_AS_STRING(head) + twx_distance(data, piece.at), piece.size, NULL)


def recognise_upgrade(bytearray buffer, Py_ssize_t start, Py_ssize_t end):
    """Recognise a request for a WebSocket that is plainly fine, at the beginning of ``buffer[start:end]``.

    Returns:
        The head, the resource, and the values of Host, Sec-WebSocket-Key, Origin, Sec-WebSocket-Protocol and
        Sec-WebSocket-Extensions, None for those that are not there. None for all other requests: they are not
        necessarily wrong, but somebody else has to look at them.
    """
    cdef const uint8_t *data = _piece(buffer, start, end - start)
    cdef Py_ssize_t limit = min(end - start, <Py_ssize_t>LONGEST_HEAD), at
    cdef Upgrade found
    if limit < 16 or memcmp(data, b"GET /", 5) != 0:
        return None
    at = span(data, 4, limit, IN_TARGET)
    cdef Piece resource = Piece(data + 4, at - 4)
    if limit - at < 11 or memcmp(data + at, b" HTTP/1.1\r\n", 11) != 0:
        return None
    memset(&found, 0, sizeof(Upgrade))
    at = read_fields(data, at + 11, limit, &found)
    if at < 0 or not is_plain(&found):
        return None
    cdef bytes head = PyBytes_FromStringAndSize(<const char *>data, at)
    return (
        head,
        piece_text(resource, data, head),
        piece_text(found.host, data, head),
        piece_text(found.key, data, head),
        piece_text(found.origin, data, head),
        piece_text(found.protocols, data, head),
        piece_text(found.extensions, data, head),
    )
