/* One connection of the limit server: its buffers, and the frames in and out of them. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deflate.h"
#include "stream.h"

struct buffer {
    uint8_t *data;
    size_t from; /* bytes that are gone */
    size_t have; /* bytes that are there, those gone included */
    size_t room;
};

struct peer {
    struct stream stream;
    uint32_t interest;
    unsigned number; /* in the list of all */
    bool encrypted;  /* the TLS handshake is over, or there is none */
    bool open;       /* the opening handshake is over */
    bool closing;    /* a close frame came: the connection ends when everything is sent */
    struct buffer in;
    struct buffer out;
    struct deflater *deflater;
    struct inflater *inflater;
};

void buffer_reserve(struct buffer *buffer, size_t more);
void buffer_add(struct buffer *buffer, const void *data, size_t size);
void buffer_free(struct buffer *buffer);

/* Sends parts after what is held back, and holds back what does not go. Returns whether the connection lives. */
bool peer_send(struct peer *peer, const void *head, size_t head_size, const void *data, size_t size);

/* Sends what is held back. */
bool peer_flush(struct peer *peer);

static inline bool peer_is_blocked(const struct peer *peer) { return peer->out.have != 0; }

#endif
