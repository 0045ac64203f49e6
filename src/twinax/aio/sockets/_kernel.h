/* The system calls of `kernel.py` in C: none waits, EINTR is tried again, EAGAIN is a result and no error. */
#ifndef TWINAX_KERNEL_H
#define TWINAX_KERNEL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define TWX_NOTHING (-1)
#define TWX_FAILED (-2)

/* From this size on other threads run meanwhile: a copy of 64 KiB takes about 10 us, letting go of the GIL and
 * taking it again 0.1 us. */
#define TWX_LONG_CALL 65536

static inline Py_ssize_t twx_result(Py_ssize_t result) {
    if (result >= 0) {
        return result;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return TWX_NOTHING;
    }
    PyErr_SetFromErrno(PyExc_OSError);
    return TWX_FAILED;
}

static inline Py_ssize_t twx_recv(int fd, void *data, size_t size) {
    Py_ssize_t result;
    do {
        result = recv(fd, data, size, 0);
    } while (result < 0 && errno == EINTR);
    return twx_result(result);
}

static inline Py_ssize_t twx_send(int fd, const void *data, size_t size) {
    Py_ssize_t result;
    do {
        if (size >= TWX_LONG_CALL) {
            Py_BEGIN_ALLOW_THREADS
            result = send(fd, data, size, MSG_NOSIGNAL);
            Py_END_ALLOW_THREADS
        } else {
            result = send(fd, data, size, MSG_NOSIGNAL);
        }
    } while (result < 0 && errno == EINTR);
    return twx_result(result);
}

static inline Py_ssize_t twx_send_pieces(int fd, struct iovec *pieces, size_t count, size_t size) {
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    Py_ssize_t result;
    do {
        if (size >= TWX_LONG_CALL) {
            Py_BEGIN_ALLOW_THREADS
            result = sendmsg(fd, &message, MSG_NOSIGNAL);
            Py_END_ALLOW_THREADS
        } else {
            result = sendmsg(fd, &message, MSG_NOSIGNAL);
        }
    } while (result < 0 && errno == EINTR);
    return twx_result(result);
}

/* The peer's address as Python's socket module gives it. */
static inline PyObject *twx_address(const struct sockaddr_storage *peer, socklen_t size) {
    char text[INET6_ADDRSTRLEN];
    if (peer->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)peer;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        return Py_BuildValue("(si)", text, (int)ntohs(in->sin_port));
    }
    if (peer->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)peer;
        inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
        return Py_BuildValue("(siII)", text, (int)ntohs(in->sin6_port), (unsigned)ntohl(in->sin6_flowinfo),
                             (unsigned)in->sin6_scope_id);
    }
    (void)size; /* the client's end of a Unix socket has no name that anybody could connect to */
    return PyUnicode_FromString("");
}

/* A waiting connection: its file descriptor, or NOTHING or FAILED; its address goes to `address`. */
static inline int twx_accept(int fd, PyObject **address) {
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    int result;
    *address = NULL;
    do {
        size = sizeof peer;
        result = accept4(fd, (struct sockaddr *)(void *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (result < 0 && errno == EINTR);
    if (result < 0 && errno == ECONNABORTED) {
        return TWX_NOTHING; /* it has gone again; others that wait are told by the next look */
    }
    if (result < 0) {
        return (int)twx_result(result);
    }
    *address = twx_address(&peer, size);
    if (*address == NULL) {
        close(result);
        return TWX_FAILED;
    }
    return result;
}

static inline int twx_checked(int result) {
    if (result < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

static inline int twx_shut_down(int fd) { return twx_checked(shutdown(fd, SHUT_WR)); }

static inline int twx_set_no_delay(int fd, int no_delay) {
    return twx_checked(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay));
}

#endif
