#include <stdio.h>
#include <stdlib.h>

#include "tests/cli/till.h"

TestSuite(roll, .init = till_begin, .fini = till_end);

/* ---- events ---- */

Test(roll, every_event_has_these_names)
{
    small_shop();
    const char *out = done("till events --type PaymentCaptured --limit 1 --json");
    cr_assert_str_eq(names(out, 0), "position stream version type schema_version event_id correlation_id causation_id "
                                    "recorded_at data metadata");
    cr_assert_str_eq(value(out, 0, "version"), "1");
    cr_assert_str_eq(value(out, 0, "schema_version"), "1");
    cr_assert_str_eq(value(out, 0, "data.amount_minor"), "5500");
    cr_assert_str_eq(value(out, 0, "metadata.actor"), "payment");
    cr_assert(contains(value(out, 0, "metadata.producer"), "till "));
    cr_assert_null(value(out, 0, "metadata.command_id")); /* a reaction is no command */
    const char *placed = done("till events --type OrderPlaced --limit 1 --json");
    cr_assert_str_eq(value(out, 0, "causation_id"), value(placed, 0, "event_id"));
    cr_assert_str_eq(value(out, 0, "correlation_id"), value(placed, 0, "data.order_id"));
    cr_assert_str_eq(value(placed, 0, "causation_id"), "null");
    cr_assert_not_null(value(placed, 0, "metadata.command_id"));
}

Test(roll, events_can_be_chosen)
{
    small_shop();
    cr_assert_str_eq(done("till events --format json"), done("till events --json"));
    const char *order = value(done("till order 1 --json"), 0, "order_id");
    cr_assert_eq(count_lines(done("till events --stream order-%s --json", order)), 2);
    cr_assert_eq(count_lines(done("till events --stream 'stock-a pot/b=c' --json")), 3);
    cr_assert_eq(count_lines(done("till events --type OrderPlaced --json")), 3);
    cr_assert_eq(count_lines(done("till events --type OrderPlaced --type OrderConfirmed --json")), 4);
    cr_assert_eq(count_lines(done("till events --stream order-%s --type OrderPlaced --json", order)), 1);
    const char *out = done("till events --from 3 --limit 2 --json");
    cr_assert_eq(count_lines(out), 2);
    cr_assert_str_eq(value(out, 0, "position"), "3");
    cr_assert_str_eq(value(out, 1, "position"), "4");
    cr_assert_str_eq(value(done("till events --stream stock-tea --from 2 --limit 1 --json"), 0, "position"), "2");
    cr_assert_str_eq(done("till events --from 999 --json"), "");
}

Test(roll, an_event_is_a_cloud_event)
{
    small_shop();
    const char *out = done("till events --type PaymentCaptured --limit 1 --format cloudevents");
    const char *own = done("till events --type PaymentCaptured --limit 1 --json");
    char wanted[128], trace[40];
    cr_assert_str_eq(names(out, 0), "specversion id source type subject time datacontenttype dataschema traceparent "
                                    "sequence correlationid causationid data");
    cr_assert_str_eq(value(out, 0, "specversion"), "1.0");
    cr_assert_str_eq(value(out, 0, "id"), value(own, 0, "event_id"));
    cr_assert_str_eq(value(out, 0, "subject"), value(own, 0, "stream"));
    cr_assert_str_eq(value(out, 0, "time"), value(own, 0, "recorded_at"));
    cr_assert_str_eq(value(out, 0, "causationid"), value(own, 0, "causation_id"));
    cr_assert_str_eq(value(out, 0, "data"), value(own, 0, "data"));
    cr_assert_str_eq(value(out, 0, "dataschema"), "urn:tillroll:PaymentCaptured.v1");
    snprintf(wanted, sizeof wanted, "%020d", atoi(value(own, 0, "position")));
    cr_assert_str_eq(value(out, 0, "sequence"), wanted);
    snprintf(trace, sizeof trace, "%s", done("echo -n '%s' | tr -d -", value(own, 0, "correlation_id")));
    snprintf(wanted, sizeof wanted, "00-%s-%016x-01", trace, atoi(value(own, 0, "position")));
    cr_assert_str_eq(value(out, 0, "traceparent"), wanted);
    out = done("till events --limit 1 --format cloudevents");
    cr_assert_null(value(out, 0, "causationid")); /* absent, not null: CloudEvents knows no null */
}

Test(roll, data_stands_there_as_it_is_stored)
{
    small_shop();
    const char *stored =
        done("sqlite3 -readonly shop/events.db 'SELECT data FROM event WHERE position = 1' | tr -d '\\n'");
    char wanted[512];
    snprintf(wanted, sizeof wanted, "\"data\":%s,\"metadata\"", stored);
    cr_assert(contains(done("till events --limit 1 --json"), wanted));
}

Test(roll, what_is_no_choice_is_wrong_usage)
{
    done("till init");
    refused(2, "there is no event type OrderPlacd", "till events --type OrderPlacd");
    refused(2, "orders is no stream", "till events --stream orders");
    refused(2, "--format takes text, json or cloudevents, not xml", "till events --format xml");
    refused(2, "--from takes a whole number", "till events --from 0");
    refused(2, "--limit takes a whole number", "till events --limit none");
    refused(1, "there is no stream stock-tea", "till events --stream stock-tea");
}

Test(roll, a_closed_pipe_ends_it_quietly)
{
    small_shop();
    const char *out = done("till events --json | head -n 1");
    cr_assert_eq(count_lines(out), 1);
    out = done("sh -c 'trap \"\" PIPE; till events --json' | head -n 1"); /* where SIGPIPE is ignored */
    cr_assert_eq(count_lines(out), 1);
}

Test(roll, follow_goes_on_as_the_roll_grows)
{
    done("till init");
    start("till events --follow --json");
    done("till list tea --name Tea --price 1");
    until("grep -q ProductListed .background-out");
    done("till receive tea 5");
    until("grep -q StockReceived .background-out");
    cr_assert_eq(count_lines(done("cat .background-out")), 2);
}

Test(roll, follow_ends_well_at_a_signal)
{
    done("till init");
    done("till list tea --name Tea --price 1");
    static const char *const signals[] = {"INT", "TERM"};
    for (int i = 0; i < 2; i++)
        cr_assert_eq(
            run("timeout --preserve-status --kill-after=9 --signal=%s 0.3 till events --follow", signals[i]).code, 0,
            "SIG%s", signals[i]);
}

Test(roll, follow_ends_after_its_limit_and_with_its_reader)
{
    done("till init");
    start("sh -c 'till events --follow --limit 1; till events --follow | head -n 2; echo both ended'");
    done("till list tea --name Tea --price 1");
    done("till receive tea 1");
    until("grep -q 'both ended' .background-out");
}

Test(roll, a_followed_stream_need_not_be_there_yet)
{
    done("till init");
    start("till events --follow --json --stream stock-tea --type StockReceived");
    done("till list tea --name Tea --price 1");
    done("till receive tea 1");
    done("till receive tea 2");
    until("test $(wc -l <.background-out) -eq 2");
    cr_assert_str_eq(value(done("cat .background-out"), 1, "data.quantity"), "2");
}

/* ---- trace ---- */

Test(roll, a_trace_is_a_tree_of_causes)
{
    small_shop();
    const char *out = done("till trace 1");
    static const char *const pieces[] = {
        "position    since  service       event",        "0 ms  order         OrderPlaced  55.00 USD",
        "payment       └▶ PaymentCaptured  55.00 USD",   "inventory        └▶ StockReserved",
        "inventory           │  UnitsReserved  2 × tea", "inventory           │  UnitsReserved  1 × a pot/b=c",
        "order               └▶ OrderConfirmed",         "notification           └▶ NotificationSent",
    };
    const char *at = out;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        at = strstr(at, pieces[i]);
        cr_assert_not_null(at, "\"%s\" is not (there) in:\n%s", pieces[i], out);
    }
    const char *cause = value(done("till events --type OrderPlaced --limit 1 --json"), 0, "position");
    char arrow[64];
    snprintf(arrow, sizeof arrow, "◀ %s\n", cause);
    cr_assert(contains(out, arrow), "%s", out);
}

Test(roll, a_trace_shows_a_compensation)
{
    small_shop();
    const char *out = done("till trace 3");
    cr_assert(contains(out, "└▶ StockReservationFailed  1 of 9 "), "%s", out);
    cr_assert(contains(out, "└▶ PaymentRefunded  270.00 USD"), "%s", out);
    cr_assert(contains(out, "└▶ OrderCancelled  out_of_stock"), "%s", out);
    cr_assert(!contains(out, "UnitsReserved"), "%s", out);
}

Test(roll, a_line_runs_down_where_effects_are_still_to_come)
{
    small_shop();
    done("till ship 1 --carrier DHL");
    done("till run --until-idle");
    const char *out = done("till trace 1");
    cr_assert(contains(out, "OrderShipped  DHL"), "%s", out);
    bool one_way = contains(out, "├▶ ReservationShipped") && contains(out, "└▶ NotificationSent");
    bool other_way = contains(out, "├▶ NotificationSent") && contains(out, "└▶ ReservationShipped");
    cr_assert(one_way || other_way, "%s", out);
}

Test(roll, a_trace_in_json_has_service_and_elapsed_time)
{
    small_shop();
    const char *out = done("till trace 1 --json");
    cr_assert_eq(count_lines(out), 7);
    cr_assert_str_eq(names(out, 0), "position stream version type schema_version event_id correlation_id causation_id "
                                    "recorded_at data metadata service elapsed_us");
    cr_assert_str_eq(value(out, 0, "elapsed_us"), "0");
    cr_assert_str_eq(value(out, 0, "service"), "order");
    cr_assert_str_eq(value(out, 3, "type"), "UnitsReserved");
    cr_assert_str_eq(value(out, 3, "service"), "inventory");
    cr_assert_str_eq(value(out, 4, "stream"), "stock-a pot/b=c");
    cr_assert_str_eq(done("till trace 1 --format json"), out);
}

Test(roll, a_trace_holds_no_other_orders_shelves)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 10");
    for (int i = 0; i < 5; i++)
        done("till place --ref %d --customer ada --line tea=1", i);
    done("till run --until-idle");
    for (int i = 0; i < 5; i++) {
        const char *out = done("till trace %d --json", i);
        cr_assert_eq(count_lines(out), 6, "%s", out);
        for (int line = 1; line < 6; line++)
            cr_assert_str_eq(value(out, line, "correlation_id"), value(out, 0, "correlation_id"));
    }
}

Test(roll, many_shelves_are_one_row)
{
    done("till init");
    done("for i in $(seq 12); do till list sku$i --name S --price 1 --stock 10; done");
    done("till place --ref 1 --customer ada $(for i in $(seq 12); do echo --line sku$i=1; done)");
    done("till run --until-idle");
    const char *out = done("till trace 1");
    cr_assert(contains(out, "UnitsReserved × 12"), "%s", out);
    cr_assert_eq(count_lines(out), 7, "%s", out);
    cr_assert(contains(done("till trace 1 --format mermaid"), "UnitsReserved × 12"));
    cr_assert_eq(count_lines(done("till trace 1 --json")), 5 + 12);
}

Test(roll, a_trace_can_be_drawn)
{
    small_shop();
    const char *out = done("till trace 3 --format mermaid");
    static const char *const lines[] = {
        "sequenceDiagram\n",
        "    actor customer\n",
        "    participant order\n",
        "    participant payment\n",
        "    participant inventory\n",
        "    participant notification\n",
        "    customer->>order: place\n",
        "    Note over order: ",
        "    order->>payment: OrderPlaced\n",
        "    Note over payment: ",
        "    payment->>inventory: PaymentCaptured\n",
        "    Note over inventory: ",
        "    inventory->>payment: StockReservationFailed\n",
        "    payment->>order: PaymentRefunded\n",
        "    order->>notification: OrderCancelled\n",
    };
    const char *at = out;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        at = strstr(at, lines[i]);
        cr_assert_not_null(at, "\"%s\" is not (there) in:\n%s", lines[i], out);
    }
    refused(2, "--format takes text, mermaid, json or otlp, not dot", "till trace 3 --format dot");
}

/* The n-th span of a service's, by its place in the document. */
static const char *span(const char *out, int service, int n, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "resourceSpans.%d.scopeSpans.0.spans.%d.%s", service, n, name);
    return value(out, 0, path);
}

Test(roll, trace_speaks_the_language_of_opentelemetry)
{
    small_shop();
    const char *out = done("till trace 1 --format otlp");
    const char *placed = done("till events --type OrderPlaced --limit 1 --json");
    const char *captured = done("till events --type PaymentCaptured --limit 1 --json");
    char position[32];
    cr_assert_eq(count_lines(out), 1);
    cr_assert_str_eq(value(out, 0, "resourceSpans.0.resource.attributes.0.value.stringValue"), "order");
    cr_assert_str_eq(value(out, 0, "resourceSpans.1.resource.attributes.0.value.stringValue"), "payment");
    cr_assert_str_eq(span(out, 0, 0, "name"), "OrderPlaced");
    cr_assert_null(span(out, 0, 0, "parentSpanId"));
    cr_assert_str_eq(span(out, 1, 0, "name"), "PaymentCaptured");
    cr_assert_str_eq(span(out, 1, 0, "parentSpanId"), span(out, 0, 0, "spanId"));
    cr_assert_str_eq(span(out, 1, 0, "traceId"), done("echo -n '%s' | tr -d -", value(placed, 0, "data.order_id")));
    cr_assert_str_eq(span(out, 1, 0, "startTimeUnixNano"), span(out, 0, 0, "endTimeUnixNano"));
    cr_assert_str_eq(span(out, 1, 0, "endTimeUnixNano"),
                     done("date -d '%s' +%%s%%N | tr -d '\\n'", value(captured, 0, "recorded_at")));
    snprintf(position, sizeof position, "%s", value(captured, 0, "position"));
    cr_assert_str_eq(span(out, 1, 0, "attributes.0.value.intValue"), position);
}
