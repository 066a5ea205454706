#include "projections/drafts.h"

#include <string.h>

enum { DRAFT_BYTES_MAX = 1 << 20 /* of one view: more makes a pass hardly faster */ };

/* FNV-1a (Fowler, Noll and Vo). */
static uint32_t hash_of(int kind, const uint8_t *key, size_t length)
{
    uint32_t hash = UINT32_C(2166136261) ^ (uint32_t)kind;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ key[i]) * UINT32_C(16777619);
    return hash;
}

void *draft_find(const struct drafts *drafts, int kind, const void *key, size_t length)
{
    uint32_t hash = hash_of(kind, key, length);
    struct draft *draft = drafts->chains[hash % DRAFT_CHAINS];
    while (draft != NULL && (draft->hash != hash || draft->kind != kind || draft->length != length ||
                             memcmp(draft->key, key, length) != 0))
        draft = draft->chain;
    return draft;
}

void *draft_memory(struct drafts *drafts, size_t size)
{
    drafts->bytes += size;
    return arena_alloc(&drafts->arena, size);
}

char *draft_text(struct drafts *drafts, const char *text)
{
    size_t length = strlen(text);
    drafts->bytes += length;
    return arena_copy_text(&drafts->arena, text, length);
}

void *draft_make(struct drafts *drafts, int kind, const void *key, size_t length, size_t size)
{
    struct draft *draft = draft_memory(drafts, size);
    void *copy = draft_memory(drafts, length);
    if (draft == NULL || copy == NULL)
        return NULL;
    memcpy(copy, key, length);
    *draft = (struct draft){.key = copy,
                            .length = (uint32_t)length,
                            .hash = hash_of(kind, key, length),
                            .kind = kind,
                            .position = drafts->position,
                            .type = drafts->type};
    draft->chain = drafts->chains[draft->hash % DRAFT_CHAINS];
    drafts->chains[draft->hash % DRAFT_CHAINS] = draft;
    *(drafts->last == NULL ? &drafts->first : &drafts->last->next) = draft;
    drafts->last = draft;
    return draft;
}

bool drafts_are_many(const struct drafts *drafts)
{
    return drafts->bytes > DRAFT_BYTES_MAX;
}

void drafts_forget(struct drafts *drafts)
{
    if (drafts->first != NULL)
        memset(drafts->chains, 0, sizeof drafts->chains);
    drafts->first = drafts->last = NULL;
    drafts->bytes = 0;
    arena_reset(&drafts->arena);
}
