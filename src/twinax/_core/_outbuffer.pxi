# The compiled twin of outbuffer.py: memory of our own that grows by doubling and is kept for the next frames.

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

cdef enum:
    FIRST_CAPACITY = 256
    KEPT_CAPACITY = 131072  # buffers are pooled, so there are few
    MAX_HEADER = 14  # RFC 6455 5.2: 2 bytes, 8 of length, 4 of masking key


cdef class OutBuffer:
    cdef uint8_t *_data
    cdef Py_ssize_t _size
    cdef Py_ssize_t _capacity
    cdef Py_ssize_t _views  # the memory must not move while somebody looks at it

    def __dealloc__(self):
        free(self._data)

    def __len__(self):
        return self._size

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self._data if self._data != NULL else <uint8_t *>b"", self._size, 1, flags)
        self._views += 1

    def __releasebuffer__(self, Py_buffer *view):
        self._views -= 1

    cdef uint8_t *_grow(self, Py_ssize_t count) except NULL:
        # Room for `count` bytes more; they hold garbage until the caller fills them.
        cdef Py_ssize_t needed, capacity
        cdef void *moved
        if count < 0 or count > PY_SSIZE_T_MAX - self._size - 64:
            raise MemoryError()
        needed = self._size + count
        if needed > self._capacity:
            if self._views:
                raise BufferError("the output buffer is being written and cannot grow")
            capacity = self._capacity * 2 if self._capacity < PY_SSIZE_T_MAX // 2 else needed
            capacity = max(capacity, needed, FIRST_CAPACITY)
            moved = realloc(self._data, capacity)
            if moved == NULL:
                raise MemoryError()
            self._data = <uint8_t *>moved
            self._capacity = capacity
        self._size = needed
        return self._data + needed - count

    cpdef int clear(self) except -1:
        if self._views:
            raise BufferError("the output buffer is being written and cannot be cleared")
        self._size = 0
        if self._capacity > KEPT_CAPACITY:
            free(self._data)
            self._data = NULL
            self._capacity = 0
        return 0


cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX


cdef inline int _fill_header(
    uint8_t *header, unsigned int first_byte, Py_ssize_t length, bint masked, unsigned int wire_key
) noexcept:
    # The size of the header, masking key included.
    cdef int size = twx_put_header(header, first_byte, length, masked)
    if masked:
        memcpy(header + size, &wire_key, 4)
        size += 4
    return size


cdef inline int _put(
    OutBuffer out, unsigned int first_byte, const uint8_t *payload, Py_ssize_t length, bint masked, unsigned int key
) except -1:
    cdef uint8_t header[MAX_HEADER]
    cdef unsigned int wire_key = twx_key_from_le(key)
    cdef int size = _fill_header(header, first_byte, length, masked, wire_key)
    cdef uint8_t *end = out._grow(size + length)
    memcpy(end, header, size)
    if masked:
        twx_mask_copy(end + size, payload, length, wire_key)
    elif length:
        memcpy(end + size, payload, length)
    return 0


cdef int put_header(
    OutBuffer out, unsigned int first_byte, Py_ssize_t length, bint masked, unsigned int key
) except -1:
    cdef uint8_t header[MAX_HEADER]
    cdef int size = _fill_header(header, first_byte, length, masked, twx_key_from_le(key))
    memcpy(out._grow(size), header, size)
    return 0


cdef int put_frame(
    OutBuffer out, unsigned int first_byte, object payload, Py_ssize_t length, bint masked, unsigned int key
) except -1:
    cdef Py_buffer view
    if PyBytes_Check(payload):
        return _put(out, first_byte, <const uint8_t *>PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), masked, key)
    PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
    try:
        return _put(out, first_byte, <const uint8_t *>view.buf, view.len, masked, key)
    finally:
        PyBuffer_Release(&view)
