/* A non-blocking socket, plain or TLS behind the same calls. */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { STREAM_BLOCKED = -1, STREAM_FAILED = -2 };

struct stream {
    int fd;
    void *tls; /* SSL *, or NULL */
};

/* Whether this program was built with OpenSSL. */
bool stream_has_tls(void);

/* Prepares TLS for all streams of this process; with a certificate as a server. Returns NULL, or what went wrong. */
const char *stream_prepare_tls(const char *certificate, const char *key);

void stream_open(struct stream *stream, int fd);
void stream_close(struct stream *stream);

/* Begins TLS on an open socket; then stream_handshake until it returns 1. */
void stream_start_tls(struct stream *stream, bool server);

/* Returns 1 when done, 0 when it waits for the socket, -1 when it failed. */
int stream_handshake(struct stream *stream, bool *wants_write);

/* Returns bytes read, 0 at the end, STREAM_BLOCKED or STREAM_FAILED. */
ssize_t stream_read(struct stream *stream, void *data, size_t size);

/* Returns bytes taken, STREAM_BLOCKED or STREAM_FAILED. */
ssize_t stream_write(struct stream *stream, const struct iovec *parts, int count);

#endif
