# The compiled twin of mask.py, included first into the compiled unit: the same names, signatures, results and
# exceptions, described there. What is here checks types and bounds; the work is done by _kernels.h.
#
# Pointers into a bytearray live from one call into the C API to the next and no longer, and the GIL is
# held throughout: nobody else can resize it in between.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from "_kernels.h":
    uint32_t twx_key_from_le(uint32_t key) noexcept
    uint32_t twx_mask_rotate(uint32_t key, size_t offset) noexcept
    uint32_t twx_mask_copy(uint8_t *dst, const uint8_t *src, size_t n, uint32_t key) noexcept
    Py_ssize_t twx_utf8_prefix(const uint8_t *p, Py_ssize_t n) noexcept
    bytes twx_bytes(const uint8_t *src, Py_ssize_t n, uint32_t key, int masked)
    str twx_text(const uint8_t *src, Py_ssize_t n, uint32_t key, int masked)
    const char *twx_utf8_of(str text, Py_ssize_t *n) except NULL
    int twx_put_header(uint8_t *out, int first_byte, uint64_t n, int mask_bit) noexcept
    bint twx_is_inside(Py_ssize_t size, Py_ssize_t start, Py_ssize_t length) noexcept
    Py_ssize_t twx_distance(const uint8_t *start, const uint8_t *end) noexcept
    uint8_t *twx_grow(bytearray array, Py_ssize_t n) except NULL


cdef inline const uint8_t *_piece(bytearray buffer, Py_ssize_t start, Py_ssize_t length) except NULL:
    # The one place where an address inside a buffer is made. A bytearray never has a null address.
    if buffer is None:
        raise TypeError("the buffer is None")
    if not twx_is_inside(PyByteArray_GET_SIZE(buffer), start, length):
        raise IndexError("piece outside the buffer")
    return <const uint8_t *>PyByteArray_AS_STRING(buffer) + start


cdef inline bytes unmask_bytes(bytearray buffer, Py_ssize_t start, Py_ssize_t length, unsigned int key):
    return twx_bytes(_piece(buffer, start, length), length, twx_key_from_le(key), key != 0)


cdef inline str unmask_text(bytearray buffer, Py_ssize_t start, Py_ssize_t length, unsigned int key):
    return twx_text(_piece(buffer, start, length), length, twx_key_from_le(key), key != 0)


cdef inline int unmask_append(
    bytearray out, bytearray buffer, Py_ssize_t start, Py_ssize_t length, unsigned int key
) except -1:
    _piece(buffer, start, length)
    if out is None:
        raise TypeError("the output is None")
    cdef uint8_t *end = twx_grow(out, length)
    # Asked for again: `out` may be `buffer`, which has moved then.
    twx_mask_copy(end, _piece(buffer, start, length), <size_t>length, twx_key_from_le(key))
    return 0


cdef inline int append_masked(bytearray out, object payload, unsigned int key) except -1:
    cdef Py_ssize_t size
    cdef uint8_t *end
    cdef Py_buffer view
    if out is None:
        raise TypeError("the output is None")
    if PyBytes_Check(payload):
        size = PyBytes_GET_SIZE(payload)
        end = twx_grow(out, size)
        twx_mask_copy(end, <const uint8_t *>PyBytes_AS_STRING(payload), <size_t>size, twx_key_from_le(key))
        return 0
    if payload is out:
        # A view of `out` would forbid it to grow.
        return unmask_append(out, out, 0, PyByteArray_GET_SIZE(out), key)
    # PyBUF_SIMPLE: one block of bytes, whatever the width of the items; BufferError if it has gaps.
    PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
    try:
        end = twx_grow(out, view.len)
        twx_mask_copy(end, <const uint8_t *>view.buf, <size_t>view.len, twx_key_from_le(key))
    finally:
        PyBuffer_Release(&view)
    return 0


cdef inline unsigned int rotate_key(unsigned int key, Py_ssize_t offset) noexcept:
    return twx_key_from_le(twx_mask_rotate(twx_key_from_le(key), <size_t>offset))


cdef inline Py_ssize_t utf8_prefix(bytearray buffer, Py_ssize_t start, Py_ssize_t end) except -2:
    if start < 0 or end < start:
        raise IndexError("piece outside the buffer")
    cdef Py_ssize_t length = twx_utf8_prefix(_piece(buffer, start, end - start), end - start)
    return -1 if length < 0 else start + length


class Kernels:
    """The functions of this file for the tests: callable from Python, under the names of the twin."""

    @staticmethod
    def unmask_bytes(bytearray buffer, Py_ssize_t start, Py_ssize_t length, unsigned int key):
        return unmask_bytes(buffer, start, length, key)

    @staticmethod
    def unmask_text(bytearray buffer, Py_ssize_t start, Py_ssize_t length, unsigned int key):
        return unmask_text(buffer, start, length, key)

    @staticmethod
    def unmask_append(bytearray out, bytearray buffer, Py_ssize_t start, Py_ssize_t length, unsigned int key):
        unmask_append(out, buffer, start, length, key)

    @staticmethod
    def append_masked(bytearray out, payload, unsigned int key):
        append_masked(out, payload, key)

    @staticmethod
    def rotate_key(unsigned int key, Py_ssize_t offset):
        return rotate_key(key, offset)

    @staticmethod
    def utf8_prefix(bytearray buffer, Py_ssize_t start, Py_ssize_t end):
        return utf8_prefix(buffer, start, end)

    # Without a twin: what the short cut and the encoder call in _kernels.h.

    @staticmethod
    def mask_in_place(bytearray buffer, Py_ssize_t start, Py_ssize_t length, unsigned int key):
        """Mask a piece where it stands; return whether any byte of the result has its top bit set."""
        cdef const uint8_t *piece = _piece(buffer, start, length)
        return twx_mask_copy(<uint8_t *>piece, piece, <size_t>length, twx_key_from_le(key)) != 0

    @staticmethod
    def utf8_of(str text not None):
        """Return the UTF-8 bytes of `text`."""
        cdef Py_ssize_t size = 0
        cdef const char *encoded = twx_utf8_of(text, &size)
        return PyBytes_FromStringAndSize(encoded, size)

    @staticmethod
    def put_header(int first_byte, uint64_t length, bint masked):
        """Return a frame header without its masking key."""
        cdef uint8_t[10] out
        return PyBytes_FromStringAndSize(<const char *>out, twx_put_header(out, first_byte, length, masked))
