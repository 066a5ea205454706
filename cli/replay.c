/* replay.c - `till replay`: the roll as a test of today's services (services/replay.h). */
#include <inttypes.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/work.h"
#include "services/replay.h"

struct request {
    int64_t to;
    struct replay_report report;
};

static enum status tell_json(const struct replay_report *report, struct error *error)
{
    cJSON *object = cJSON_CreateObject();
    json_integer(object, "answers", (int64_t)report->answers);
    json_integer(object, "agree", (int64_t)report->agree);
    json_integer(object, "differ", (int64_t)(report->answers - report->agree));
    if (report->position != 0) {
        json_integer(object, "position", (int64_t)report->position);
        json_text(object, "service", report->service);
        json_integer(object, "cause", (int64_t)report->cause);
        json_text(object, "stands", report->stands);
        json_text(object, "today", report->today);
    }
    return json_line(object, error);
}

static void tell(const struct till *till, const struct replay_report *report)
{
    say("%" PRIu64 " %s of the services, %" PRIu64 " as today's code gives %s.", report->answers,
        plural((int64_t)report->answers, "answer", "answers"), report->agree, report->answers == 1 ? "it" : "them");
    if (report->position == 0)
        return;
    say("The first that differs stands at position %" PRIu64 ": what %s answered to position %" PRIu64 ".",
        report->position, report->service, report->cause);
    print_long_fact(till, "stands", report->stands);
    print_long_fact(till, "today", report->today);
}

static enum status replay(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct request *request = context;
    progress_begin(till, "replay");
    enum status status = replay_roll(shop->store, (uint64_t)request->to, progress_show, &request->report, error);
    progress_end();
    if (status != STATUS_OK || till->json)
        return status == STATUS_OK ? tell_json(&request->report, error) : status;
    tell(till, &request->report);
    return STATUS_OK;
}

static int run_replay(struct till *till, const struct arguments *arguments)
{
    struct request request = {.to = 0};
    if (!argument_integer(arguments, "to", 1, POSITION_MAX, &request.to))
        return EXIT_USAGE;
    const int code = in_shop(till, arguments, "reader", replay, &request);
    const uint64_t differ = request.report.answers - request.report.agree;
    if (code != EXIT_DONE || differ == 0)
        return code;
    fprintf(stderr, "till: today's code answers otherwise %" PRIu64 " %s\n", differ,
            plural((int64_t)differ, "time", "times"));
    return EXIT_REFUSED;
}

static const struct option_spec options[] = {
    {"to", "N", "only what stands up to this position"},
    {0},
};

const struct command replay_command = {
    .name = "replay",
    .usage = "[--to N]",
    .summary = "would today's services answer as they did?",
    .details = "Each answer of a service on the roll is given again, dry: from the state its\n"
               "streams had then, and with what the bank said then. Nothing is written and\n"
               "nobody is asked. Events agree when their ids, types, streams and data do.\n\n"
               "Exits 1 when an answer differs, and shows the first: then it is the code that\n"
               "has changed, not the roll (`till verify` is for that). What a service left\n"
               "unanswered is not judged, nor are commands.\n\n"
               "With --json: answers, agree, differ; and of the first that differs position,\n"
               "service, cause (a position), stands, today.",
    .options = options,
    .run = run_replay,
};
