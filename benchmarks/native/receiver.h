/* What a server sends: frames taken apart as they arrive, messages compared with the tape. */
#ifndef RECEIVER_H
#define RECEIVER_H

#include "deflate.h"
#include "frame.h"
#include "tape.h"

enum check { CHECK_ALL, CHECK_SAMPLE, CHECK_NONE };

enum receiver_event { RECEIVER_MORE, RECEIVER_MESSAGE, RECEIVER_PING, RECEIVER_CLOSE, RECEIVER_BROKEN };

struct receiver {
    const struct tape *tape; /* NULL: messages of any content and size */
    enum check check;
    struct inflater *inflater;
    const char *error; /* after RECEIVER_BROKEN */
    uint64_t checked;  /* messages compared */
    struct frame_head frame;
    uint64_t left; /* of the frame's payload */
    uint64_t message_size;
    unsigned expected; /* which message of the tape comes next */
    unsigned sample;
    uint8_t head_have;
    uint8_t message_first; /* the first byte of the message's first frame; 0: none in progress */
    bool in_payload;
    uint8_t head[FRAME_HEAD_MAX];
    uint8_t control_size;
    uint8_t control[CONTROL_PAYLOAD_MAX];
};

/* Takes bytes until something is complete or they are used up; `used` grows. */
enum receiver_event receiver_take(struct receiver *receiver, const uint8_t *data, size_t size, size_t *used);

#endif
