#include "deflate.h"

#include <stdlib.h>

#ifdef HAVE_ZLIB
#include <zlib.h>

struct deflater {
    z_stream z;
    bool context_takeover;
};

struct inflater {
    z_stream z;
    bool context_takeover;
};

bool deflate_is_available(void) { return true; }

struct deflater *deflater_new(int level, int window_bits, bool context_takeover)
{
    struct deflater *deflater = calloc(1, sizeof *deflater);
    /* zlib cannot make raw deflate with a window of 256 bytes. */
    int bits = window_bits < 9 ? 9 : window_bits;
    if (deflater == NULL || deflateInit2(&deflater->z, level, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    deflater->context_takeover = context_takeover;
    return deflater;
}

void deflater_free(struct deflater *deflater)
{
    if (deflater != NULL)
        deflateEnd(&deflater->z);
    free(deflater);
}

size_t deflater_bound(size_t length) { return length + length / 1000 + 64; }

size_t deflater_run(struct deflater *deflater, const uint8_t *data, size_t length, uint8_t *out, size_t room)
{
    z_stream *z = &deflater->z;
    if (length == 0 && room != 0) {
        /* RFC 7692 7.2.3.6: an empty block; zlib makes none after another flush. */
        out[0] = 0;
        return 1;
    }
    z->next_in = (Bytef *)data;
    z->avail_in = (uInt)length;
    z->next_out = out;
    z->avail_out = (uInt)room;
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in != 0 || z->avail_out == 0)
        return 0;
    size_t size = room - z->avail_out - 4;
    if (!deflater->context_takeover)
        deflateReset(z);
    return size;
}

struct inflater *inflater_new(int window_bits, bool context_takeover)
{
    struct inflater *inflater = calloc(1, sizeof *inflater);
    if (inflater == NULL || inflateInit2(&inflater->z, -window_bits) != Z_OK)
        abort();
    inflater->context_takeover = context_takeover;
    return inflater;
}

void inflater_free(struct inflater *inflater)
{
    if (inflater != NULL)
        inflateEnd(&inflater->z);
    free(inflater);
}

ssize_t inflater_feed(struct inflater *inflater, const uint8_t *data, size_t length, uint8_t *out, size_t room)
{
    z_stream *z = &inflater->z;
    z->next_in = (Bytef *)data;
    z->avail_in = (uInt)length;
    z->next_out = out;
    z->avail_out = (uInt)room;
    int done = inflate(z, Z_SYNC_FLUSH);
    if ((done != Z_OK && done != Z_BUF_ERROR) || z->avail_in != 0)
        return -1;
    return (ssize_t)(room - z->avail_out);
}

ssize_t inflater_finish(struct inflater *inflater, uint8_t *out, size_t room)
{
    static const uint8_t tail[4] = {0, 0, 0xFF, 0xFF};
    ssize_t size = inflater_feed(inflater, tail, sizeof tail, out, room);
    if (!inflater->context_takeover)
        inflateReset(&inflater->z);
    return size;
}

#else

bool deflate_is_available(void) { return false; }

struct deflater *deflater_new(int level, int window_bits, bool context_takeover)
{
    (void)level;
    (void)window_bits;
    (void)context_takeover;
    return NULL;
}

void deflater_free(struct deflater *deflater) { (void)deflater; }

size_t deflater_bound(size_t length) { return length; }

size_t deflater_run(struct deflater *deflater, const uint8_t *data, size_t length, uint8_t *out, size_t room)
{
    (void)deflater;
    (void)data;
    (void)length;
    (void)out;
    (void)room;
    return 0;
}

struct inflater *inflater_new(int window_bits, bool context_takeover)
{
    (void)window_bits;
    (void)context_takeover;
    return NULL;
}

void inflater_free(struct inflater *inflater) { (void)inflater; }

ssize_t inflater_feed(struct inflater *inflater, const uint8_t *data, size_t length, uint8_t *out, size_t room)
{
    (void)inflater;
    (void)data;
    (void)length;
    (void)out;
    (void)room;
    return -1;
}

ssize_t inflater_finish(struct inflater *inflater, uint8_t *out, size_t room)
{
    (void)inflater;
    (void)out;
    (void)room;
    return -1;
}

#endif
