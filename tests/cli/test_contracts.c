/* `till contracts`: what the code promises, and the folder of what was promised. */
#include <string.h>

#include "domain/contracts/contract.h"
#include "tests/cli/till.h"

TestSuite(contracts, .init = till_begin, .fini = till_end);

Test(contracts, every_type_and_version_is_listed)
{
    int contracts = 0;
    for (enum event_type type = 0; type < EVENT_TYPES; type++)
        contracts += event_schema_version(type);
    const char *out = done("till contracts --json");
    cr_assert_eq(count_lines(out), contracts);
    cr_assert_str_eq(names(out, 0), "type version owner category deprecated_since consumers fields");
    cr_assert_str_eq(value(out, 0, "type"), "OrderPlaced");
    cr_assert_str_eq(value(out, 0, "version"), "2");
    cr_assert_str_eq(value(out, 0, "deprecated_since"), "null");
    cr_assert_str_eq(value(out, 0, "consumers"), "[\"payment\",\"orders\",\"sales\",\"journeys\"]");
    cr_assert_str_eq(value(out, 0, "fields.2.name"), "customer_id");
    cr_assert_str_eq(value(out, 0, "fields.2.personal"), "true");
    cr_assert_str_eq(value(out, 0, "fields.4.items.1.name"), "name");
    cr_assert_str_eq(value(out, 1, "version"), "1");
    cr_assert_str_eq(value(out, 1, "deprecated_since"), "2026-11-24");
}

Test(contracts, people_are_told_the_same)
{
    const char *out = done("till contracts");
    cr_assert(contains(out, "OrderPlaced v2\nstated by order\nread by   payment, orders, sales, journeys\n"));
    cr_assert(contains(out, "OrderPlaced v1, deprecated since 2026-11-24\n"));
    cr_assert(contains(out, "fields    order_id, carrier?, tracking? (personal)\n"));
    cr_assert_leq(widest(out), 80);
}

Test(contracts, a_schema_is_shown)
{
    cr_assert(contains(done("till contracts show OrderPlaced"), "\"total_minor\": {"));
    const char *out = done("till contracts show OrderPlaced --version 1");
    cr_assert(contains(out, "\"amount\": {") && contains(out, "\"x-deprecated-since\": \"2026-11-24\""));
    refused(2, "name a type of event", "till contracts show");
    refused(2, "there is no event type OrderEaten", "till contracts show OrderEaten");
    refused(2, "--version takes a whole number from 1 to 2", "till contracts show OrderPlaced --version 3");
    refused(2, "contracts can be shown, checked and published, not burnt", "till contracts burnt");
}

Test(contracts, are_one_asyncapi_document)
{
    const char *out = done("till contracts --format asyncapi | tr -d '\\n\\t'");
    cr_assert_str_eq(names(out, 0), "asyncapi info defaultContentType components channels operations");
    cr_assert_str_eq(value(out, 0, "channels.order.address"), "order-{entity}");
    const char *fields = value(out, 0, "components.messages");
    cr_assert(contains(fields, "\"OrderPlaced.v1\"") && contains(fields, "\"maximum\":4503599627370495"));
    const char *operations = value(out, 0, "operations");
    cr_assert(contains(operations, "\"payment.receives.order\":{\"action\":\"receive\","));
    cr_assert(contains(operations, "\"order.sends.order\":{\"action\":\"send\","));
    cr_assert_not(contains(operations, "payment.sends.order"));
    refused(2, "--format takes text, json, markdown or asyncapi, not yaml", "till contracts --format yaml");
}

Test(contracts, what_is_published_is_as_it_was_promised)
{
    run("mkdir promised");
    cr_assert(contains(done("till contracts check promised"), "21 new, 0 grown"));
    cr_assert_str_eq(done("till contracts publish promised"), "21 schemas were written to promised.\n");
    cr_assert_str_eq(done("till contracts check promised"), "Everything is as it was promised in promised.\n");
    cr_assert_str_eq(done("till contracts publish promised"), "0 schemas were written to promised.\n");
    run("mkdir -p domain/contracts/published && cp promised/* domain/contracts/published");
    cr_assert_str_eq(done("till contracts check"), "Everything is as it was promised in domain/contracts/published.\n");
}

/* What the code grew by is published; what it broke is named with who reads it, and nothing is written then. */
Test(contracts, a_change_is_additive_or_refused)
{
    run("mkdir promised");
    done("till contracts publish promised");
    run("sed -i '/\"carrier\"/d' promised/OrderShipped.v1.json");
    cr_assert(contains(done("till contracts check promised"), "0 new, 1 grown"));
    cr_assert_str_eq(done("till contracts publish promised"), "1 schema was written to promised.\n");

    run("sed -i 's/\"sku\": {/\"colour\": {\"type\": \"string\"},\\n\"sku\": {/; s/: 1000000,/: 7,/'"
        " promised/OrderPlaced.v2.json");
    struct answer answer = run("till contracts check promised");
    cr_assert_eq(answer.code, 1);
    cr_assert_str_eq(answer.out, "OrderPlaced v2 lines[].colour: removed: it was promised and is gone\n"
                                 "OrderPlaced v2 lines[].quantity: limits: its limits were others; read by inventory, "
                                 "notification, sales\n"
                                 "2 changes are not additive: give the event a new version and an upcaster.\n");
    answer = run("till contracts publish promised --json");
    cr_assert_eq(answer.code, 1);
    cr_assert_str_eq(names(answer.out, 1), "type version field rule detail readers");
    cr_assert_str_eq(value(answer.out, 1, "rule"), "limits");
    cr_assert_str_eq(value(answer.out, 1, "readers"), "inventory, notification, sales");
    cr_assert_eq(run("grep -q colour promised/OrderPlaced.v2.json").code, 0);
}

Test(contracts, a_contract_that_was_published_stays_readable)
{
    run("mkdir promised");
    done("till contracts publish promised");
    run("cp promised/OrderPlaced.v1.json promised/OrderEaten.v1.json");
    run("cp promised/OrderPlaced.v2.json promised/OrderPlaced.v3.json; touch promised/README promised/x.v1.jsonl");
    struct answer answer = run("till contracts check promised");
    cr_assert_eq(answer.code, 1);
    cr_assert(
        contains(answer.out, "OrderEaten v1: removed: it was published, and this program cannot read it any more"));
    cr_assert(contains(answer.out, "OrderPlaced v3: removed: "));
    cr_assert(contains(answer.out, "2 changes are not additive"));
}

Test(contracts, a_folder_that_is_none_is_said)
{
    refused(1, "cannot read the published contracts in domain/contracts/published", "till contracts check");
    run("mkdir promised && echo '{}' >promised/OrderPlaced.v2.json");
    refused(1, "promised/OrderPlaced.v2.json: is no schema of an event: it has no properties",
            "till contracts check promised");
}
