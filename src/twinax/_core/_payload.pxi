# The compiled twin of payload.py: the bytes object that will be handed over, filled bit by bit.
#
# Nobody sees the object before it is complete: `take_bytes` gives it away and keeps nothing. A wire writes through
# the buffer protocol, which shows the room that is left and no more; as long as somebody holds such a view the
# object is not given away, but copied. It may move meanwhile, for asyncio holds what it has read into until everything
# that came of it is done: what it moved out of then stays until nobody looks at it any more.

from cpython.ref cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8

cdef extern from "_recycling.h":
    bint twx_is_recyclable(Py_ssize_t capacity) noexcept
    PyObject *twx_new_bytes(Py_ssize_t *capacity) except NULL
    void twx_remember(PyObject *object, Py_ssize_t capacity) noexcept
    void twx_set_bytes_size(PyObject *object, Py_ssize_t size) noexcept

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **object, Py_ssize_t size) except -1
    char *PyBytes_AS_STRING_raw "PyBytes_AS_STRING"(PyObject *object)

cdef extern from *:
    """
    static inline PyObject *twx_steal(PyObject *object) { return object; }
    """
    object twx_steal(PyObject *object)
    void Py_XDECREF_raw "Py_XDECREF"(PyObject *object)

cdef enum:
    AT_ONCE = 262208  # that a wire reads into it in a row: others have their turn in between. With 64 bytes more than
    # the shared buffer takes, 1 MiB and its header are four reads and not five: 2 % of its time.
    PROMISED = 1048576  # that are made room for before they have come


@cython.no_gc  # it holds bytes, and nothing that could hold it
cdef class Payload:
    cdef PyObject *_bytes
    cdef list _left  # what it has moved out of while somebody looked at it; None: nothing
    cdef Py_ssize_t size
    cdef Py_ssize_t _capacity
    cdef Py_ssize_t _views
    cdef Py_ssize_t _window  # of the room that is left, what a wire may fill: behind the frame another one begins

    def __dealloc__(self):
        Py_XDECREF_raw(self._bytes)

    cdef int _reserve(self, Py_ssize_t capacity) except -1:
        # Moved into another object rather than resized: the pool may have one that is large enough for all
        # that is still to come.
        cdef PyObject *larger
        if capacity <= self._capacity:
            return 0
        larger = twx_new_bytes(&capacity)
        if self.size:
            memcpy(PyBytes_AS_STRING_raw(larger), PyBytes_AS_STRING_raw(self._bytes), self.size)
        if self._views and self._bytes != NULL:
            if self._left is None:
                self._left = []
            self._left.append(<object>self._bytes)
            Py_XDECREF_raw(self._bytes)
        else:
            self._let_go()
        self._bytes = larger
        self._capacity = capacity
        return 0

    cdef void _let_go(self) noexcept:
        if self._bytes != NULL:
            if twx_is_recyclable(self._capacity):
                twx_remember(self._bytes, self._capacity)
            Py_XDECREF_raw(self._bytes)
            self._bytes = NULL
            self._capacity = 0

    cdef int expect(self, Py_ssize_t count) except -1:
        # Not all that a header promises: with the limits off, that may be more than there is.
        return self._ensure(min(count, PROMISED))

    cdef int _ensure(self, Py_ssize_t count) except -1:
        # What comes on top of the first frame, at least as much again: many small ones would be many moves.
        if count > self._capacity - self.size:
            self._reserve(max(self.size + count, self._capacity + max(self._capacity // 2, min(self._capacity, PROMISED))))
        return 0

    def __len__(self):
        return self._window

    def __getbuffer__(self, Py_buffer *view, int flags):
        # Since the wire was given it, somebody may have taken what was there, and the object with it.
        PyBuffer_FillInfo(view, self, <char *>self._room(self._window), self._window, 0, flags)
        self._views += 1

    def __releasebuffer__(self, Py_buffer *view):
        self._views -= 1
        if not self._views:
            self._left = None

    cdef object target(self, Py_ssize_t left):
        self._window = min(left, AT_ONCE)
        return self

    cdef int took(self, Py_ssize_t count, unsigned int key) except -1:
        cdef uint8_t *start
        if not 0 <= count <= min(self._window, self._capacity - self.size):
            raise IndexError(f"{count} bytes were read into room for {min(self._window, self._capacity - self.size)}")
        if key:
            start = <uint8_t *>PyBytes_AS_STRING_raw(self._bytes) + self.size
            twx_mask_copy(start, start, count, twx_key_from_le(key))
        self.size += count
        return 0

    cdef uint8_t *_room(self, Py_ssize_t count) except NULL:
        self._ensure(count)
        return <uint8_t *>PyBytes_AS_STRING_raw(self._bytes) + self.size

    cdef int append(self, bytearray buffer, Py_ssize_t start, Py_ssize_t count, unsigned int key) except -1:
        if count:
            twx_mask_copy(self._room(count), _piece(buffer, start, count), count, twx_key_from_le(key))
            self.size += count
        return 0

    cdef int add(self, bytes piece) except -1:
        if PyBytes_GET_SIZE(piece):
            memcpy(self._room(PyBytes_GET_SIZE(piece)), PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece))
            self.size += PyBytes_GET_SIZE(piece)
        return 0

    cdef Py_ssize_t check_text(self, Py_ssize_t checked) except -2:
        cdef Py_ssize_t length
        if not 0 <= checked <= self.size:
            raise IndexError(f"{checked} is outside {self.size} bytes")
        if checked == self.size:
            return checked
        length = twx_utf8_prefix(<uint8_t *>PyBytes_AS_STRING_raw(self._bytes) + checked, self.size - checked)
        return -1 if length < 0 else checked + length

    cdef str take_text(self, Py_ssize_t count):
        cdef str text
        cdef char *start
        if not 0 <= count <= self.size:
            raise IndexError(f"{count} is outside {self.size} bytes")
        if count == 0:
            return ""
        start = PyBytes_AS_STRING_raw(self._bytes)
        text = PyUnicode_DecodeUTF8(start, count, NULL)
        self.size -= count
        if self.size:
            memmove(start, start + count, self.size)
        elif not self._views:
            self.clear()
        return text

    cdef bytes take_bytes(self):
        cdef PyObject *whole = self._bytes
        cdef Py_ssize_t size = self.size, capacity
        if size == 0:
            return b""
        if self._views:
            self.size = 0
            return PyBytes_FromStringAndSize(PyBytes_AS_STRING_raw(whole), size)
        capacity = self._capacity
        self._bytes = NULL
        self._capacity = self.size = 0
        if twx_is_recyclable(capacity) and size >= capacity - capacity // 4:
            twx_set_bytes_size(whole, size)
            twx_remember(whole, capacity)
        else:
            twx_set_bytes_size(whole, capacity)
            if size != capacity:
                _PyBytes_Resize(&whole, size)
        return <bytes>twx_steal(whole)

    cdef int clear(self) except -1:
        self.size = 0
        if not self._views:
            self._let_go()
        return 0
