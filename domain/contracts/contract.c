#include "domain/contracts/contract.h"

#include <string.h>

#include "base/status.h"
#include "domain/contracts/fields.h"
#include "domain/contracts/order_placed_v1.h"

/* All lines of an order may name the same sku. */
#define NEED_MAX ((int64_t)LINES_MAX * QUANTITY_MAX)
/* An opening stock may be more than anybody orders. */
#define RECEIVED_MAX (INT64_C(1000) * QUANTITY_MAX)

/* ---- items of lists ---- */

static const struct field order_line_fields[] = {
    TEXT(order_line, sku, "sku", REQUIRED, PLAIN, SKU_MAX, "tea"),
    TEXT(order_line, name, "name", REQUIRED, PLAIN, NAME_MAX_BYTES, "Assam tea, 250 g"),
    INTEGER(order_line, quantity, "quantity", 1, QUANTITY_MAX, "2"),
    INTEGER(order_line, unit_price_minor, "unit_price_minor", 1, PRICE_MAX_MINOR, "790"),
};
static const struct shape order_line_shape = SHAPE(order_line, order_line_fields);

static const struct field sku_quantity_fields[] = {
    TEXT(sku_quantity, sku, "sku", REQUIRED, PLAIN, SKU_MAX, "tea"),
    INTEGER(sku_quantity, quantity, "quantity", 1, NEED_MAX, "2"),
};
static const struct shape sku_quantity_shape = SHAPE(sku_quantity, sku_quantity_fields);

static const struct field shortage_fields[] = {
    TEXT(shortage, sku, "sku", REQUIRED, PLAIN, SKU_MAX, "tea"),
    INTEGER(shortage, wanted, "wanted", 1, NEED_MAX, "2"),
    INTEGER(shortage, available, "available", 0, NEED_MAX, "1"),
};
static const struct shape shortage_shape = SHAPE(shortage, shortage_fields);

/* ---- order ---- */

static const struct field order_placed_fields[] = {
    UUID(order_placed, order, "order_id"),
    TEXT(order_placed, order_ref, "order_ref", REQUIRED, PLAIN, SKU_MAX, "A-1"),
    TEXT(order_placed, customer, "customer_id", REQUIRED, PERSONAL, SKU_MAX, "ada"),
    CURRENCY(order_placed, currency, "currency"),
    LIST(order_placed, lines, "lines", order_lines, order_line_shape),
    INTEGER(order_placed, total_minor, "total_minor", 1, AMOUNT_MAX_MINOR, "1580"),
    TEXT(order_placed, card_token, "card_token", REQUIRED, PERSONAL, SKU_MAX,
         "tok_ok"), /* the same card is the same person */
    TIME(order_placed, placed_at_us, "placed_at"),
};
static const struct field order_confirmed_fields[] = {
    UUID(order_confirmed, order, "order_id"),
};
static const struct field order_rejected_fields[] = {
    UUID(order_rejected, order, "order_id"),
    TEXT(order_rejected, reason, "reason", REQUIRED, PLAIN, SKU_MAX, "declined"),
};
static const struct field order_cancellation_requested_fields[] = {
    UUID(order_cancellation_requested, order, "order_id"),
    TEXT(order_cancellation_requested, reason, "reason", REQUIRED, PERSONAL, NAME_MAX_BYTES,
         "found it cheaper"), /* free words */
    TIME(order_cancellation_requested, requested_at_us, "requested_at"),
};
static const struct field order_cancelled_fields[] = {
    UUID(order_cancelled, order, "order_id"),
    TEXT(order_cancelled, reason, "reason", REQUIRED, PLAIN, SKU_MAX, "out_of_stock"),
};
static const struct field order_shipped_fields[] = {
    UUID(order_shipped, order, "order_id"), TEXT(order_shipped, carrier, "carrier", OPTIONAL, PLAIN, SKU_MAX, "Post"),
    TEXT(order_shipped, tracking, "tracking", OPTIONAL, PERSONAL, SKU_MAX,
         "T-1"), /* a carrier's page shows the address */
};

/* ---- payment ---- */

static const struct field payment_captured_fields[] = {
    UUID(payment_captured, order, "order_id"),
    INTEGER(payment_captured, amount_minor, "amount_minor", 1, AMOUNT_MAX_MINOR, "1580"),
    CURRENCY(payment_captured, currency, "currency"),
    TEXT(payment_captured, gateway_reference, "gateway_reference", REQUIRED, PLAIN, SKU_MAX,
         "ch_30a11e94dd9850568b443b0c"),
};
static const struct field payment_declined_fields[] = {
    UUID(payment_declined, order, "order_id"),
    INTEGER(payment_declined, amount_minor, "amount_minor", 1, AMOUNT_MAX_MINOR, "1580"),
    CURRENCY(payment_declined, currency, "currency"),
    TEXT(payment_declined, reason, "reason", REQUIRED, PLAIN, SKU_MAX, "declined"),
};
static const struct field payment_refunded_fields[] = {
    UUID(payment_refunded, order, "order_id"),
    INTEGER(payment_refunded, amount_minor, "amount_minor", 1, AMOUNT_MAX_MINOR, "1580"),
    CURRENCY(payment_refunded, currency, "currency"),
    TEXT(payment_refunded, gateway_reference, "gateway_reference", REQUIRED, PLAIN, SKU_MAX,
         "ch_30a11e94dd9850568b443b0c"),
    TEXT(payment_refunded, reason, "reason", REQUIRED, PLAIN, SKU_MAX, "out_of_stock"),
};

/* ---- stock ---- */

static const struct field product_listed_fields[] = {
    TEXT(product_listed, sku, "sku", REQUIRED, PLAIN, SKU_MAX, "tea"),
    TEXT(product_listed, name, "name", REQUIRED, PLAIN, NAME_MAX_BYTES, "Assam tea, 250 g"),
    INTEGER(product_listed, unit_price_minor, "unit_price_minor", 1, PRICE_MAX_MINOR, "790"),
    CURRENCY(product_listed, currency, "currency"),
};
static const struct field stock_received_fields[] = {
    TEXT(stock_received, sku, "sku", REQUIRED, PLAIN, SKU_MAX, "tea"),
    INTEGER(stock_received, quantity, "quantity", 1, RECEIVED_MAX, "2"),
    FLAG(stock_received, opening, "opening"),
};
static const struct field units_moved_fields[] = {
    TEXT(units_moved, sku, "sku", REQUIRED, PLAIN, SKU_MAX, "tea"),
    UUID(units_moved, order, "order_id"),
    INTEGER(units_moved, quantity, "quantity", 1, NEED_MAX, "2"),
};

/* ---- reservation ---- */

static const struct field reservation_lines_fields[] = {
    UUID(reservation_lines, order, "order_id"),
    LIST(reservation_lines, lines, "lines", sku_quantities, sku_quantity_shape),
};
static const struct field reservation_failed_fields[] = {
    UUID(reservation_failed, order, "order_id"),
    LIST(reservation_failed, shortages, "short", shortages, shortage_shape),
};
static const struct field reservation_withdrawn_fields[] = {
    UUID(reservation_withdrawn, order, "order_id"),
};

/* ---- notification ---- */

static const struct field notification_sent_fields[] = {
    UUID(notification_sent, order, "order_id"),
    TEXT(notification_sent, customer, "customer_id", REQUIRED, PERSONAL, SKU_MAX, "ada"),
    TEXT(notification_sent, kind, "kind", REQUIRED, PLAIN, SKU_MAX, "confirmed"),
    TEXT(notification_sent, message_id, "message_id", REQUIRED, PLAIN, SKU_MAX,
         "<0c5f3c1e-7f7c-5d3c-9d8e-5a4c3d2b1a00@shop.invalid>"),
};

/* A row: type, name, schema version, category of its stream, the service that states it, its struct; and of one that
 * was written otherwise once, the version before. */
#define CONTRACT(event, title, version, stream, service, payload)                                                      \
    CONTRACT_AFTER(NULL, event, title, version, stream, service, payload)
#define CONTRACT_AFTER(earlier, event, title, version, stream, service, payload)                                       \
    [event] = {.type = (event),                                                                                        \
               .name = (title),                                                                                        \
               .schema_version = (version),                                                                            \
               .category = (stream),                                                                                   \
               .owner = (service),                                                                                     \
               .shape = SHAPE(payload, payload##_fields),                                                              \
               .before = (earlier)}

static const struct contract contracts[EVENT_TYPES] = {
    CONTRACT_AFTER(&order_placed_v1_contract, EVENT_ORDER_PLACED, "OrderPlaced", 2, "order", "order", order_placed),
    CONTRACT(EVENT_ORDER_CONFIRMED, "OrderConfirmed", 1, "order", "order", order_confirmed),
    CONTRACT(EVENT_ORDER_REJECTED, "OrderRejected", 1, "order", "order", order_rejected),
    CONTRACT(EVENT_ORDER_CANCELLATION_REQUESTED, "OrderCancellationRequested", 1, "order", "order",
             order_cancellation_requested),
    CONTRACT(EVENT_ORDER_CANCELLED, "OrderCancelled", 1, "order", "order", order_cancelled),
    CONTRACT(EVENT_ORDER_SHIPPED, "OrderShipped", 1, "order", "order", order_shipped),
    CONTRACT(EVENT_PAYMENT_CAPTURED, "PaymentCaptured", 1, "payment", "payment", payment_captured),
    CONTRACT(EVENT_PAYMENT_DECLINED, "PaymentDeclined", 1, "payment", "payment", payment_declined),
    CONTRACT(EVENT_PAYMENT_REFUNDED, "PaymentRefunded", 1, "payment", "payment", payment_refunded),
    CONTRACT(EVENT_PRODUCT_LISTED, "ProductListed", 1, "stock", "inventory", product_listed),
    CONTRACT(EVENT_STOCK_RECEIVED, "StockReceived", 1, "stock", "inventory", stock_received),
    CONTRACT(EVENT_UNITS_RESERVED, "UnitsReserved", 1, "stock", "inventory", units_moved),
    CONTRACT(EVENT_UNITS_RELEASED, "UnitsReleased", 1, "stock", "inventory", units_moved),
    CONTRACT(EVENT_UNITS_SHIPPED, "UnitsShipped", 1, "stock", "inventory", units_moved),
    CONTRACT(EVENT_STOCK_RESERVED, "StockReserved", 1, "reservation", "inventory", reservation_lines),
    CONTRACT(EVENT_STOCK_RESERVATION_FAILED, "StockReservationFailed", 1, "reservation", "inventory",
             reservation_failed),
    CONTRACT(EVENT_RESERVATION_WITHDRAWN, "ReservationWithdrawn", 1, "reservation", "inventory", reservation_withdrawn),
    CONTRACT(EVENT_STOCK_RELEASED, "StockReleased", 1, "reservation", "inventory", reservation_lines),
    CONTRACT(EVENT_RESERVATION_SHIPPED, "ReservationShipped", 1, "reservation", "inventory", reservation_lines),
    CONTRACT(EVENT_NOTIFICATION_SENT, "NotificationSent", 1, "notification", "notification", notification_sent),
};

const struct contract *contract_of(enum event_type type)
{
    CHECK((unsigned)type < EVENT_TYPES);
    return &contracts[type];
}

const struct contract *contract_of_name(const char *name)
{
    for (size_t i = 0; i < EVENT_TYPES; i++)
        if (contracts[i].name[0] == name[0] && strcmp(contracts[i].name, name) == 0) /* few share the first letter */
            return &contracts[i];
    return NULL;
}

const char *field_kind_name(enum field_kind kind)
{
    static const char *const names[] = {
        [FIELD_UUID] = "uuid", [FIELD_TEXT] = "text", [FIELD_CURRENCY] = "currency", [FIELD_INTEGER] = "integer",
        [FIELD_TIME] = "time", [FIELD_FLAG] = "flag", [FIELD_LIST] = "list",
    };
    return names[kind];
}

const struct contract *contract_of_version(enum event_type type, int schema_version)
{
    const struct contract *contract = contract_of(type);
    while (contract != NULL && contract->schema_version != schema_version)
        contract = contract->before;
    return contract;
}
