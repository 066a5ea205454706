#include "eventstore/eventstore.h"

#include <string.h>

struct recorded_event *recorded_event_copy(struct arena *arena, const struct recorded_event *event)
{
    struct recorded_event *copy = arena_alloc(arena, sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *event;
    copy->stream.category = arena_copy(arena, event->stream.category);
    copy->stream.entity = arena_copy(arena, event->stream.entity);
    copy->type = arena_copy(arena, event->type);
    copy->actor = arena_copy(arena, event->actor);
    copy->producer = arena_copy(arena, event->producer);
    copy->data = arena_copy_text(arena, event->data, event->data_length);
    bool is_whole = copy->stream.category != NULL && copy->stream.entity != NULL && copy->type != NULL &&
                    copy->actor != NULL && copy->producer != NULL && copy->data != NULL;
    if (event->digest != NULL) {
        uint8_t *digest = arena_alloc(arena, EVENTSTORE_DIGEST_BYTES);
        is_whole = is_whole && digest != NULL;
        copy->digest = is_whole ? memcpy(digest, event->digest, EVENTSTORE_DIGEST_BYTES) : NULL;
    }
    return is_whole ? copy : NULL;
}
