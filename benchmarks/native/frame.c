#include "frame.h"

#include <string.h>

static uint64_t read_big_endian(const uint8_t *data, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | data[i];
    return value;
}

int frame_read_head(const uint8_t *data, size_t available, struct frame_head *head)
{
    if (available < 2)
        return 0;
    head->first = data[0];
    head->masked = (data[1] & 0x80) != 0;
    head->length = data[1] & 0x7F;
    size_t size = 2;
    size_t extended = head->length == 126 ? 2 : head->length == 127 ? 8 : 0;
    size_t whole = size + extended + (head->masked ? 4 : 0);
    if (frame_is_control(head->first) && (extended != 0 || !(head->first & FRAME_FIN)))
        return -1;
    if (available < whole)
        return 0;
    if (extended != 0) {
        head->length = read_big_endian(data + size, extended);
        if (head->length < (extended == 2 ? 126u : 65536u) || head->length >> 63)
            return -1;
        size += extended;
    }
    if (head->masked)
        memcpy(head->key, data + size, 4);
    return (int)whole;
}

size_t frame_write_head(uint8_t *out, uint8_t first, uint64_t length, const uint8_t *key)
{
    uint8_t mask = key == NULL ? 0 : 0x80;
    size_t size = 2;
    out[0] = first;
    if (length < 126) {
        out[1] = (uint8_t)(mask | length);
    } else {
        size_t extended = length < 65536 ? 2 : 8;
        out[1] = mask | (extended == 2 ? 126 : 127);
        for (size_t i = 0; i < extended; i++)
            out[2 + i] = (uint8_t)(length >> 8 * (extended - 1 - i));
        size += extended;
    }
    if (key != NULL) {
        memcpy(out + size, key, 4);
        size += 4;
    }
    return size;
}

void frame_mask(uint8_t *to, const uint8_t *from, size_t length, const uint8_t key[4])
{
    uint64_t wide;
    size_t i = 0;
    memcpy(&wide, key, 4);
    memcpy((uint8_t *)&wide + 4, key, 4);
    for (; i + 8 <= length; i += 8) {
        uint64_t word;
        memcpy(&word, from + i, 8);
        word ^= wide;
        memcpy(to + i, &word, 8);
    }
    for (; i < length; i++)
        to[i] = from[i] ^ key[i & 3];
}
