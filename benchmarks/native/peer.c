#include "peer.h"

#include <stdlib.h>
#include <string.h>

void buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t room = buffer->room != 0 ? buffer->room : 4096;
    while (room < buffer->have + more)
        room *= 2;
    if (room == buffer->room)
        return;
    buffer->data = realloc(buffer->data, room);
    if (buffer->data == NULL)
        abort();
    buffer->room = room;
}

void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return;
    buffer_reserve(buffer, size);
    memcpy(buffer->data + buffer->have, data, size);
    buffer->have += size;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

bool peer_send(struct peer *peer, const void *head, size_t head_size, const void *data, size_t size)
{
    size_t taken = 0;
    if (head_size + size == 0)
        return true;
    if (!peer_is_blocked(peer)) {
        struct iovec parts[2] = {{(void *)head, head_size}, {(void *)data, size}};
        ssize_t done = stream_write(&peer->stream, head_size != 0 ? parts : parts + 1, head_size != 0 ? 2 : 1);
        if (done == STREAM_FAILED)
            return false;
        taken = done == STREAM_BLOCKED ? 0 : (size_t)done;
    }
    if (taken < head_size) {
        buffer_add(&peer->out, (const uint8_t *)head + taken, head_size - taken);
        taken = head_size;
    }
    buffer_add(&peer->out, (const uint8_t *)data + (taken - head_size), size - (taken - head_size));
    return true;
}

bool peer_flush(struct peer *peer)
{
    struct buffer *out = &peer->out;
    while (out->from < out->have) {
        struct iovec part = {out->data + out->from, out->have - out->from};
        ssize_t done = stream_write(&peer->stream, &part, 1);
        if (done == STREAM_FAILED)
            return false;
        if (done == STREAM_BLOCKED)
            return true;
        out->from += (size_t)done;
    }
    /* The room is kept: fresh pages cost more than the copy into them. */
    out->from = out->have = 0;
    return true;
}
