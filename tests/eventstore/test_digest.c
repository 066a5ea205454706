/* The chain of digests, computed once more from the layout that digest.h publishes, and from nothing else of ours. */
#include <sodium.h>
#include <string.h>

#include "eventstore/digest.h"
#include "tests/eventstore/given.h"

/* The bytes of one link, as a stranger would put them together. */
struct spelling {
    uint8_t bytes[4096];
    size_t length;
};

static void spell(struct spelling *out, const void *bytes, size_t length)
{
    cr_assert_leq(out->length + length, sizeof out->bytes);
    if (length > 0)
        memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

static void spell_number(struct spelling *out, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++, number >>= 8)
        spell(out, &(uint8_t){(uint8_t)(number & 0xff)}, 1);
}

static void spell_text(struct spelling *out, const void *text, size_t length)
{
    spell_number(out, length, 4);
    spell(out, text, length);
}

struct chain {
    uint8_t link[32];
    size_t links;
};

static void start_chain(struct chain *chain, struct uuid store)
{
    struct spelling first = {.length = 0};
    spell(&first, "tillroll roll 1", 15);
    spell(&first, store.bytes, 16);
    cr_assert_eq(crypto_generichash(chain->link, 32, first.bytes, first.length, NULL, 0), 0);
    chain->links = 0;
}

static enum status check_link(void *context, const struct recorded_event *event, struct error *error)
{
    struct chain *chain = context;
    struct spelling out = {.length = 0};
    (void)error;
    spell(&out, chain->link, 32);
    spell_number(&out, event->position, 8);
    spell_text(&out, event->stream.category, strlen(event->stream.category));
    spell_text(&out, event->stream.entity, strlen(event->stream.entity));
    spell_number(&out, event->version, 8);
    spell_text(&out, event->type, strlen(event->type));
    spell_number(&out, (uint64_t)event->schema_version, 8);
    spell(&out, event->id.bytes, 16);
    spell(&out, event->correlation.bytes, 16);
    spell_number(&out, event->causation, 8);
    spell_number(&out, (uint64_t)event->recorded_at_us, 8);
    spell_text(&out, event->actor, strlen(event->actor));
    spell_text(&out, event->producer, strlen(event->producer));
    spell_text(&out, event->command_id.bytes, event->has_command_id ? 16 : 0);
    spell_text(&out, event->data, event->data_length);
    cr_assert_eq(crypto_generichash(chain->link, 32, out.bytes, out.length, NULL, 0), 0);
    cr_assert_arr_eq(event->digest, chain->link, 32, "link %llu", (unsigned long long)event->position);
    chain->links++;
    return STATUS_OK;
}

CONTRACT(digest, of_an_empty_roll_is_made_from_the_stores_id)
{
    struct chain chain;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    uint64_t position = 1;
    start_chain(&chain, eventstore_info(given->store)->id);
    must(eventstore_head_digest(given->store, &position, digest, &given->error));
    cr_assert_eq(position, 0);
    cr_assert_arr_eq(digest, chain.link, 32);
}

CONTRACT(digest, chains_every_event_to_the_one_before)
{
    struct chain chain;
    struct draft draft;
    struct uuid command = id_numbered(55);
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    uint64_t position = 0;
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    given->time.now_us = -5; /* before 1970 the clock may stand, recorded_at stays */
    draft_start(&draft);
    draft.commit.command_id = &command;
    draft.commit.actor = "customer";
    struct new_event *event = draft_append(&draft, ORDER_7, EXPECTED_NONE, 4, 2);
    event->correlation = id_numbered(7);
    event->causation = 2;
    event->schema_version = 7;
    event->type = "OrderPlaced";
    event[1].data_length = 0;
    must(commit(given, &draft));
    reopen(given);
    must(append(given, (struct stream){"stock", "grün/茶"}, EXPECTED_NONE, 6, 1));

    start_chain(&chain, eventstore_info(given->store)->id);
    must(eventstore_read_roll(given->store, &(struct roll_query){.with_digests = true}, check_link, &chain,
                              &given->error));
    cr_assert_eq(chain.links, 6);
    must(eventstore_head_digest(given->store, &position, digest, &given->error));
    cr_assert_eq(position, 6);
    cr_assert_arr_eq(digest, chain.link, 32);
}

/* A fixed example, for whoever writes a checker of their own: it must never come out differently. The figures are
 * Python's: hashlib.blake2b over the bytes that digest.h describes. */
Test(digest, of_a_fixed_event_is_this)
{
    static const struct recorded_event event = {
        .position = 1,
        .stream = {"order", "01234567-89ab-cdef-0123-456789abcdef"},
        .version = 1,
        .type = "OrderPlaced",
        .schema_version = 2,
        .id = {{1}},
        .correlation = {{2}},
        .recorded_at_us = MONDAY_EVENING_US,
        .actor = "customer",
        .producer = "till 1.0.0",
        .data = "{}",
        .data_length = 2,
    };
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    char text[DIGEST_TEXT_SIZE];
    digest_start((struct uuid){{9}}, digest);
    digest_to_text(digest, text);
    cr_expect_str_eq(text, "710770899ff6f0b0ca9e83182fd44db9365d248ee57139b4165cc3d2b5fd4dbb");
    digest_link(digest, &event, digest);
    digest_to_text(digest, text);
    cr_expect_str_eq(text, "8fd91374ba8abcf862f24cb757d3e31f1a3477622bb6863aaced639c0eb313e4");
}

static enum status has_none(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    cr_assert_null(event->digest);
    ++*(size_t *)context;
    return STATUS_OK;
}

CONTRACT(digest, is_shown_to_whoever_asks_for_it)
{
    size_t count = 0;
    const struct stream_query tea = {.stream = TEA};
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    must(eventstore_read_roll(given->store, &(struct roll_query){0}, has_none, &count, &given->error));
    must(eventstore_read_stream(given->store, &tea, NULL, has_none, &count, &given->error));
    cr_assert_eq(count, 4);
}
