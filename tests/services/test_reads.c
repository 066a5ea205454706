/* What each service says that it reads is all that it reads, and today's contracts give it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/services/saga.h"
#include "tests/support/blinkers.h"

static struct saga saga;

/* Ids differ from shop to shop, and so does what is made from them: each is one '#'. */
static void append_masked(struct buffer *out, const char *text)
{
    for (size_t run; *text != '\0'; text += run) {
        run = strspn(text, "0123456789abcdef-");
        if (run >= 20)
            buffer_char(out, '#');
        else
            buffer_append(out, text, run = run == 0 ? 1 : run);
    }
    buffer_char(out, '\n');
}

static enum status add_event(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    buffer_format(context, "%s ", event->type);
    append_masked(context, event->data);
    return STATUS_OK;
}

static int by_text(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void add_mails(struct buffer *out)
{
    char path[TEMPORARY_SIZE + 300], text[4000];
    char *mails[32];
    int count = 0;
    snprintf(path, sizeof path, "%s/mail/new", saga.folder);
    DIR *folder = opendir(path);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct buffer mail = {0};
        size_t length;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/mail/new/%s", saga.folder, entry->d_name);
        cr_assert_eq(file_read_small(path, text, sizeof text, &length, &saga.error), STATUS_OK);
        append_masked(&mail, text);
        mails[count++] = mail.data;
    }
    closedir(folder);
    qsort(mails, (size_t)count, sizeof *mails, by_text); /* their names are ids */
    for (int i = 0; i < count; i++) {
        buffer_text(out, mails[i]);
        free(mails[i]);
    }
}

/* Until nothing is left to do; one of the services sees only what it has declared. */
static void settle(int blinkered)
{
    for (bool idle = false; !idle;) {
        idle = true;
        for (int service = 0; service < SERVICES_COUNT; service++) {
            blinkers.reads = service == blinkered ? saga.houses[service].service.reads : NULL;
            idle = saga_step(&saga, service).idle && idle;
            blinkers.reads = NULL;
        }
    }
}

/* Every reaction of EVENTS.md at least once, and all that came of it: the roll, the money, the mails. */
static char *play(int blinkered)
{
    struct buffer out = {0};
    saga_open(&saga);
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_place(&saga, "2", "tea", 1, "tok_declined");
    saga_place(&saga, "3", "tea", 50, "tok_ok");
    saga_place(&saga, "4", "tea", 3, "tok_ok");
    saga_place(&saga, "5", "tea", 1, "tok_ok");
    saga_cancel(&saga, "5");
    saga_place(&saga, "6", "tea", 1, "tok_declined");
    saga_cancel(&saga, "6");
    settle(blinkered);
    saga_ship(&saga, "1");
    saga_cancel(&saga, "4");
    saga_restart(&saga, INVENTORY); /* folds its shelves anew */
    settle(blinkered);
    const struct roll_query everything = {0};
    cr_assert_eq(eventstore_read_roll(saga.store, &everything, add_event, &out, &saga.error), STATUS_OK);
    for (char ref[2] = "1"; ref[0] <= '6'; ref[0]++)
        buffer_format(&out, "%s keeps %lld\n", ref, (long long)saga_money_kept(&saga, ref));
    for (int service = 0; service < SERVICES_COUNT; service++)
        buffer_format(&out, "%s: %d parked\n", service_names[service],
                      saga_parked(&saga, service_names[service], NULL));
    add_mails(&out);
    saga_close(&saga);
    return out.data;
}

Test(reads, of_every_service_are_given_by_the_contracts)
{
    struct error error = {0};
    for (int i = 0; i < SERVICES_COUNT; i++) {
        const struct service service = service_described(i);
        event_type_set types = 0;
        for (const struct field_reads *read = service.reads; read->fields != NULL; read++)
            types |= EVENT_BIT(read->type);
        cr_expect_eq(service.subscriptions & ~types, 0, "%s", service.name);
        cr_expect_eq(reads_check(service.name, service.reads, &error), STATUS_OK, "%s", error.text);
    }
}

Test(reads, of_every_service_are_all_that_it_reads)
{
    char *all = play(SERVICES_COUNT);
    cr_assert_not_null(strstr(all, "NotificationSent"));
    for (int i = 0; i < SERVICES_COUNT; i++) {
        char *declared = play(i);
        cr_expect_str_eq(declared, all, "%s reads more than it says", service_names[i]);
        free(declared);
    }
    free(all);
}
