# The compiled twin of kernel.py, included first into the compiled unit: the same names, signatures, results and
# exceptions, described there.

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.ref cimport Py_DECREF, PyObject
from libc.stdint cimport uint32_t

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event *event)
    int epoll_wait(int epfd, epoll_event *events, int maxevents, int timeout)

cdef extern from "<unistd.h>" nogil:
    int close_fd "close"(int fd)

cdef extern from "<errno.h>" nogil:
    int errno_now "errno"
    int EINTR

cdef extern from "_kernel.h":
    Py_ssize_t TWX_NOTHING, TWX_FAILED
    Py_ssize_t twx_recv(int fd, void *data, size_t size) except -2
    Py_ssize_t twx_send(int fd, const void *data, size_t size) except -2
    Py_ssize_t twx_send_pieces(int fd, iovec *pieces, size_t count, size_t size) except -2
    int twx_accept(int fd, PyObject **address) except -2
    int twx_shut_down(int fd) except -1
    int twx_set_no_delay(int fd, int no_delay) except -1
    object PyErr_SetFromErrno(object type)

cdef Py_ssize_t NOTHING = -1
cdef unsigned int READABLE = 0x001
cdef unsigned int WRITABLE = 0x004
cdef unsigned int HANGUP = 0x018

cdef enum:
    EVENTS_AT_ONCE = 256
    PIECES_AT_ONCE = 64


cdef class Poller:
    cdef int _fd
    cdef int _count
    cdef epoll_event _ready[EVENTS_AT_ONCE]

    def __cinit__(self):
        self._count = 0
        self._fd = epoll_create1(EPOLL_CLOEXEC)
        if self._fd < 0:
            PyErr_SetFromErrno(OSError)

    def __dealloc__(self):
        if self._fd >= 0:
            close_fd(self._fd)

    cpdef int fileno(self) except? -1:
        return self._fd

    cdef int _control(self, int op, int fd, unsigned int events) except -1:
        cdef epoll_event event
        event.events = events
        event.data.fd = fd
        if epoll_ctl(self._fd, op, fd, &event) < 0:
            PyErr_SetFromErrno(OSError)
        return 0

    cpdef int add(self, int fd, unsigned int events) except -1:
        return self._control(EPOLL_CTL_ADD, fd, events)

    cpdef int change(self, int fd, unsigned int events) except -1:
        return self._control(EPOLL_CTL_MOD, fd, events)

    cpdef int remove(self, int fd) except -1:
        return self._control(EPOLL_CTL_DEL, fd, 0)

    cpdef int wait(self) except -1:
        cdef int count = epoll_wait(self._fd, self._ready, EVENTS_AT_ONCE, 0)
        if count < 0 and errno_now == EINTR:
            count = 0
        if count < 0:
            PyErr_SetFromErrno(OSError)
        self._count = count
        return count

    cpdef int fd(self, int index) except? -1:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._ready[index].data.fd

    cpdef unsigned int events(self, int index) except? 0:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._ready[index].events

    cpdef int close(self) except -1:
        if self._fd >= 0:
            close_fd(self._fd)
            self._fd = -1
        return 0


cdef Py_ssize_t receive_into(int fd, object buffer, Py_ssize_t start, Py_ssize_t end) except -2:
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        if not 0 <= start <= end <= view.len:
            raise IndexError(f"[{start}:{end}] is outside a buffer of {view.len} bytes")
        return twx_recv(fd, <char *>view.buf + start, end - start)
    finally:
        PyBuffer_Release(&view)


cdef Py_ssize_t send_rest(int fd, object data, Py_ssize_t start) except -2:
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if not 0 <= start <= view.len:
            raise IndexError(f"{start} is outside {view.len} bytes")
        return twx_send(fd, <const char *>view.buf + start, view.len - start)
    finally:
        PyBuffer_Release(&view)


cdef Py_ssize_t send_pieces(int fd, list pieces) except -2:
    cdef Py_buffer views[PIECES_AT_ONCE]
    cdef iovec vectors[PIECES_AT_ONCE]
    cdef int count = 0, index
    cdef size_t size = 0
    try:
        for piece in pieces[:PIECES_AT_ONCE]:
            PyObject_GetBuffer(piece, &views[count], PyBUF_SIMPLE)
            vectors[count].iov_base = views[count].buf
            vectors[count].iov_len = views[count].len
            size += views[count].len
            count += 1
        return twx_send_pieces(fd, vectors, count, size)
    finally:
        for index in range(count):
            PyBuffer_Release(&views[index])


cdef object accept_one(object listener):
    cdef PyObject *address = NULL
    cdef int fd = twx_accept(listener.fileno(), &address)
    if fd == TWX_NOTHING:
        return None
    result = (fd, <object>address)
    Py_DECREF(<object>address)  # the tuple holds it now
    return result


cdef inline int shut_down(int fd) except -1:
    return twx_shut_down(fd)


cdef inline int set_no_delay(int fd, bint no_delay) except -1:
    return twx_set_no_delay(fd, no_delay)


cdef extern from "Python.h":
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
