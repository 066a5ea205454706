/* services.h - the four services. Each file is one service: what it subscribes to, and how it answers. */
#ifndef SERVICES_SERVICES_H
#define SERVICES_SERVICES_H

#include "services/gateway.h"
#include "services/mailbox.h"
#include "services/runtime.h"

struct service order_service(void);
struct service payment_service(struct gateway *gateway);
struct service inventory_service(void);
struct service notification_service(struct mailbox *mailbox);

enum { SERVICES_COUNT = 4 };

/* Their names, in this order. */
extern const char *const service_names[SERVICES_COUNT];

/* A service to be looked at, without its outside world: it must not be run. */
struct service service_described(int number);

/* A service by its name, with its outside world opened. */
struct service_house {
    struct service service;
    struct gateway *gateway; /* or NULL */
    struct mailbox *mailbox; /* or NULL */
};
enum status service_house_open(struct service_house *house, const char *name, const char *folder,
                               const struct clock *clock, struct error *error) MUST_CHECK;
void service_house_close(struct service_house *house);

/* The service that states events of this type: for timelines and traces. */
const char *service_of_event(enum event_type type);

#endif
