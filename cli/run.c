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
#include <unistd.h>

#include "base/mutant.h"
#include "cli/commands.h"
#include "cli/log.h"
#include "cli/rest.h"
#include "cli/signals.h"
#include "projections/projector.h"
#include "services/services.h"

enum {
    SLOW_POLL_MS = 1000,    /* the safety net under the doorbell */
    REST_MS = 100,          /* quiet for so long: write the checkpoint that moved without events */
    BUSY_PAUSE_MS = 50,     /* after a step that could not be done now; then twice as long, up to the poll */
    SUPERVISE_MS = 50,      /* how often the supervisor looks after its children */
    RESTART_FIRST_MS = 100, /* then twice as long each time, up to … */
    RESTART_MAX_MS = 5000,
    HEALTHY_MS = 10000,   /* who lived so long has not failed in a row */
    RESTARTS_IN_VAIN = 5, /* a worker that fails so often needs a person; with --until-idle it is not waited for */
    VANISHING_TRIES = 5,  /* steps in which the views' folder may be just about to be deleted */
    STOP_PATIENCE_MS = 5000,
};

const char *const worker_names[WORKERS] = {"order", "payment", "inventory", "notification", projector_name};

/* ---- one worker in this process ---- */

/* Something that is stepped: a service or the projector. */
struct worker {
    const char *name;
    struct service_house house;
    struct consumer *consumer;   /* of a service */
    struct projector *projector; /* of the projector */
    bool until_idle, end_when_full;
    bool idle;
    int64_t next_attempt_us; /* of a waiting event; 0 for none */
    int64_t paused_until_us; /* 0 for no pause */
    int vanishing;           /* of the projector: steps in a row whose files were not to be had */
};

static enum status worker_open(struct worker *worker, struct shop *shop, const struct till *till, const char *name,
                               const struct retry_policy *retry, bool logging, struct error *error)
{
    *worker = (struct worker){.name = name};
    const struct consumer_options options = {
        .clock = &till->clock, .retry = retry, .producer = TILL_PRODUCER, .tell = logging ? log_handled : NULL};
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

static void note_pause(struct worker *worker, const struct progress *progress)
{
    char until[TIME_TEXT_SIZE];
    const int64_t before_us = worker->paused_until_us;
    worker->paused_until_us = progress->paused_until_us;
    if (worker->paused_until_us == before_us)
        return;
    time_to_text(worker->paused_until_us, until);
    if (worker->paused_until_us != 0)
        log_note(LOG_WARNING, worker->name, "pauses until %s: what it asks does not answer", until);
    else
        log_note(LOG_INFO, worker->name, "tries again");
}

static enum status projector_worker_step(struct worker *worker, struct error *error)
{
    struct projector_progress folded = {0};
    enum status status = projector_step(worker->projector, &folded, error);
    worker->idle = status == STATUS_OK && folded.idle;
    worker->vanishing = status == STATUS_OK ? 0 : worker->vanishing + 1;
    return status;
}

static enum status worker_step(struct worker *worker, struct error *error)
{
    struct progress progress = {0};
    if (worker->projector != NULL)
        return projector_worker_step(worker, error);
    enum status status = consumer_step(worker->consumer, &progress, error);
    worker->idle = status == STATUS_OK && progress.idle;
    worker->next_attempt_us = progress.next_attempt_us;
    note_pause(worker, &progress);
    return status;
}

/* Is a step that failed tried again? What is outside may hang for a moment or an hour. The folder of the views may be
 * deleted at any time: whoever writes there meanwhile is told that the file or the disk is broken, but not for long. */
static bool step_may_pass(const struct worker *worker, enum status status)
{
    bool vanishing = worker->projector != NULL && (status == STATUS_IO || status == STATUS_NOT_FOUND);
    return may_pass(status) || status == STATUS_UNAVAILABLE || (vanishing && worker->vanishing < VANISHING_TRIES);
}

static enum status worker_rest(struct worker *worker, struct error *error)
{
    if (worker->consumer == NULL)
        return STATUS_OK;
    enum status status = consumer_pass(worker->consumer, error);
    return status == STATUS_OK ? consumer_rest(worker->consumer, error) : status;
}

/* ---- all of it in this process, one after the other ---- */

/* What a round of steps has shown. */
struct round {
    bool settled;   /* none had anything to do now */
    bool paused;    /* one pauses */
    int64_t due_us; /* when a waiting event wants its next attempt; 0 for none */
};

static enum status step_all(struct worker *workers, struct round *round, struct error *error)
{
    *round = (struct round){.settled = true};
    for (int i = 0; i < WORKERS; i++) {
        enum status status = worker_step(&workers[i], error);
        if (status != STATUS_OK && (may_pass(status) || !step_may_pass(&workers[i], status)))
            return status;
        round->settled = round->settled && workers[i].idle;
        round->paused = round->paused || workers[i].paused_until_us != 0;
        int64_t next_us = workers[i].next_attempt_us;
        if (next_us != 0 && (round->due_us == 0 || next_us < round->due_us))
            round->due_us = next_us;
    }
    return STATUS_OK;
}

static enum status run_to_rest(struct worker *workers, struct shop *shop, const struct till *till, struct error *error)
{
    const struct crew everybody = {worker_names, WORKERS, retry_policy_default.cool_down_ms};
    struct round round;
    for (;;) {
        enum status status = step_all(workers, &round, error);
        if (status != STATUS_OK)
            return status;
        if (round.settled && round.due_us == 0)
            break;
        int64_t wait_us = round.due_us - clock_now_us(&till->clock);
        if (round.settled && wait_us > 0)
            pause_ms((int)(wait_us / 1000 < SLOW_POLL_MS ? wait_us / 1000 + 1 : SLOW_POLL_MS));
    }
    bool settled = false;
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < WORKERS; i++)
        status = worker_rest(&workers[i], error);
    if (status == STATUS_OK && round.paused)
        status = are_settled(shop, &everybody, &settled, error);
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
        status = worker_open(&workers[opened], shop, till, worker_names[opened], &retry_policy_default, false, error);
    if (status == STATUS_OK)
        status = run_to_rest(workers, shop, till, error);
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
    int64_t due_us = worker->paused_until_us != 0 ? worker->paused_until_us : worker->next_attempt_us;
    if (due_us != 0) {
        int64_t due_ms = (due_us - clock_now_us(&till->clock)) / 1000 + 1;
        if (due_ms < wait_ms)
            wait_ms = due_ms > 0 ? due_ms : 0;
    }
    return (int)wait_ms;
}

/* Sleeps until there is news; after a short quiet it writes the checkpoint first. */
static enum status sleep_until_news(struct worker *worker, struct shop *shop, const struct till *till, uint32_t bell,
                                    bool *rested, struct error *error)
{
    const int longest_ms = sleep_ms(worker, till, *rested);
    if (worker->consumer != NULL)
        consumer_sleep(worker->consumer, bell, longest_ms);
    else
        eventstore_wait(shop->store, bell, longest_ms);
    if (*rested || eventstore_bell(shop->store) != bell)
        return STATUS_OK;
    enum status status = worker_rest(worker, error);
    *rested = status == STATUS_OK;
    return status;
}

/* With nothing to do: is that the end? A paused one that has something left to do is told to come back later. */
static enum status has_come_to_rest(struct worker *worker, struct shop *shop, bool *rest, struct error *error)
{
    *rest = worker->next_attempt_us == 0;
    if (worker->paused_until_us == 0)
        return STATUS_OK;
    const struct crew alone = {&worker->name, 1, RETRY_HIGHEST_cool_down_ms}; /* our own pause, as long as it may be */
    enum status status = worker_rest(worker, error);
    return status == STATUS_OK ? are_settled(shop, &alone, rest, error) : status;
}

/* After a step, or after what follows one: a service that runs for ever waits for room on the disk. */
static bool is_tried_again(const struct worker *worker, bool stepped, enum status status)
{
    if (status == STATUS_FULL && worker->end_when_full)
        return false;
    return stepped ? may_pass(status) : step_may_pass(worker, status);
}

static enum status work(struct worker *worker, struct shop *shop, const struct till *till, struct error *error)
{
    bool rested = false; /* since the last step that had anything to do */
    bool end = false;
    int pause = BUSY_PAUSE_MS;
    for (;;) {
        const uint32_t bell = eventstore_bell(shop->store); /* who stops us sends the signal first, and rings then */
        if (end || signal_to_stop())
            break;
        enum status status = worker_step(worker, error);
        const bool stepped = status == STATUS_OK;
        rested = rested && worker->idle;
        if (stepped && worker->idle && worker->until_idle)
            status = has_come_to_rest(worker, shop, &end, error);
        if (status == STATUS_OK && worker->idle && !end)
            status = sleep_until_news(worker, shop, till, bell, &rested, error);
        if (is_tried_again(worker, stepped, status)) {
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

static bool ends_when_full(const struct arguments *arguments)
{
    return argument_given(arguments, "until-idle") || argument_given(arguments, "end-when-full");
}

static int run_worker(struct shop *shop, const struct till *till, const struct retry_policy *retry,
                      const struct arguments *arguments)
{
    struct error error = {0};
    struct worker worker = {0};
    enum status status = worker_open(&worker, shop, till, argument_value(arguments, "service"), retry, true, &error);
    worker.until_idle = argument_given(arguments, "until-idle");
    worker.end_when_full = ends_when_full(arguments);
    if (status == STATUS_OK)
        status = work(&worker, shop, till, &error);
    worker_close(&worker, shop);
    return status == STATUS_OK ? EXIT_DONE : fail(&error);
}

/* ---- the supervisor ---- */

struct child {
    const char *name;
    pid_t process; /* 0: not running */
    int failures;  /* in a row */
    bool in_vain;  /* so many that `till status` calls a person */
    int64_t started_at_us, restart_at_us;
};

struct supervisor {
    struct shop *shop;
    const struct till *till;
    struct retry_policy retry;
    struct child children[WORKERS];
    const char *names[WORKERS]; /* of the children */
    int child_count;
    bool until_idle, end_when_full;
};

/* By the file's own name, which `ps` and `top` show; the kernel's name for it still finds one that was replaced. */
static void execute_ourselves(char *const *words)
{
    char path[PATH_SIZE];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    if (length > 0 && length < (ssize_t)sizeof path) {
        path[length] = '\0';
        execv(path, words);
    }
    execv("/proc/self/exe", words);
}

/* All of the policy goes with it, given or not: a default is the supervisor's. */
static void execute_worker(const struct till *till, const char *name, struct retry_policy retry, bool end_when_full)
{
    char options[RETRY_KNOB_COUNT][48];
    const char *words[8 + RETRY_KNOB_COUNT] = {"till", "run", "--shop", till->folder, "--service", name};
    size_t count = 6;
    for (size_t i = 0; i < RETRY_KNOB_COUNT; i++) {
        snprintf(options[i], sizeof options[i], "--%s=%lld", retry_knobs[i].option,
                 (long long)*retry_knob_value(&retry, &retry_knobs[i]));
        words[count++] = options[i];
    }
    if (end_when_full)
        words[count++] = "--end-when-full";
    execute_ourselves((char *const *)words);
}

static void become_worker(const struct till *till, const char *name, const struct retry_policy *retry,
                          bool end_when_full, pid_t parent)
{
    signals_let_end();
    if (!MUTANT(ORPHANS_LIVE))
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before we could ask to die with it */
        _exit(EXIT_UNAVAILABLE);
    execute_worker(till, name, *retry, end_when_full);
    _exit(EXIT_UNAVAILABLE);
}

pid_t start_worker(const struct till *till, const char *name, const struct retry_policy *retry, bool end_when_full)
{
    pid_t parent = getpid();
    signals_hold();
    pid_t process = fork();
    if (process == 0)
        become_worker(till, name, retry, end_when_full, parent);
    signals_catch_again();
    return process;
}

static void start(struct supervisor *supervisor, struct child *child)
{
    pid_t process = start_worker(supervisor->till, child->name, &supervisor->retry, supervisor->end_when_full);
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

static bool is_healthy(const struct child *child)
{
    return child->process > 0 && clock_monotonic_us() - child->started_at_us >= (int64_t)HEALTHY_MS * 1000;
}

/* Best effort: where the claim cannot be had, the log has told it all the same. */
static void tell_in_vain(struct supervisor *supervisor, struct child *child)
{
    struct eventstore *store = supervisor->shop->store;
    const struct vain_name name = vain_name_of(child->name);
    if (!child->in_vain && child->failures >= RESTARTS_IN_VAIN) {
        child->in_vain = eventstore_consumer_claim(store, name.text, NULL) == STATUS_OK;
    } else if (child->in_vain && is_healthy(child)) {
        child->failures = 0;
        child->in_vain = false;
        eventstore_consumer_release(store, name.text);
    }
}

/* With what we end because a worker ended so, once too often; 0 when it is started again for ever. */
static int code_in_vain(const struct supervisor *supervisor, int ended)
{
    const int code = WIFEXITED(ended) && WEXITSTATUS(ended) != 0 ? WEXITSTATUS(ended) : EXIT_UNAVAILABLE;
    const bool is_end = supervisor->until_idle || (supervisor->end_when_full && code == EXIT_UNAVAILABLE);
    return is_end ? code : EXIT_DONE;
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
            if (child->failures >= RESTARTS_IN_VAIN)
                code = code_in_vain(supervisor, ended);
        }
        if (child->process == 0 && clock_monotonic_us() >= child->restart_at_us)
            start(supervisor, child);
        tell_in_vain(supervisor, child);
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
    const struct crew children = {supervisor->names, supervisor->child_count, supervisor->retry.cool_down_ms};
    int code = EXIT_DONE;
    while (!signal_to_stop() && code == EXIT_DONE) {
        bool settled = false;
        code = look_after(supervisor);
        if (code == EXIT_DONE && supervisor->until_idle) {
            enum status status = are_settled(supervisor->shop, &children, &settled, &error);
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

static int run_supervisor(struct shop *shop, const struct till *till, const struct retry_policy *retry,
                          const struct arguments *arguments)
{
    struct error error = {0};
    struct supervisor supervisor = {.shop = shop,
                                    .till = till,
                                    .retry = *retry,
                                    .until_idle = argument_given(arguments, "until-idle"),
                                    .end_when_full = ends_when_full(arguments)};
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

/* False after having said what is wrong. */
static bool read_policy(const struct arguments *arguments, struct retry_policy *retry)
{
    *retry = retry_policy_default;
    for (size_t i = 0; i < RETRY_KNOB_COUNT; i++) {
        const struct retry_knob *knob = &retry_knobs[i];
        if (!argument_integer(arguments, knob->option, knob->lowest, knob->highest, retry_knob_value(retry, knob)))
            return false;
    }
    return true;
}

static int run(struct till *till, const struct arguments *arguments)
{
    struct error error = {0};
    struct shop shop;
    struct retry_policy retry;
    char safe[TEXT_SAFE_SIZE];
    const char *name;
    for (int i = 0; (name = argument_nth(arguments, "service", i)) != NULL; i++)
        if (!is_worker(name))
            return usage_error(
                arguments, "there is no service %s: order, payment, inventory, notification and projector are there",
                text_safe(safe, name));
    if (!read_policy(arguments, &retry))
        return EXIT_USAGE;
    signals_catch();
    if (shop_open(&shop, till, "run", &error) != STATUS_OK)
        return fail(&error);
    bool alone = argument_nth(arguments, "service", 0) != NULL && argument_nth(arguments, "service", 1) == NULL;
    int code = alone ? run_worker(&shop, till, &retry, arguments) : run_supervisor(&shop, till, &retry, arguments);
    shop_close(&shop);
    return code;
}

/* "attempts, then the service gives up (1 to 100; default 6)" */
#define POLICY_OPTION(field_, option_, unit_, usual_, lowest_, highest_, sentence_)                                    \
    {option_, unit_, sentence_ " (" #lowest_ " to " #highest_ "; default " #usual_ ")"},
#define POLICY_USAGE(field_, option_, unit_, usual_, lowest_, highest_, sentence_)                                     \
    "\n                [--" option_ " " unit_ "]"

static const struct option_spec options[] = {
    {"until-idle", NULL, "end when nothing is unread and nothing waits"},
    {"end-when-full", NULL, "end with 4 when the disk is full; --until-idle does too"},
    {"service", "NAME", "only this one, in this process; several: as processes"},
    RETRY_KNOBS(POLICY_OPTION){0},
};

const struct command run_command = {
    .name = "run",
    .usage = "[--until-idle] [--end-when-full] [--service NAME]..." RETRY_KNOBS(POLICY_USAGE),
    .summary = "run the services and the projector",
    .details = "Starts the services order, payment, inventory and notification and the\n"
               "projector, a process each, restarts one that dies, and stops them at SIGINT or\n"
               "SIGTERM.\n"
               "\n"
               "An event whose outside call (the bank) is not answered waits and is tried again,\n"
               "so often and so patiently as the options say; then the service gives up: a\n"
               "charge is looked up at the bank and voided, a refund becomes a dead letter. When\n"
               "many orders in a row are not answered the service pauses, and nothing else does.\n"
               "\n"
               "--until-idle ends with 4 when only a paused service has something left to do,\n"
               "and when the disk is full: else a service waits for room.\n"
               "\n"
               "Every handled event is a line on stderr: text on a terminal, else JSON\n"
               "(TILL_LOG=json, text or off decides).",
    .options = options,
    .run = run,
};
