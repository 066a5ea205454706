#include "cli/standing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/type_next.h"
#include "cli/work.h"

enum { INDENT = 2 };

/* ---- looking ---- */

static int by_order(const void *one, const void *other)
{
    const struct dead_letter *const *a = one, *const *b = other;
    return memcmp((*a)->parked.sequence.bytes, (*b)->parked.sequence.bytes, UUID_BYTES);
}

/* What was never tried waits behind another, or is tried at once: there is nothing to tell but whose it is. */
static bool is_telling(const struct dead_letter *letter)
{
    return letter->first == letter->parked.position && letter->parked.attempts > 0;
}

static enum status sort_tried(struct standing *standing, struct error *error)
{
    const struct dead_letters *letters = &standing->letters;
    standing->tried = calloc(letters->count + 1, sizeof(*standing->tried));
    if (standing->tried == NULL)
        return error_memory(error);
    for (size_t i = 0; i < letters->count; i++)
        if (is_telling(&letters->items[i]))
            standing->tried[standing->tried_count++] = &letters->items[i];
    qsort(standing->tried, standing->tried_count, sizeof(*standing->tried), by_order);
    return STATUS_OK;
}

enum status standing_load(struct standing *standing, struct eventstore *store, struct error *error)
{
    *standing = (struct standing){.tried = NULL};
    enum status status = dead_letters_load(&standing->letters, store, NULL, error);
    if (status == STATUS_OK)
        status = discards_load(&standing->discards, store, error);
    return status == STATUS_OK ? sort_tried(standing, error) : status;
}

void standing_clear(struct standing *standing)
{
    free(standing->tried);
    dead_letters_clear(&standing->letters);
    discards_clear(&standing->discards);
    *standing = (struct standing){.tried = NULL};
}

const struct dead_letter *standing_letter(const struct standing *standing, struct uuid order, size_t n)
{
    const struct dead_letter key = {.parked = {.sequence = order}}, *wanted = &key;
    if (standing->tried_count == 0)
        return NULL;
    const struct dead_letter **at = bsearch(&wanted, standing->tried, standing->tried_count, sizeof(*at), by_order);
    while (at != NULL && at > standing->tried && uuid_equal(at[-1]->parked.sequence, order))
        at--;
    if (at == NULL || n >= (size_t)(standing->tried + standing->tried_count - at))
        return NULL;
    return uuid_equal(at[n]->parked.sequence, order) ? at[n] : NULL;
}

const struct discard *standing_discard(const struct standing *standing, struct uuid order, size_t n)
{
    for (size_t i = 0; i < standing->discards.count; i++) {
        const struct discard *discard = &standing->discards.items[i];
        if (uuid_equal(discard->order, order) && n-- == 0)
            return discard;
    }
    return NULL;
}

bool standing_needs_person(const struct standing *standing, struct uuid order)
{
    const struct dead_letter *letter;
    const struct discard *discard;
    for (size_t n = 0; (letter = standing_letter(standing, order, n)) != NULL; n++)
        if (letter->parked.state == PARKED_DEAD)
            return true;
    for (size_t n = 0; (discard = standing_discard(standing, order, n)) != NULL; n++)
        if (discard->owed[0] != '\0')
            return true;
    return false;
}

/* ---- telling ---- */

void tell_attempt(struct buffer *out, const struct dead_letter *letter)
{
    char at[TIME_TEXT_SIZE];
    const struct parked *parked = &letter->parked;
    time_to_text(parked->next_attempt_us, at);
    if (parked->state == PARKED_DEAD)
        buffer_format(out, "needs a person after %d %s: ", parked->attempts,
                      plural(parked->attempts, "attempt", "attempts"));
    else
        buffer_format(out, "attempt %d at %s: ", parked->attempts + 1, at);
    buffer_text(out, parked->reason);
}

void tell_discard(struct buffer *out, const struct discard *discard)
{
    char at[PEOPLE_TIME_SIZE];
    buffer_format(out, "%s: discarded by %s at %s: %s", discard->consumer, discard->who,
                  time_for_people(discard->at_us, at), discard->reason);
    if (discard->owed[0] != '\0')
        buffer_format(out, "; %s", discard->owed);
    if (discard->settled_by != NULL)
        buffer_format(out, "; settled by %s at %s: %s", discard->settled_by,
                      time_for_people(discard->settled_at_us, at), discard->settlement);
}

static void print_sentence(const struct till *till, enum style colour, const struct buffer *sentence)
{
    printf("%*s%s", INDENT, "", style(till, colour));
    print_paragraph(till, buffer_string(sentence), INDENT);
    fputs(style(till, STYLE_PLAIN), stdout);
}

static void print_letter(const struct till *till, const struct dead_letter *letter, bool advise)
{
    struct buffer sentence = {0}, command = {0};
    tell_attempt(&sentence, letter);
    print_sentence(till, letter->parked.state == PARKED_DEAD ? STYLE_RED : STYLE_YELLOW, &sentence);
    if (advise) {
        put_till(&command, till);
        put_show(&command, letter->consumer, letter->parked.position);
        print_command(till, buffer_string(&command));
    }
    buffer_clear(&sentence);
    buffer_clear(&command);
}

static void print_discard(const struct till *till, const struct discard *discard, bool advise)
{
    struct buffer sentence = {0}, command = {0};
    const bool owed = discard->owed[0] != '\0';
    tell_discard(&sentence, discard);
    print_sentence(till, owed ? STYLE_RED : STYLE_DIM, &sentence);
    if (advise && owed) {
        put_till(&command, till);
        put_settle(&command, discard->consumer, discard->position);
        print_command(till, buffer_string(&command));
    }
    buffer_clear(&sentence);
    buffer_clear(&command);
}

void print_standing(const struct till *till, const struct standing *standing, struct uuid order, bool advise)
{
    const struct dead_letter *letter;
    const struct discard *discard;
    for (size_t n = 0; (letter = standing_letter(standing, order, n)) != NULL; n++)
        print_letter(till, letter, advise);
    for (size_t n = 0; (discard = standing_discard(standing, order, n)) != NULL; n++)
        print_discard(till, discard, advise);
}

void add_standing(cJSON *object, const struct standing *standing, struct uuid order)
{
    const struct discard *discard;
    cJSON_AddBoolToObject(object, "needs_person", standing_needs_person(standing, order));
    cJSON *list = cJSON_AddArrayToObject(object, "discarded");
    for (size_t n = 0; (discard = standing_discard(standing, order, n)) != NULL; n++) {
        cJSON *item = cJSON_CreateObject();
        json_text(item, "consumer", discard->consumer);
        json_integer(item, "position", (int64_t)discard->position);
        json_text(item, "by", discard->who);
        json_time(item, "at", discard->at_us);
        json_text(item, "reason", discard->reason);
        json_text(item, "owed", discard->owed[0] != '\0' ? discard->owed : NULL);
        json_text(item, "settled", discard->settlement);
        json_item(list, item);
    }
}
