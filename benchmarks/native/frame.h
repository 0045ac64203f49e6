/* Frames of RFC 6455 5.2: heads read and written, payloads masked. */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPCODE_CONTINUATION = 0x0, OPCODE_TEXT = 0x1, OPCODE_BINARY = 0x2 };
enum { OPCODE_CLOSE = 0x8, OPCODE_PING = 0x9, OPCODE_PONG = 0xA };
enum { FRAME_FIN = 0x80, FRAME_RSV = 0x70, FRAME_RSV1 = 0x40, FRAME_OPCODE = 0x0F };
enum { FRAME_HEAD_MAX = 14, CONTROL_PAYLOAD_MAX = 125 };

struct frame_head {
    uint8_t first; /* FIN, RSV1 to RSV3, opcode */
    bool masked;
    uint8_t key[4];
    uint64_t length;
};

/* Reads a head; returns its size, 0 when more bytes are needed, -1 when it breaks a rule of 5.2 or 5.5. */
int frame_read_head(const uint8_t *data, size_t available, struct frame_head *head);

/* Writes a head, with the minimal length; `key` NULL: not masked. Returns its size. */
size_t frame_write_head(uint8_t *out, uint8_t first, uint64_t length, const uint8_t *key);

/* Copies and masks (or unmasks); `from` and `to` may be the same. */
void frame_mask(uint8_t *to, const uint8_t *from, size_t length, const uint8_t key[4]);

static inline bool frame_is_control(uint8_t first) { return (first & 0x08) != 0; }

#endif
