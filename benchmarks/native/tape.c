#include "tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deflate.h"
#include "frame.h"

enum { MESSAGES = 64, ROUND_MAX = 4 << 20, COMPRESSED_ROUND = 128 << 10, COMPRESSION_LEVEL = 6 };

static uint64_t random_state = 0x9E3779B97F4A7C15;

/* xorshift64: the same messages and keys in every run. */
static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void *allocate(size_t size)
{
    void *data = malloc(size != 0 ? size : 1);
    if (data == NULL)
        abort();
    return data;
}

static void fill_binary(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(next_random() >> 32);
}

static void fill_text(uint8_t *out, size_t size)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789";
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)alphabet[next_random() >> 32 & 63];
}

/* Records with names that repeat and values that do not, as APIs send them. */
static void fill_json(uint8_t *out, size_t size, unsigned number)
{
    static const char *const symbols[] = {"BTC-USD", "ETH-EUR", "SOL-USD", "XMR-EUR"};
    static const char *const sides[] = {"buy", "sell"};
    char *text = allocate(size + 256);
    size_t length = (size_t)snprintf(text, size + 256, "{\"type\":\"trades\",\"sequence\":%u,\"trades\":[", 100000 + number);
    while (length < size) {
        uint64_t random = next_random();
        length += (size_t)snprintf(text + length, size + 256 - length,
                                   "{\"id\":\"%08x\",\"symbol\":\"%s\",\"side\":\"%s\",\"price\":%u.%02u,\"amount\":%u},",
                                   (unsigned)(random >> 32), symbols[random & 3], sides[random >> 2 & 1],
                                   (unsigned)(random >> 3 & 0x3FFF), (unsigned)((random >> 17 & 0xFFFF) % 100),
                                   (unsigned)(random >> 20 & 0xFFF));
    }
    memcpy(out, text, size);
    free(text);
}

static void fill_payloads(struct tape *tape)
{
    tape->payloads = allocate(tape->messages * tape->size);
    for (unsigned i = 0; i < tape->messages; i++) {
        uint8_t *out = tape->payloads + i * tape->size;
        if (tape->kind == TAPE_BINARY)
            fill_binary(out, tape->size);
        else if (tape->kind == TAPE_TEXT)
            fill_text(out, tape->size);
        else
            fill_json(out, tape->size, i);
    }
}

static size_t write_frame(uint8_t *out, uint8_t first, const uint8_t *payload, size_t length)
{
    uint8_t key[4];
    uint64_t random = next_random();
    memcpy(key, &random, sizeof key);
    size_t head = frame_write_head(out, first, length, key);
    frame_mask(out + head, payload, length, key);
    return head + length;
}

static void write_frames(struct tape *tape, const struct deflate_terms *terms)
{
    uint8_t first = FRAME_FIN | (tape->kind == TAPE_BINARY ? OPCODE_BINARY : OPCODE_TEXT);
    size_t room = deflater_bound(tape->size);
    struct deflater *deflater = NULL;
    uint8_t *compressed = NULL;
    if (terms->agreed) {
        deflater = deflater_new(COMPRESSION_LEVEL, terms->client_window_bits, !terms->client_no_context_takeover);
        compressed = allocate(room);
        first |= FRAME_RSV1;
    }
    size_t at = 0;
    for (unsigned i = 0; i < tape->frames; i++) {
        const uint8_t *payload = tape_payload(tape, i % tape->messages);
        size_t length = tape->size;
        if (deflater != NULL) {
            length = deflater_run(deflater, payload, tape->size, compressed, room);
            payload = compressed;
        }
        tape->starts[i] = at;
        at += write_frame(tape->bytes + at, first, payload, length);
    }
    tape->starts[tape->frames] = at;
    deflater_free(deflater);
    free(compressed);
}

void tape_build(struct tape *tape, enum tape_kind kind, size_t size, unsigned depth, const struct deflate_terms *terms)
{
    size_t fitting = ROUND_MAX / (size + 1);
    unsigned messages = fitting > MESSAGES ? MESSAGES : fitting < 2 ? 2 : (unsigned)fitting;
    if (terms->agreed && messages * size < COMPRESSED_ROUND)
        messages = (unsigned)(COMPRESSED_ROUND / (size + 1)) + 1;
    if (messages < depth)
        messages = depth;
    bool context = terms->agreed && !terms->client_no_context_takeover;
    *tape = (struct tape){.kind = kind, .size = size, .messages = messages};
    tape->frames = context ? 2 * messages : messages;
    tape->again = context ? messages : 0;
    tape->starts = allocate((tape->frames + 1) * sizeof *tape->starts);
    tape->bytes = allocate(tape->frames * (deflater_bound(size) + FRAME_HEAD_MAX));
    fill_payloads(tape);
    write_frames(tape, terms);
}

void tape_free(struct tape *tape)
{
    free(tape->payloads);
    free(tape->starts);
    free(tape->bytes);
    *tape = (struct tape){0};
}
