/* One connection of the load generator: opening, sending from the tape, receiving. */
#ifndef CLIENT_H
#define CLIENT_H

#include "handshake.h"
#include "options.h"
#include "receiver.h"
#include "stream.h"
#include "tape.h"

enum stage { STAGE_FREE, STAGE_CONNECTING, STAGE_TLS, STAGE_ANSWER, STAGE_OPEN, STAGE_CLOSING, STAGE_CLOSED };

/* What one event did to a connection. */
enum outcome { OUTCOME_NONE, OUTCOME_OPENED, OUTCOME_MESSAGES, OUTCOME_CLOSED, OUTCOME_FAILED };

struct client {
    struct stream stream;
    enum stage stage;
    uint32_t interest; /* what epoll watches */
    unsigned number;
    uint64_t began; /* when it began to connect, nanoseconds */

    struct receiver receiver;
    unsigned received_now; /* messages of this event */
    uint64_t received;     /* messages, in all */

    unsigned send_frame; /* of the tape */
    size_t send_offset;  /* bytes of it that are gone */
    uint64_t credit;     /* frames to send, the begun one too */
    uint64_t granted;    /* messages, in all */
    uint64_t *sent_at;   /* of the last `depth` messages, nanoseconds */

    uint8_t control_size;
    uint8_t control[FRAME_HEAD_MAX + CONTROL_PAYLOAD_MAX]; /* a pong or close frame to send */
    uint8_t *head;                                         /* of the server's answer, while it comes */
    size_t head_have;
};

/* What the connections of a run share. */
struct shared {
    const struct options *options;
    int epoll;
    struct tape tape;
    struct deflate_terms terms;
    char extension[EXTENSION_MAX];
    bool answered; /* the terms are known */
    uint64_t bytes_in;
    uint64_t bytes_out;
    const char *error; /* why a connection failed */
};

uint64_t now_nanoseconds(void);

/* Begins to connect; returns whether it could. */
bool client_open(struct shared *shared, struct client *client, uint64_t now);

/* Allows `count` more messages to be sent; client_flush sends them. */
void client_grant(struct shared *shared, struct client *client, unsigned count, uint64_t now);
enum outcome client_flush(struct shared *shared, struct client *client);

/* Sends a close frame. */
enum outcome client_say_goodbye(struct shared *shared, struct client *client);

enum outcome client_on_event(struct shared *shared, struct client *client, uint32_t events);

void client_close(struct client *client);

#endif
