#include "services/services.h"

#include <string.h>

#include "domain/contracts/contract.h"

const char *const service_names[SERVICES_COUNT] = {"order", "payment", "inventory", "notification"};

struct service service_described(int number)
{
    const struct service all[SERVICES_COUNT] = {order_service(), payment_service(NULL), inventory_service(),
                                                notification_service(NULL)};
    CHECK(number >= 0 && number < SERVICES_COUNT);
    return all[number];
}

enum status service_house_open(struct service_house *house, const char *name, const char *folder,
                               const struct clock *clock, struct error *error)
{
    *house = (struct service_house){0};
    enum status status = STATUS_OK;
    if (strcmp(name, "order") == 0) {
        house->service = order_service();
    } else if (strcmp(name, "payment") == 0) {
        status = gateway_open(&house->gateway, folder, clock, error);
        house->service = payment_service(house->gateway);
    } else if (strcmp(name, "inventory") == 0) {
        house->service = inventory_service();
    } else if (strcmp(name, "notification") == 0) {
        status = mailbox_open(&house->mailbox, folder, error);
        house->service = notification_service(house->mailbox);
    } else {
        status = error_set(error, STATUS_NOT_FOUND,
                           "there is no service of that name: order, payment, inventory and notification are there");
    }
    return status;
}

void service_house_close(struct service_house *house)
{
    gateway_close(&house->gateway);
    mailbox_close(&house->mailbox);
}

const char *service_of_event(enum event_type type)
{
    return contract_of(type)->owner;
}
