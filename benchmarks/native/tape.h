/* The messages of a run and their frames, all computed before it begins.
 *
 * Every connection sends the same frames in the same order, again and again, so that sending is one copy by the
 * kernel, and every echo can be compared. With a compression context that is kept, a frame depends on those
 * before it: then the tape holds the messages twice, once compressed from an empty context and once following
 * themselves, and goes round in the second half only. That is right as long as the messages are together longer than
 * the window, because nothing farther back can be referred to. */
#ifndef TAPE_H
#define TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handshake.h"

enum tape_kind { TAPE_BINARY, TAPE_TEXT, TAPE_JSON };

struct tape {
    enum tape_kind kind;
    size_t size;       /* of each payload, uncompressed */
    unsigned messages; /* different payloads */
    uint8_t *payloads;
    unsigned frames; /* on the tape */
    unsigned again;  /* the frame after the last */
    size_t *starts;  /* of each frame, and the end of the last */
    uint8_t *bytes;
};

/* `terms` say whether and how messages are compressed. `depth` frames are never more than one round. */
void tape_build(struct tape *tape, enum tape_kind kind, size_t size, unsigned depth, const struct deflate_terms *terms);
void tape_free(struct tape *tape);

static inline const uint8_t *tape_payload(const struct tape *tape, unsigned message)
{
    return tape->payloads + (size_t)message * tape->size;
}

static inline unsigned tape_next(const struct tape *tape, unsigned frame)
{
    return frame + 1 == tape->frames ? tape->again : frame + 1;
}

#endif
