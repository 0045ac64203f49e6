/* permessage-deflate (RFC 7692) with zlib; without zlib at build time nothing of it works. */
#ifndef DEFLATE_H
#define DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct deflater;
struct inflater;

bool deflate_is_available(void);

struct deflater *deflater_new(int level, int window_bits, bool context_takeover);
void deflater_free(struct deflater *deflater);

/* Room that a compressed message may need. */
size_t deflater_bound(size_t length);

/* Compresses one message, without the 00 00 FF FF at its end. Returns its size, 0 when it does not fit. */
size_t deflater_run(struct deflater *deflater, const uint8_t *data, size_t length, uint8_t *out, size_t room);

struct inflater *inflater_new(int window_bits, bool context_takeover);
void inflater_free(struct inflater *inflater);

/* Inflates a part of a message; returns the size of what came out, -1 when it is broken or does not fit. */
ssize_t inflater_feed(struct inflater *inflater, const uint8_t *data, size_t length, uint8_t *out, size_t room);

/* Ends a message: as inflater_feed of the 00 00 FF FF that the sender took away. */
ssize_t inflater_finish(struct inflater *inflater, uint8_t *out, size_t room);

#endif
