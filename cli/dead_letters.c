/* dead_letters.c - `till dead-letters`: what the services have given up, and what a person does about it.
 *
 * Without a word behind it the command lists; show, retry, discard and settle name one event by its position. What is
 * decided stays on record with who, when and why. */
#include "services/dead_letters.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/rest.h"
#include "cli/type_next.h"
#include "cli/work.h"
#include "services/outlook.h"

enum { SENTENCE_INDENT = 2 };

struct request {
    const struct action *action;
    const char *consumer; /* or NULL */
    uint64_t position;    /* 0: none was named */
    const char *reason;   /* or "" */
    bool all, force, waiting;
    bool titled; /* the list's titles are printed */
    struct arena arena;
};

/* ---- who ---- */

static bool is_name(const char *name)
{
    return name != NULL && text_is_clean(name, strlen(name), EVENTSTORE_NAME_MAX);
}

/* The person behind sudo, else the one who is logged in. Nothing is proved by it: who may write to the shop's folder
 * may say anything. */
static const char *operator_name(void)
{
    static char number[32];
    const char *sudo_user = getenv("SUDO_USER"), *user = getenv("USER");
    const struct passwd *entry = getpwuid(getuid());
    if (is_name(sudo_user))
        return sudo_user;
    if (is_name(user))
        return user;
    if (entry != NULL && is_name(entry->pw_name))
        return entry->pw_name;
    snprintf(number, sizeof number, "uid %lu", (unsigned long)getuid());
    return number;
}

static struct operator_desk desk_of(const struct shop *shop, const struct request *request)
{
    return (struct operator_desk){.store = shop->store, .who = operator_name(), .reason = request->reason};
}

/* ---- one letter in words ---- */

/* The order whose journey this is. Where nobody placed it, or what was placed cannot be read, its id is its ref, and it
 * has no customer. */
struct order_named {
    const char *ref;
    const char *customer; /* or NULL */
};

static enum status name_order(struct order_named *order, struct shop *shop, struct uuid sequence, struct arena *arena,
                              struct error *error)
{
    char id[UUID_TEXT_SIZE];
    struct order_placed placed;
    enum status status = order_as_placed(shop, sequence, arena, &placed, NULL, error);
    if (status == STATUS_OK)
        *order = (struct order_named){.ref = placed.order_ref, .customer = placed.customer};
    const bool is_unknown = status == STATUS_NOT_FOUND || status == STATUS_INVALID || status == STATUS_NEWER;
    if (!is_unknown && status != STATUS_DAMAGED)
        return status;
    uuid_to_text(sequence, id);
    *order = (struct order_named){.ref = arena_copy(arena, id)};
    return order->ref != NULL ? STATUS_OK : error_memory(error);
}

static cJSON *letter_object(const struct dead_letter *letter, const struct recorded_event *event,
                            struct order_named order)
{
    const struct parked *parked = &letter->parked;
    cJSON *object = cJSON_CreateObject();
    json_integer(object, "position", (int64_t)parked->position);
    json_text(object, "consumer", letter->consumer);
    json_text(object, "event", event->type);
    json_uuid(object, "order_id", parked->sequence);
    json_text(object, "order_ref", order.ref);
    json_text(object, "customer_id", order.customer);
    json_text(object, "state", parked->state == PARKED_DEAD ? "dead" : "waiting");
    json_integer(object, "attempts", parked->attempts);
    json_time(object, "parked_at", parked->parked_at_us);
    if (parked->state == PARKED_WAITING && letter->first == parked->position)
        json_time(object, "next_attempt_at", parked->next_attempt_us);
    else
        json_text(object, "next_attempt_at", NULL);
    json_text(object, "error", parked->reason[0] != '\0' ? parked->reason : NULL);
    json_integer(object, "behind", (int64_t)letter->behind);
    return object;
}

/* ---- list ---- */

static void print_letter(const struct till *till, struct request *request, const struct dead_letter *letter,
                         const struct recorded_event *event, struct order_named order)
{
    static const struct column columns[] = {{"position", -8}, {"consumer", 12}, {"event", 26},
                                            {"attempts", -8}, {"behind", -6},   {"since", -8}};
    char age[DURATION_SIZE];
    const struct parked *parked = &letter->parked;
    if (!request->titled)
        table_titles(till, columns, COUNT(columns));
    request->titled = true;
    const char *const cells[] = {number_text((int64_t)parked->position),
                                 letter->consumer,
                                 event->type,
                                 number_text(parked->attempts),
                                 number_text((int64_t)letter->behind),
                                 duration_for_people(clock_now_us(&till->clock) - parked->parked_at_us, age)};
    table_row(till, columns, cells, COUNT(columns));
    struct buffer sentence = {0};
    buffer_format(&sentence, order.customer != NULL ? "order %s of %s: " : "order %s: ", order.ref, order.customer);
    if (letter->first != parked->position)
        buffer_format(&sentence, "waits behind position %llu", (unsigned long long)letter->first);
    else
        buffer_text(&sentence, parked->reason);
    printf("%*s%s", SENTENCE_INDENT, "", style(till, parked->state == PARKED_DEAD ? STYLE_RED : STYLE_YELLOW));
    print_paragraph(till, buffer_string(&sentence), SENTENCE_INDENT);
    fputs(style(till, STYLE_PLAIN), stdout);
    buffer_clear(&sentence);
}

static enum status tell_letter(struct shop *shop, const struct till *till, struct request *request,
                               const struct dead_letter *letter, struct error *error)
{
    const struct recorded_event *event = NULL;
    struct order_named order;
    enum status status = dead_letter_event(shop->store, letter, &request->arena, &event, error);
    if (status == STATUS_OK)
        status = name_order(&order, shop, letter->parked.sequence, &request->arena, error);
    if (status == STATUS_OK && till->json)
        status = json_line(letter_object(letter, event, order), error);
    else if (status == STATUS_OK)
        print_letter(till, request, letter, event, order);
    arena_reset(&request->arena);
    return status;
}

static enum status list(struct shop *shop, const struct till *till, struct request *request, struct error *error)
{
    struct dead_letters letters;
    size_t told = 0;
    enum status status = dead_letters_load(&letters, shop->store, request->consumer, error);
    for (size_t i = 0; status == STATUS_OK && i < letters.count; i++) {
        if (letters.items[i].parked.state != PARKED_DEAD && !request->waiting)
            continue;
        status = tell_letter(shop, till, request, &letters.items[i], error);
        told++;
    }
    if (status == STATUS_OK && told == 0 && !till->json)
        say(request->waiting ? "Nothing is set aside." : "There are no dead letters.");
    dead_letters_clear(&letters);
    return status;
}

/* ---- show ---- */

static void print_state(const struct till *till, const struct dead_letter *letter)
{
    char state[96], next[PEOPLE_TIME_SIZE];
    const struct parked *parked = &letter->parked;
    if (parked->state == PARKED_DEAD)
        snprintf(state, sizeof state, "dead letter: it is not tried again by itself");
    else if (letter->first != parked->position)
        snprintf(state, sizeof state, "waits behind position %llu", (unsigned long long)letter->first);
    else
        snprintf(state, sizeof state, "waits for attempt %d at %s", parked->attempts + 1,
                 time_for_people(parked->next_attempt_us, next));
    print_fact(till, "state", state);
}

static void print_behind(const struct till *till, const struct dead_letter *letter)
{
    char behind[96];
    snprintf(behind, sizeof behind, "%llu later %s of this order for %s", (unsigned long long)letter->behind,
             plural((int64_t)letter->behind, "event", "events"), letter->consumer);
    print_fact(till, "behind it", letter->behind == 0 ? "nothing" : behind);
}

static void print_outlook(const struct till *till, const struct dead_letter *letter, const struct outlook *outlook)
{
    char discard[EVENTSTORE_REASON_MAX + 64];
    const char *what = "nothing is left owed";
    snprintf(discard, sizeof discard, "needs --force, because then %s", outlook->owed);
    if (outlook->owed[0] != '\0')
        what = discard;
    if (letter->parked.state != PARKED_DEAD)
        what = "not while its service still tries";
    print_long_fact(till, "retry", outlook->retry);
    print_long_fact(till, "discard", what);
}

static enum status print_decision(void *context, const struct decision *decision, struct error *error)
{
    const struct till *till = context;
    struct buffer line = {0};
    char at[PEOPLE_TIME_SIZE];
    buffer_format(&line, "%s by %s at %s, after %d %s", decision_name(decision->kind), decision->who,
                  time_for_people(decision->decided_at_us, at), decision->parked.attempts,
                  plural(decision->parked.attempts, "attempt", "attempts"));
    if (decision->reason[0] != '\0')
        buffer_format(&line, ": %s", decision->reason);
    if (decision->owed[0] != '\0')
        buffer_format(&line, "; %s", decision->owed);
    print_long_fact(till, "decided", buffer_string(&line));
    enum status status = buffer_ok(&line, error);
    buffer_clear(&line);
    return status;
}

static enum status add_decision(void *context, const struct decision *decision, struct error *error)
{
    cJSON *list = context, *object = cJSON_CreateObject();
    (void)error;
    json_text(object, "decision", decision_name(decision->kind));
    json_text(object, "by", decision->who);
    json_time(object, "at", decision->decided_at_us);
    json_text(object, "reason", decision->reason[0] != '\0' ? decision->reason : NULL);
    json_text(object, "owed", decision->owed[0] != '\0' ? decision->owed : NULL);
    json_integer(object, "attempts", decision->parked.attempts);
    json_text(object, "error", decision->parked.reason);
    json_item(list, object);
    return STATUS_OK;
}

static enum status show_for_programs(struct shop *shop, cJSON *object, const struct outlook *outlook,
                                     const struct decision_query *history, struct error *error)
{
    json_text(object, "on_retry", outlook->retry);
    json_text(object, "owed_when_discarded", outlook->owed[0] != '\0' ? outlook->owed : NULL);
    cJSON *decisions = cJSON_AddArrayToObject(object, "decisions");
    enum status status = eventstore_read_decisions(shop->store, history, add_decision, decisions, error);
    if (status == STATUS_OK)
        return json_line(object, error);
    cJSON_Delete(object);
    return status;
}

static void show_for_people(const struct till *till, const struct dead_letter *letter,
                            const struct recorded_event *event, struct order_named order)
{
    char since[PEOPLE_TIME_SIZE];
    printf("%sposition %llu: %s, set aside by %s%s\n", style(till, STYLE_BOLD),
           (unsigned long long)letter->parked.position, event->type, letter->consumer, style(till, STYLE_PLAIN));
    print_fact(till, "order", order.ref);
    if (order.customer != NULL)
        print_fact(till, "customer", order.customer);
    print_state(till, letter);
    print_fact(till, "attempts", number_text(letter->parked.attempts));
    print_fact(till, "since", time_for_people(letter->parked.parked_at_us, since));
    if (letter->parked.reason[0] != '\0')
        print_long_fact(till, "error", letter->parked.reason);
    print_behind(till, letter);
}

static enum status show_letter(struct shop *shop, const struct till *till, struct request *request,
                               const struct dead_letter *letter, struct error *error)
{
    const struct recorded_event *event = NULL;
    struct outlook outlook;
    struct order_named order;
    const struct decision_query history = {.consumer = letter->consumer, .position = letter->parked.position};
    enum status status = dead_letter_event(shop->store, letter, &request->arena, &event, error);
    if (status == STATUS_OK)
        status = outlook_of(shop->store, letter->consumer, event, &request->arena, &outlook, error);
    if (status == STATUS_OK)
        status = name_order(&order, shop, letter->parked.sequence, &request->arena, error);
    if (status != STATUS_OK)
        return status;
    if (till->json)
        return show_for_programs(shop, letter_object(letter, event, order), &outlook, &history, error);
    show_for_people(till, letter, event, order);
    print_outlook(till, letter, &outlook);
    return eventstore_read_decisions(shop->store, &history, print_decision, (void *)till, error);
}

/* What is not parked any more may still have been decided about. */
static enum status show_past(struct shop *shop, const struct till *till, struct request *request, struct error *error)
{
    const struct decision_query history = {.consumer = request->consumer, .position = request->position};
    cJSON *object = cJSON_CreateObject();
    json_integer(object, "position", (int64_t)request->position);
    json_text(object, "state", "gone");
    cJSON *decisions = cJSON_AddArrayToObject(object, "decisions");
    const struct error not_parked = *error;
    enum status status = eventstore_read_decisions(shop->store, &history, add_decision, decisions, error);
    bool any = cJSON_GetArraySize(decisions) > 0;
    if (status == STATUS_OK && any && till->json)
        return json_line(object, error);
    cJSON_Delete(object);
    if (status != STATUS_OK)
        return status;
    if (!any)
        return error_set(error, not_parked.status, "%s", not_parked.text);
    printf("%sposition %llu: not set aside any more%s\n", style(till, STYLE_BOLD),
           (unsigned long long)request->position, style(till, STYLE_PLAIN));
    return eventstore_read_decisions(shop->store, &history, print_decision, (void *)till, error);
}

/* Finds the letter that was named and hands it on. */
typedef enum status (*letter_work)(struct shop *shop, const struct till *till, struct request *request,
                                   const struct dead_letter *letter, struct error *error);

static enum status with_letter(struct shop *shop, const struct till *till, struct request *request, letter_work work,
                               struct error *error)
{
    struct dead_letters letters;
    const struct dead_letter *letter = NULL;
    enum status status = dead_letters_load(&letters, shop->store, request->consumer, error);
    if (status == STATUS_OK)
        status = dead_letters_find(&letters, request->position, request->consumer, &letter, error);
    if (status == STATUS_OK)
        status = work(shop, till, request, letter, error);
    dead_letters_clear(&letters);
    return status;
}

static enum status show(struct shop *shop, const struct till *till, struct request *request, struct error *error)
{
    enum status status = with_letter(shop, till, request, show_letter, error);
    return status == STATUS_NOT_FOUND ? show_past(shop, till, request, error) : status;
}

/* ---- retry ---- */

static void print_run(const struct till *till)
{
    struct buffer command = {0};
    put_till(&command, till);
    buffer_text(&command, " run");
    print_command(till, buffer_string(&command));
    buffer_clear(&command);
}

/* What keeps the service from trying it at once. */
static enum status hint_at_service(struct shop *shop, const struct till *till, const char *consumer,
                                   struct error *error)
{
    struct pause pause;
    char until[PEOPLE_TIME_SIZE];
    enum status status = eventstore_paused(shop->store, consumer, &pause, error);
    if (status == STATUS_OK && is_pausing(&pause, clock_now_us(shop->desk.clock), RETRY_HIGHEST_cool_down_ms))
        say("It pauses until %s, because nobody answers it: %s.", time_for_people(pause.until_us, until), pause.reason);
    if (status == STATUS_OK && !eventstore_consumer_is_claimed(shop->store, consumer)) {
        say("Nobody runs the service %s:", consumer);
        print_run(till);
    }
    return status;
}

static enum status retry_letter(struct shop *shop, const struct till *till, struct request *request,
                                const struct dead_letter *letter, struct error *error)
{
    const struct operator_desk desk = desk_of(shop, request);
    enum status status = dead_letter_retry(&desk, letter, error);
    if (status != STATUS_OK)
        return status;
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_integer(object, "retried", 1);
        return json_line(object, error);
    }
    say("Position %llu is due at once: %s tries it again.", (unsigned long long)request->position, letter->consumer);
    return hint_at_service(shop, till, letter->consumer, error);
}

static enum status retry_all(struct shop *shop, const struct till *till, struct request *request, struct error *error)
{
    const struct operator_desk desk = desk_of(shop, request);
    size_t retried = 0;
    enum status status = dead_letters_retry_all(&desk, request->consumer, &retried, error);
    if (status != STATUS_OK)
        return status;
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_integer(object, "retried", (int64_t)retried);
        return json_line(object, error);
    }
    if (retried == 0)
        say("There are no dead letters.");
    else
        say("%zu dead %s due at once.", retried, plural((int64_t)retried, "letter is", "letters are"));
    if (retried > 0 && !shop_is_running(shop)) {
        say("Nobody runs the shop:");
        print_run(till);
    }
    return STATUS_OK;
}

static enum status retry(struct shop *shop, const struct till *till, struct request *request, struct error *error)
{
    return request->all ? retry_all(shop, till, request, error) : with_letter(shop, till, request, retry_letter, error);
}

/* ---- discard and settle ---- */

static void print_debt(const struct till *till, const struct dead_letter *letter, const char *owed)
{
    struct buffer sentence = {0}, command = {0};
    buffer_format(&sentence, "Now %s. When it is put right:", owed);
    print_paragraph(till, buffer_string(&sentence), 0);
    put_till(&command, till);
    put_settle(&command, letter->consumer, letter->parked.position);
    print_command(till, buffer_string(&command));
    buffer_clear(&sentence);
    buffer_clear(&command);
}

static enum status discard_letter(struct shop *shop, const struct till *till, struct request *request,
                                  const struct dead_letter *letter, struct error *error)
{
    const struct operator_desk desk = desk_of(shop, request);
    const char *owed = "";
    enum status status = dead_letter_discard(&desk, letter, request->force, &request->arena, &owed, error);
    if (status != STATUS_OK)
        return status;
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_integer(object, "position", (int64_t)request->position);
        json_text(object, "consumer", letter->consumer);
        json_text(object, "owed", owed[0] != '\0' ? owed : NULL);
        return json_line(object, error);
    }
    say("Position %llu is discarded: %s will not try it again.", (unsigned long long)request->position,
        letter->consumer);
    if (owed[0] != '\0')
        print_debt(till, letter, owed);
    return STATUS_OK;
}

static enum status discard(struct shop *shop, const struct till *till, struct request *request, struct error *error)
{
    return with_letter(shop, till, request, discard_letter, error);
}

static enum status settle(struct shop *shop, const struct till *till, struct request *request, struct error *error)
{
    const struct operator_desk desk = desk_of(shop, request);
    enum status status = dead_letter_settle(&desk, request->position, request->consumer, error);
    if (status != STATUS_OK)
        return status;
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_integer(object, "settled", (int64_t)request->position);
        return json_line(object, error);
    }
    say("Nothing is owed for position %llu any more.", (unsigned long long)request->position);
    return STATUS_OK;
}

/* ---- the command ---- */

static const struct action {
    const char *name;
    enum status (*work)(struct shop *shop, const struct till *till, struct request *request, struct error *error);
    bool position, reason; /* must be given */
    const char *options;   /* those it takes, between blanks */
} actions[] = {
    {"list", list, false, false, " consumer waiting "},     {"show", show, true, false, " consumer "},
    {"retry", retry, true, false, " consumer all reason "}, {"discard", discard, true, true, " consumer reason force "},
    {"settle", settle, true, true, " consumer reason "},
};

static const struct option_spec dead_letters_options[] = {
    {"waiting", NULL, "list waiting events too"},
    {"consumer", "NAME", "of this service only"},
    {"all", NULL, "retry every dead letter"},
    {"reason", "R", "why; goes on record"},
    {"force", NULL, "discard although money or stock stays owed"},
    {0},
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < COUNT(actions); i++)
        if (strcmp(actions[i].name, name == NULL ? "list" : name) == 0)
            return &actions[i];
    return NULL;
}

/* The first option given that the action does not take; NULL when there is none. */
static const char *misplaced_option(const struct arguments *arguments, const struct action *action)
{
    for (const struct option_spec *option = dead_letters_options; option->name != NULL; option++) {
        char word[32];
        snprintf(word, sizeof word, " %s ", option->name);
        if (argument_given(arguments, option->name) && strstr(action->options, word) == NULL)
            return option->name;
    }
    return NULL;
}

static bool is_service(const char *name)
{
    for (size_t i = 0; i < SERVICES_COUNT; i++)
        if (strcmp(service_names[i], name) == 0)
            return true;
    return false;
}

/* EXIT_DONE, or EXIT_USAGE after having said what is wrong. */
static int check_values(const struct arguments *arguments, const struct request *request)
{
    char safe[TEXT_SAFE_SIZE];
    if (request->consumer != NULL && !is_service(request->consumer))
        return usage_error(arguments, "there is no service %s: order, payment, inventory and notification are there",
                           text_safe(safe, request->consumer));
    if (request->action->reason && request->reason[0] == '\0')
        return usage_error(arguments, "--reason is missing: it goes on record");
    if (request->reason[0] != '\0' && !text_is_clean(request->reason, strlen(request->reason), EVENTSTORE_REASON_MAX))
        return usage_error(arguments, "--reason takes one line of at most %d bytes, without control characters",
                           EVENTSTORE_REASON_MAX);
    return EXIT_DONE;
}

static int read_position(const struct arguments *arguments, struct request *request)
{
    char safe[TEXT_SAFE_SIZE];
    const char *word = argument_word(arguments, 1);
    int64_t position = 0;
    const bool wanted = request->action->position && !request->all;
    if (word == NULL)
        return wanted ? usage_error(arguments, "POSITION is missing: `till dead-letters` lists them") : EXIT_DONE;
    if (!wanted)
        return usage_error(arguments, "%s is too much", text_safe(safe, word));
    if (!integer_from_text(word, 1, INT64_MAX, &position))
        return usage_error(arguments, "%s is no position", text_safe(safe, word));
    request->position = (uint64_t)position;
    return EXIT_DONE;
}

static int read_request(const struct arguments *arguments, struct request *request)
{
    char safe[TEXT_SAFE_SIZE];
    const char *reason = argument_value(arguments, "reason");
    request->action = find_action(argument_word(arguments, 0));
    if (request->action == NULL)
        return usage_error(arguments, "list, show, retry, discard or settle, not %s",
                           text_safe(safe, argument_word(arguments, 0)));
    const char *misplaced = misplaced_option(arguments, request->action);
    if (misplaced != NULL)
        return usage_error(arguments, "--%s means nothing for %s", misplaced, request->action->name);
    request->consumer = argument_value(arguments, "consumer");
    request->reason = reason != NULL ? reason : "";
    request->all = argument_given(arguments, "all");
    request->force = argument_given(arguments, "force");
    request->waiting = argument_given(arguments, "waiting");
    int code = check_values(arguments, request);
    return code == EXIT_DONE ? read_position(arguments, request) : code;
}

static enum status act(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct request *request = context;
    return request->action->work(shop, till, request, error);
}

static int run_dead_letters(struct till *till, const struct arguments *arguments)
{
    struct request request = {.action = NULL};
    int code = read_request(arguments, &request);
    if (code == EXIT_DONE)
        code = in_shop(till, arguments, "clerk", act, &request);
    arena_clear(&request.arena);
    return code;
}

const struct command dead_letters_command = {
    .name = "dead-letters",
    .usage = "[list] [--waiting] [--consumer NAME]\n"
             "       till dead-letters show POSITION [--consumer NAME]\n"
             "       till dead-letters retry POSITION|--all [--consumer NAME] [--reason R]\n"
             "       till dead-letters discard POSITION --reason R [--consumer NAME] [--force]\n"
             "       till dead-letters settle POSITION --reason R [--consumer NAME]",
    .summary = "what the services have given up, and what becomes of it",
    .details = "A dead letter is an event that its service has tried as often as it may, or\n"
               "cannot understand; later events of its order wait behind it. POSITION is where\n"
               "it stands on the roll.\n\n"
               "show     how it stands, what a retry will do, and what was decided before\n"
               "retry    try it at once; a waiting event too\n"
               "discard  give it up, and go on with what waits behind it. A refund or a\n"
               "         release of stock needs --force, and stays owed until it is settled\n"
               "settle   say that what was owed was given otherwise\n\n"
               "Who (SUDO_USER, else USER), when and why stay on record. With --json a letter\n"
               "is: position, consumer, event, order_id, order_ref, customer_id, state (dead or\n"
               "waiting), attempts, parked_at, next_attempt_at, error, behind; show adds\n"
               "on_retry, owed_when_discarded, decisions [{decision, by, at, reason, owed,\n"
               "attempts, error}]. retry: retried; discard: position, consumer, owed; settle:\n"
               "settled.",
    .options = dead_letters_options,
    .words_max = 2,
    .run = run_dead_letters,
};
