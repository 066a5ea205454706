/* lines.h - a roll as JSON Lines: to move it from one store to another, to send it in a bug report, to review it.
 *
 *   {"tillroll":"roll","format":1,"store_id":…,"created_at":…,"settings":{…},"position":20,"digest":…}
 *   {"position":1,"stream":"stock-tea","version":1,"type":…,"schema_version":1,"event_id":…,"correlation_id":…,
 *    "causation":null,"recorded_at":…,"actor":…,"producer":…,"command_id":null,"data":{…},"digest":…}
 *   …
 *
 * The first line, the title, names the store, and the position and digest that the last line has at least; then comes
 * one event a line (without the breaks shown here). Members stand in this order, none is missing, and no other is
 * there. A causation is the position of the causing event, a stream's category ends at the first '-', a digest is 64
 * hexadecimal digits.
 *
 * The data's bytes are those that the digest covers. They stand there as they are where a line of JSON gives them back
 * to the byte and shows nothing that harms a terminal; otherwise as a string called "data_text" (and settings as
 * "settings_text"). Either way a line is harmless, and what is read from it is what was stored. */
#ifndef EVENTSTORE_LINES_H
#define EVENTSTORE_LINES_H

#include "base/arena.h"
#include "base/buffer.h"
#include "eventstore/eventstore.h"

enum {
    LINES_FORMAT = 1,
    LINE_BYTES_MAX = 6 * EVENTSTORE_DATA_MAX + (16 << 10), /* each byte of the data an escape, and the rest */
};

struct line_title {
    struct eventstore_info store; /* `format` is the lines', LINES_FORMAT */
    uint64_t position;            /* the last event's, 0 for an empty roll; what came later may follow */
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
};

/* Each puts the line, without its end, in place of what `line` holds.
 *
 * STATUS_DAMAGED  names or data are no UTF-8, and JSON has no other texts */
enum status line_from_title(const struct line_title *title, struct buffer *line, struct error *error) MUST_CHECK;
enum status line_from_event(const struct recorded_event *event, struct buffer *line, struct error *error) MUST_CHECK;

/* Each reads a line, strictly. Texts, and the event's digest, are in the arena.
 *
 * STATUS_INVALID  it is none, as in "version: must be an integer", or holds what no event may
 * STATUS_NEWER    a title of a format that this program does not know */
enum status line_to_title(const char *line, size_t length, struct arena *arena, struct line_title *title,
                          struct error *error) MUST_CHECK;
enum status line_to_event(const char *line, size_t length, struct arena *arena, struct recorded_event *event,
                          struct error *error) MUST_CHECK;

#endif
