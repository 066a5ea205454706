/* mermaid.c - a journey as a sequenceDiagram.
 *
 * An arrow is an event on its way from the service that stated it to one that reacted to it; the note below it is the
 * answer. What a person began comes from that person. Names are reduced to letters, digits and '_': Mermaid has words
 * and marks of its own. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/trace.h"
#include "cli/work.h"
#include "services/services.h"

static void print_word(const char *text)
{
    for (; *text != '\0'; text++)
        putchar(isalnum((unsigned char)*text) ? *text : '_');
}

/* Who began it, of what no event caused; else the service that stated the cause. */
static const char *sender(const struct trace *trace, const struct trace_step *step)
{
    return step->cause == NO_CAUSE ? step->actor : trace->steps[step->cause].service;
}

static bool is_service(const char *name)
{
    for (int i = 0; i < SERVICES_COUNT; i++)
        if (strcmp(name, service_names[i]) == 0)
            return true;
    return false;
}

static void declare(const char *kind, const char *name)
{
    printf("    %s ", kind);
    print_word(name);
    putchar('\n');
}

static bool takes_part(const struct trace *trace, const char *name)
{
    for (size_t i = 0; i < trace->count; i++)
        if (strcmp(trace->steps[i].service, name) == 0 || strcmp(sender(trace, &trace->steps[i]), name) == 0)
            return true;
    return false;
}

/* Those who are no services, each once, then the services in their own order. */
static void declare_all(const struct trace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        const char *name = sender(trace, &trace->steps[i]);
        const struct trace before = {.steps = trace->steps, .count = i};
        if (!is_service(name) && !takes_part(&before, name))
            declare("actor", name);
    }
    for (int i = 0; i < SERVICES_COUNT; i++)
        if (takes_part(trace, service_names[i]))
            declare("participant", service_names[i]);
}

/* What a person asked for, of an event that nothing caused. */
static const char *command_for(const struct trace_step *step)
{
    switch (step->known ? step->event : EVENT_TYPES) {
    case EVENT_ORDER_PLACED: return "place";
    case EVENT_ORDER_CANCELLATION_REQUESTED: return "cancel";
    case EVENT_ORDER_SHIPPED: return "ship";
    default: return "ask";
    }
}

static void print_arrow(const struct trace *trace, const struct trace_step *step)
{
    fputs("    ", stdout);
    print_word(sender(trace, step));
    fputs("->>", stdout);
    print_word(step->service);
    fputs(": ", stdout);
    print_word(step->cause == NO_CAUSE ? command_for(step) : trace->steps[step->cause].type);
    putchar('\n');
}

static void print_answer(const struct trace *trace, const struct trace_step *step)
{
    char since[DURATION_SIZE];
    printf("%llu ", (unsigned long long)step->position);
    print_word(step->type);
    if (step->count > 1)
        printf(" × %zu", step->count);
    printf(" (%s)", duration_for_people(step->at_us - trace->steps[0].at_us, since));
}

/* True when a step is part of the same answer as the one before it. */
static bool goes_on(const struct trace_step *before, const struct trace_step *step)
{
    return step->causation != 0 && step->causation == before->causation && strcmp(step->service, before->service) == 0;
}

void print_mermaid(const struct trace *trace)
{
    puts("sequenceDiagram");
    declare_all(trace);
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_step *step = &trace->steps[i];
        if (i > 0 && goes_on(step - 1, step)) {
            fputs("<br/>", stdout);
        } else {
            if (i > 0)
                putchar('\n');
            print_arrow(trace, step);
            fputs("    Note over ", stdout);
            print_word(step->service);
            fputs(": ", stdout);
        }
        print_answer(trace, step);
    }
    if (trace->count > 0)
        putchar('\n');
}
