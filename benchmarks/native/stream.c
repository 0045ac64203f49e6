#include "stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef HAVE_OPENSSL
#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL_CTX *context;

bool stream_has_tls(void) { return true; }

const char *stream_prepare_tls(const char *certificate, const char *key)
{
    context = SSL_CTX_new(certificate != NULL ? TLS_server_method() : TLS_client_method());
    if (context == NULL)
        return "OpenSSL has no context";
    /* The peer is on loopback and made for this run; its certificate says nothing about it. */
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (certificate != NULL && SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return "the certificate cannot be read";
    if (certificate != NULL && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return "the key cannot be read";
    return NULL;
}

void stream_start_tls(struct stream *stream, bool server)
{
    SSL *tls = SSL_new(context);
    SSL_set_fd(tls, stream->fd);
    if (server)
        SSL_set_accept_state(tls);
    else
        SSL_set_connect_state(tls);
    stream->tls = tls;
}

int stream_handshake(struct stream *stream, bool *wants_write)
{
    ERR_clear_error();
    int done = SSL_do_handshake(stream->tls);
    if (done == 1)
        return 1;
    int error = SSL_get_error(stream->tls, done);
    *wants_write = error == SSL_ERROR_WANT_WRITE;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t read_tls(struct stream *stream, void *data, size_t size)
{
    size_t taken;
    ERR_clear_error();
    int done = SSL_read_ex(stream->tls, data, size, &taken);
    if (done == 1)
        return (ssize_t)taken;
    switch (SSL_get_error(stream->tls, done)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return STREAM_BLOCKED;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return STREAM_FAILED;
    }
}

static ssize_t write_tls(struct stream *stream, const struct iovec *parts, int count)
{
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        const char *data = parts[i].iov_base;
        size_t left = parts[i].iov_len;
        while (left != 0) {
            size_t taken;
            ERR_clear_error();
            int done = SSL_write_ex(stream->tls, data, left, &taken);
            if (done != 1) {
                int error = SSL_get_error(stream->tls, done);
                if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
                    return STREAM_FAILED;
                return total != 0 ? total : STREAM_BLOCKED;
            }
            data += taken;
            left -= taken;
            total += (ssize_t)taken;
        }
    }
    return total;
}

static void free_tls(struct stream *stream) { SSL_free(stream->tls); }

#else

bool stream_has_tls(void) { return false; }

const char *stream_prepare_tls(const char *certificate, const char *key)
{
    (void)certificate;
    (void)key;
    return "built without OpenSSL";
}

void stream_start_tls(struct stream *stream, bool server)
{
    (void)stream;
    (void)server;
}

int stream_handshake(struct stream *stream, bool *wants_write)
{
    (void)stream;
    (void)wants_write;
    return -1;
}

static ssize_t read_tls(struct stream *stream, void *data, size_t size)
{
    (void)stream;
    (void)data;
    (void)size;
    return STREAM_FAILED;
}

static ssize_t write_tls(struct stream *stream, const struct iovec *parts, int count)
{
    (void)stream;
    (void)parts;
    (void)count;
    return STREAM_FAILED;
}

static void free_tls(struct stream *stream) { (void)stream; }

#endif

void stream_open(struct stream *stream, int fd)
{
    stream->fd = fd;
    stream->tls = NULL;
}

void stream_close(struct stream *stream)
{
    if (stream->tls != NULL)
        free_tls(stream);
    stream->tls = NULL;
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

ssize_t stream_read(struct stream *stream, void *data, size_t size)
{
    if (stream->tls != NULL)
        return read_tls(stream, data, size);
    ssize_t taken = recv(stream->fd, data, size, 0);
    if (taken >= 0)
        return taken;
    return errno == EAGAIN || errno == EINTR ? STREAM_BLOCKED : STREAM_FAILED;
}

ssize_t stream_write(struct stream *stream, const struct iovec *parts, int count)
{
    if (stream->tls != NULL)
        return write_tls(stream, parts, count);
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t taken = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    if (taken >= 0)
        return taken;
    return errno == EAGAIN || errno == EINTR ? STREAM_BLOCKED : STREAM_FAILED;
}
