#include "receiver.h"

#include <string.h>

enum { SAMPLE_EVERY = 16, INFLATED_MAX = 1 << 20 };

static uint8_t inflated[INFLATED_MAX];

static enum receiver_event broken(struct receiver *receiver, const char *error)
{
    receiver->error = error;
    return RECEIVER_BROKEN;
}

/* Returns whether a whole head is there; on an error `error` is set. */
static bool take_head(struct receiver *receiver, const uint8_t *data, size_t size, size_t *used)
{
    int head = 0;
    if (receiver->head_have == 0) {
        head = frame_read_head(data + *used, size - *used, &receiver->frame);
        if (head > 0)
            *used += (size_t)head;
    }
    while (head == 0 && *used < size) {
        receiver->head[receiver->head_have++] = data[(*used)++];
        head = frame_read_head(receiver->head, receiver->head_have, &receiver->frame);
    }
    if (head < 0)
        receiver->error = "the server sent a frame with a broken head";
    if (head > 0)
        receiver->head_have = 0;
    return head > 0;
}

static const char *check_head(struct receiver *receiver)
{
    const struct frame_head *frame = &receiver->frame;
    uint8_t opcode = frame->first & FRAME_OPCODE;
    receiver->left = frame->length;
    if (frame->masked)
        return "the server masked a frame";
    if (frame_is_control(frame->first)) {
        receiver->control_size = 0;
        return frame->first & FRAME_RSV ? "a control frame with an RSV bit" : NULL;
    }
    bool inside = receiver->message_first != 0;
    if (inside != (opcode == OPCODE_CONTINUATION))
        return inside ? "a message began inside another" : "a continuation of no message";
    if (inside)
        return frame->first & FRAME_RSV ? "a continuation with an RSV bit" : NULL;
    if (frame->first & FRAME_RSV & ~FRAME_RSV1 || (frame->first & FRAME_RSV1 && receiver->inflater == NULL))
        return "a frame with an RSV bit that was not agreed on";
    if (receiver->tape != NULL && opcode != (receiver->tape->kind == TAPE_BINARY ? OPCODE_BINARY : OPCODE_TEXT))
        return "the echo has another opcode";
    /* FIN is left out, so that the byte is never 0. */
    receiver->message_first = frame->first & (FRAME_RSV | FRAME_OPCODE);
    receiver->message_size = 0;
    return NULL;
}

static const char *check_bytes(struct receiver *receiver, const uint8_t *data, size_t size)
{
    const struct tape *tape = receiver->tape;
    uint64_t at = receiver->message_size;
    receiver->message_size += size;
    if (tape == NULL)
        return NULL;
    if (receiver->message_size > tape->size)
        return "the echo is longer than the message";
    if (receiver->check == CHECK_ALL || (receiver->check == CHECK_SAMPLE && receiver->sample == 0)) {
        if (memcmp(tape_payload(tape, receiver->expected) + at, data, size) != 0)
            return "the echo is not the message";
    }
    return NULL;
}

static const char *take_payload(struct receiver *receiver, const uint8_t *data, size_t size)
{
    if (frame_is_control(receiver->frame.first)) {
        memcpy(receiver->control + receiver->control_size, data, size);
        receiver->control_size += (uint8_t)size;
        return NULL;
    }
    if (!(receiver->message_first & FRAME_RSV1))
        return check_bytes(receiver, data, size);
    if (receiver->check == CHECK_NONE)
        return NULL;
    ssize_t out = inflater_feed(receiver->inflater, data, size, inflated, sizeof inflated);
    if (out < 0)
        return "the echo cannot be inflated";
    return check_bytes(receiver, inflated, (size_t)out);
}

static const char *finish_message(struct receiver *receiver)
{
    const struct tape *tape = receiver->tape;
    bool compressed = (receiver->message_first & FRAME_RSV1) != 0;
    receiver->message_first = 0;
    if (compressed && receiver->check != CHECK_NONE) {
        ssize_t out = inflater_finish(receiver->inflater, inflated, sizeof inflated);
        const char *error = out < 0 ? "the echo cannot be inflated" : check_bytes(receiver, inflated, (size_t)out);
        if (error != NULL)
            return error;
    }
    if (tape == NULL)
        return NULL;
    if (receiver->message_size != tape->size && !(compressed && receiver->check == CHECK_NONE))
        return "the echo is shorter than the message";
    if (receiver->check == CHECK_ALL || (receiver->check == CHECK_SAMPLE && receiver->sample == 0))
        receiver->checked++;
    if (++receiver->sample == SAMPLE_EVERY)
        receiver->sample = 0;
    if (++receiver->expected == tape->messages)
        receiver->expected = 0;
    return NULL;
}

enum receiver_event receiver_take(struct receiver *receiver, const uint8_t *data, size_t size, size_t *used)
{
    for (;;) {
        const char *error;
        if (!receiver->in_payload) {
            if (!take_head(receiver, data, size, used))
                return receiver->error != NULL ? RECEIVER_BROKEN : RECEIVER_MORE;
            error = check_head(receiver);
            if (error != NULL)
                return broken(receiver, error);
            receiver->in_payload = true;
        }
        size_t part = size - *used < receiver->left ? size - *used : (size_t)receiver->left;
        error = take_payload(receiver, data + *used, part);
        if (error != NULL)
            return broken(receiver, error);
        *used += part;
        receiver->left -= part;
        if (receiver->left != 0)
            return RECEIVER_MORE;
        receiver->in_payload = false;
        uint8_t opcode = receiver->frame.first & FRAME_OPCODE;
        if (opcode == OPCODE_PING || opcode == OPCODE_CLOSE)
            return opcode == OPCODE_PING ? RECEIVER_PING : RECEIVER_CLOSE;
        if (!frame_is_control(receiver->frame.first) && receiver->frame.first & FRAME_FIN) {
            error = finish_message(receiver);
            return error != NULL ? broken(receiver, error) : RECEIVER_MESSAGE;
        }
    }
}
