/* run.c - `till run`: the services at work.
 *
 * Without --service, this process is a supervisor: it starts every service and the projector as a process of its own,
 * restarts one that dies, and takes them with it when it ends, however it ends (the kernel kills them with their
 * parent: a service may die at any moment, that is what the runtime is built for). With one --service it is that
 * service. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/log.h"
#include "cli/signals.h"
#include "projections/projector.h"
#include "services/services.h"

enum {
    SLOW_POLL_MS = 1000,    /* the safety net under the doorbell */
    REST_MS = 20,           /* quiet for so long: write the checkpoint that moved without events */
    BUSY_PAUSE_MS = 50,     /* after a step that could not be done now; then twice as long, up to the poll */
    SETTLED_POLL_MS = 10,   /* how often to ask whether anything is left to do */
    SUPERVISE_MS = 50,      /* how often the supervisor looks after its children */
    RESTART_FIRST_MS = 100, /* then twice as long each time, up to … */
    RESTART_MAX_MS = 5000,
    HEALTHY_MS = 10000,   /* who lived so long has not failed in a row */
    RESTARTS_IN_VAIN = 5, /* with --until-idle: a worker that fails so often will not become idle */
    STOP_PATIENCE_MS = 5000,
};

static const char projector_name[] = "projector";
static const char supervisor_name[] = "run";
const char *const worker_names[WORKERS] = {"order", "payment", "inventory", "notification", projector_name};

/* ---- is there anything left to do? ---- */

static enum status find_waiting(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)parked, (void)error;
    *(bool *)context = true;
    return STATUS_STOPPED;
}

/* Nothing unread up to `head`, nothing waiting, the checkpoint written. Dead letters wait for a person, not for us. */
static enum status service_is_settled(struct shop *shop, const char *name, uint64_t head, bool *settled,
                                      struct error *error)
{
    uint64_t position = 0;
    bool waiting = false;
    const struct parked_query query = {.consumer = name, .heads_only = true, .due_by_us = INT64_MAX, .limit = 1};
    enum status status = eventstore_checkpoint(shop->store, name, &position, error);
    if (status == STATUS_OK && position == head)
        status = eventstore_read_parked(shop->store, &query, find_waiting, &waiting, error);
    *settled = position == head && !waiting;
    return status;
}

/* Such a view will not catch up: it needs a person, and is not waited for. */
static bool needs_a_person(enum view_condition condition)
{
    return condition == VIEW_FAILED || condition == VIEW_AHEAD || condition == VIEW_NEWER;
}

static enum status views_are_settled(struct shop *shop, uint64_t head, bool *settled, struct error *error)
{
    enum status status = STATUS_OK;
    *settled = true;
    for (size_t i = 0; status == STATUS_OK && *settled && i < projection_count; i++) {
        struct view_state state;
        status = view_inspect(&shop->home, projections[i], &state, error);
        *settled = status == STATUS_OK &&
                   (needs_a_person(state.condition) || (state.condition == VIEW_GOOD && state.position >= head));
    }
    return status;
}

/* Have these workers nothing left to do? */
static enum status are_settled(struct shop *shop, const char *const *names, int count, bool *settled,
                               struct error *error)
{
    uint64_t head = 0, head_after = 0;
    bool at_rest = true;
    *settled = false;
    enum status status = eventstore_head(shop->store, &head, error);
    for (int i = 0; status == STATUS_OK && at_rest && i < count; i++)
        status = strcmp(names[i], projector_name) == 0 ? views_are_settled(shop, head, &at_rest, error)
                                                       : service_is_settled(shop, names[i], head, &at_rest, error);
    /* Another attempt that succeeds takes its event from the parked and puts its answer on the roll: who looked at the
     * roll before and at the parked after it would see neither. */
    if (status == STATUS_OK && at_rest)
        status = eventstore_head(shop->store, &head_after, error);
    *settled = status == STATUS_OK && at_rest && head_after == head;
    return status;
}

/* What could not be done now is tried again; the rest ends the process. */
static bool may_pass(enum status status)
{
    return status == STATUS_BUSY || status == STATUS_FULL || status == STATUS_UNAVAILABLE;
}

bool shop_is_running(struct shop *shop)
{
    return eventstore_consumer_is_claimed(shop->store, supervisor_name);
}

static void pause_ms(int milliseconds)
{
    struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

enum status wait_until_settled(struct shop *shop, int patience_ms, struct error *error)
{
    int64_t deadline_us = clock_monotonic_us() + (int64_t)patience_ms * 1000;
    for (;;) {
        bool settled = false;
        enum status status = are_settled(shop, worker_names, WORKERS, &settled, error);
        if (settled || (status != STATUS_OK && !may_pass(status)))
            return status;
        if (signal_to_stop())
            return error_set(error, STATUS_BUSY, "stopped before the shop came to rest");
        if (clock_monotonic_us() > deadline_us)
            return error_set(error, STATUS_BUSY, "the shop did not come to rest within %d s: see `till status`",
                             patience_ms / 1000);
        pause_ms(SETTLED_POLL_MS);
    }
}

/* ---- one worker in this process ---- */

/* Something that is stepped: a service or the projector. */
struct worker {
    const char *name;
    struct service_house house;
    struct consumer *consumer;   /* of a service */
    struct projector *projector; /* of the projector */
    bool idle;
    int64_t next_attempt_us; /* of a waiting event; 0 for none */
};

static enum status worker_open(struct worker *worker, struct shop *shop, const struct till *till, const char *name,
                               bool logging, struct error *error)
{
    *worker = (struct worker){.name = name};
    const struct consumer_options options = {
        .clock = &till->clock, .producer = TILL_PRODUCER, .tell = logging ? log_handled : NULL};
    if (strcmp(name, projector_name) == 0) {
        enum status status = eventstore_consumer_claim(shop->store, name, error);
        return status == STATUS_OK ? projector_open(&worker->projector, &shop->home, NULL, 0, error) : status;
    }
    enum status status = service_house_open(&worker->house, name, till->folder, &till->clock, error);
    if (status == STATUS_OK)
        status = eventstore_consumer_claim(shop->store, name, error);
    if (status == STATUS_OK)
        status = consumer_open(&worker->consumer, shop->store, &worker->house.service, &options, error);
    return status;
}

static void worker_close(struct worker *worker, struct shop *shop)
{
    consumer_close(&worker->consumer);
    projector_close(&worker->projector);
    service_house_close(&worker->house);
    if (shop->store != NULL)
        eventstore_consumer_release(shop->store, worker->name);
}

static enum status worker_step(struct worker *worker, struct error *error)
{
    struct progress progress = {0};
    struct projector_progress folded = {0};
    enum status status;
    if (worker->projector != NULL) {
        status = projector_step(worker->projector, &folded, error);
        worker->idle = status == STATUS_OK && folded.idle;
        return status;
    }
    status = consumer_step(worker->consumer, &progress, error);
    worker->idle = status == STATUS_OK && progress.idle;
    worker->next_attempt_us = progress.next_attempt_us;
    return status;
}

static enum status worker_rest(struct worker *worker, struct error *error)
{
    return worker->consumer != NULL ? consumer_rest(worker->consumer, error) : STATUS_OK;
}

/* ---- all of it in this process, one after the other ---- */

/* One step each; `*settled` when none had anything to do, `*due_us` is when a waiting event wants its next attempt. */
static enum status step_all(struct worker *workers, bool *settled, int64_t *due_us, struct error *error)
{
    *settled = true;
    *due_us = 0;
    for (int i = 0; i < WORKERS; i++) {
        enum status status = worker_step(&workers[i], error);
        if (status != STATUS_OK)
            return status;
        *settled = *settled && workers[i].idle;
        int64_t next_us = workers[i].next_attempt_us;
        if (next_us != 0 && (*due_us == 0 || next_us < *due_us))
            *due_us = next_us;
    }
    return STATUS_OK;
}

static enum status run_to_rest(struct worker *workers, const struct till *till, struct error *error)
{
    for (;;) {
        bool settled = false;
        int64_t due_us = 0;
        enum status status = step_all(workers, &settled, &due_us, error);
        if (status != STATUS_OK)
            return status;
        if (settled && due_us == 0)
            break;
        int64_t wait_us = due_us - clock_now_us(&till->clock);
        if (settled && wait_us > 0)
            pause_ms((int)(wait_us / 1000 < SLOW_POLL_MS ? wait_us / 1000 + 1 : SLOW_POLL_MS));
    }
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < WORKERS; i++)
        status = worker_rest(&workers[i], error);
    return status;
}

enum status settle_here(struct shop *shop, const struct till *till, struct error *error)
{
    struct worker workers[WORKERS] = {0};
    int opened = 0;
    enum status status = eventstore_consumer_claim(shop->store, supervisor_name, error);
    if (status != STATUS_OK)
        return status;
    for (; status == STATUS_OK && opened < WORKERS; opened++)
        status = worker_open(&workers[opened], shop, till, worker_names[opened], false, error);
    if (status == STATUS_OK)
        status = run_to_rest(workers, till, error);
    while (opened > 0)
        worker_close(&workers[--opened], shop);
    eventstore_consumer_release(shop->store, supervisor_name);
    return status;
}

/* ---- one worker, for as long as the process lives ---- */

/* How long to sleep with nothing to do. */
static int sleep_ms(const struct worker *worker, const struct till *till, bool rested)
{
    int64_t wait_ms = rested ? SLOW_POLL_MS : REST_MS;
    if (worker->next_attempt_us != 0) {
        int64_t due_ms = (worker->next_attempt_us - clock_now_us(&till->clock)) / 1000 + 1;
        if (due_ms < wait_ms)
            wait_ms = due_ms > 0 ? due_ms : 0;
    }
    return (int)wait_ms;
}

/* Sleeps until there is news; after a short quiet it writes the checkpoint first. */
static enum status sleep_until_news(struct worker *worker, struct shop *shop, const struct till *till, uint32_t bell,
                                    bool *rested, struct error *error)
{
    eventstore_wait(shop->store, bell, sleep_ms(worker, till, *rested));
    if (*rested || eventstore_bell(shop->store) != bell)
        return STATUS_OK;
    enum status status = worker_rest(worker, error);
    *rested = status == STATUS_OK;
    return status;
}

static enum status work(struct worker *worker, struct shop *shop, const struct till *till, bool until_idle,
                        struct error *error)
{
    bool rested = false; /* since the last step that had anything to do */
    int pause = BUSY_PAUSE_MS;
    while (!signal_to_stop()) {
        uint32_t bell = eventstore_bell(shop->store);
        enum status status = worker_step(worker, error);
        rested = rested && worker->idle;
        if (status == STATUS_OK && worker->idle && until_idle && worker->next_attempt_us == 0)
            break;
        if (status == STATUS_OK && worker->idle)
            status = sleep_until_news(worker, shop, till, bell, &rested, error);
        if (may_pass(status)) {
            log_note(LOG_WARNING, worker->name, "%s", error->text);
            pause_ms(pause);
            pause = pause < SLOW_POLL_MS / 2 ? 2 * pause : SLOW_POLL_MS;
        } else if (status != STATUS_OK) {
            return status;
        } else {
            pause = BUSY_PAUSE_MS;
        }
    }
    return worker_rest(worker, error);
}

static int run_worker(struct shop *shop, const struct till *till, const char *name, bool until_idle)
{
    struct error error = {0};
    struct worker worker = {0};
    enum status status = worker_open(&worker, shop, till, name, true, &error);
    if (status == STATUS_OK)
        status = work(&worker, shop, till, until_idle, &error);
    worker_close(&worker, shop);
    return status == STATUS_OK ? EXIT_DONE : fail(&error);
}

/* ---- the supervisor ---- */

struct child {
    const char *name;
    pid_t process; /* 0: not running */
    int failures;  /* in a row */
    int64_t started_at_us, restart_at_us;
};

struct supervisor {
    struct shop *shop;
    const struct till *till;
    struct child children[WORKERS];
    const char *names[WORKERS]; /* of the children */
    int child_count;
    bool until_idle;
};

static void become_worker(const struct till *till, const char *name, pid_t parent)
{
    signals_let_end();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before we could ask to die with it */
        _exit(EXIT_UNAVAILABLE);
    execl("/proc/self/exe", "till", "run", "--shop", till->folder, "--service", name, (char *)NULL);
    _exit(EXIT_UNAVAILABLE);
}

pid_t start_worker(const struct till *till, const char *name)
{
    pid_t parent = getpid();
    signals_hold();
    pid_t process = fork();
    if (process == 0)
        become_worker(till, name, parent);
    signals_catch_again();
    return process;
}

static void start(struct supervisor *supervisor, struct child *child)
{
    pid_t process = start_worker(supervisor->till, child->name);
    if (process < 0) {
        log_note(LOG_ERROR, child->name, "cannot start: %s", strerror(errno));
        child->restart_at_us = clock_monotonic_us() + (int64_t)RESTART_MAX_MS * 1000;
        return;
    }
    child->process = process;
    child->started_at_us = clock_monotonic_us();
}

static void schedule_restart(struct child *child, int ended)
{
    int64_t now_us = clock_monotonic_us(), delay_ms = RESTART_FIRST_MS;
    if (now_us - child->started_at_us >= (int64_t)HEALTHY_MS * 1000)
        child->failures = 0;
    for (int i = 0; i < child->failures && delay_ms < RESTART_MAX_MS; i++)
        delay_ms *= 2;
    child->failures++;
    child->restart_at_us = now_us + delay_ms * 1000;
    if (WIFSIGNALED(ended))
        log_note(LOG_WARNING, child->name, "killed by signal %d: restarted in %lld ms", WTERMSIG(ended),
                 (long long)delay_ms);
    else
        log_note(LOG_WARNING, child->name, "ended with %d: restarted in %lld ms", WEXITSTATUS(ended),
                 (long long)delay_ms);
}

/* Returns the exit code of a worker that failed in vain, else 0. */
static int look_after(struct supervisor *supervisor)
{
    int code = 0;
    for (int i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        int ended = 0;
        if (child->process > 0 && waitpid(child->process, &ended, WNOHANG) == child->process) {
            child->process = 0;
            schedule_restart(child, ended);
            if (supervisor->until_idle && child->failures >= RESTARTS_IN_VAIN)
                code = WIFEXITED(ended) && WEXITSTATUS(ended) != 0 ? WEXITSTATUS(ended) : EXIT_UNAVAILABLE;
        }
        if (child->process == 0 && clock_monotonic_us() >= child->restart_at_us)
            start(supervisor, child);
    }
    return code;
}

void stop_workers(struct eventstore *store, const pid_t *processes, int count)
{
    int64_t deadline_us = clock_monotonic_us() + (int64_t)STOP_PATIENCE_MS * 1000;
    for (int i = 0; i < count; i++)
        if (processes[i] > 0)
            kill(processes[i], SIGTERM);
    if (store != NULL)
        eventstore_ring(store); /* whoever sleeps looks up and sees the signal */
    for (int i = 0; i < count; i++)
        while (processes[i] > 0 && waitpid(processes[i], NULL, WNOHANG) == 0) {
            if (clock_monotonic_us() > deadline_us)
                kill(processes[i], SIGKILL);
            pause_ms(1);
        }
}

static void stop_all(struct supervisor *supervisor)
{
    pid_t processes[WORKERS] = {0};
    for (int i = 0; i < supervisor->child_count; i++)
        processes[i] = supervisor->children[i].process;
    stop_workers(supervisor->shop->store, processes, supervisor->child_count);
}

static int supervise(struct supervisor *supervisor)
{
    struct error error = {0};
    int code = EXIT_DONE;
    while (!signal_to_stop() && code == EXIT_DONE) {
        bool settled = false;
        code = look_after(supervisor);
        if (code == EXIT_DONE && supervisor->until_idle) {
            enum status status =
                are_settled(supervisor->shop, supervisor->names, supervisor->child_count, &settled, &error);
            if (status != STATUS_OK && !may_pass(status))
                code = fail(&error);
        }
        if (settled)
            break;
        pause_ms(supervisor->until_idle ? SETTLED_POLL_MS : SUPERVISE_MS);
    }
    stop_all(supervisor);
    return code;
}

/* One that is named twice is one. */
static void add_child(struct supervisor *supervisor, const char *name)
{
    for (int i = 0; i < supervisor->child_count; i++)
        if (strcmp(supervisor->names[i], name) == 0)
            return;
    supervisor->children[supervisor->child_count].name = name;
    supervisor->names[supervisor->child_count++] = name;
}

static int run_supervisor(struct shop *shop, const struct till *till, const struct arguments *arguments)
{
    struct error error = {0};
    struct supervisor supervisor = {.shop = shop, .till = till, .until_idle = argument_given(arguments, "until-idle")};
    const char *name;
    for (int i = 0; (name = argument_nth(arguments, "service", i)) != NULL; i++)
        add_child(&supervisor, name);
    for (int i = 0; i < WORKERS && !argument_given(arguments, "service"); i++)
        add_child(&supervisor, worker_names[i]);
    enum status status = eventstore_consumer_claim(shop->store, supervisor_name, &error);
    if (status == STATUS_BUSY)
        error_set(&error, status, "another `till run` is at work in %s", till->folder);
    if (status != STATUS_OK)
        return fail(&error);
    return supervise(&supervisor);
}

/* ---- the command ---- */

static bool is_worker(const char *name)
{
    for (int i = 0; i < WORKERS; i++)
        if (strcmp(name, worker_names[i]) == 0)
            return true;
    return false;
}

static int run(struct till *till, const struct arguments *arguments)
{
    struct error error = {0};
    struct shop shop;
    char safe[TEXT_SAFE_SIZE];
    const char *name;
    for (int i = 0; (name = argument_nth(arguments, "service", i)) != NULL; i++)
        if (!is_worker(name))
            return usage_error(
                arguments, "there is no service %s: order, payment, inventory, notification and projector are there",
                text_safe(safe, name));
    signals_catch();
    if (shop_open(&shop, till, "run", &error) != STATUS_OK)
        return fail(&error);
    bool alone = argument_nth(arguments, "service", 0) != NULL && argument_nth(arguments, "service", 1) == NULL;
    int code =
        alone ? run_worker(&shop, till, argument_value(arguments, "service"), argument_given(arguments, "until-idle"))
              : run_supervisor(&shop, till, arguments);
    shop_close(&shop);
    return code;
}

static const struct option_spec options[] = {
    {"until-idle", NULL, "end when nothing is unread and nothing waits"},
    {"service", "NAME", "only this one, in this process; several: as processes"},
    {0},
};

const struct command run_command = {
    .name = "run",
    .usage = "[--until-idle] [--service NAME]...",
    .summary = "run the services and the projector",
    .details = "Starts the services order, payment, inventory and notification and the\n"
               "projector, a process each, restarts one that dies, and stops them at SIGINT or\n"
               "SIGTERM.\n"
               "Every handled event is a line on stderr: text on a terminal, else JSON\n"
               "(TILL_LOG=json, text or off decides).",
    .options = options,
    .run = run,
};
