-- What must hold in a shop at rest, in plain SQL over the tables and the view `events`: nothing here uses the shop's own
-- code. Each query below prints nothing, or one line for each breach that opens with its sentence. It wants
--
--     sqlite3 -readonly events.db, with gateway.db attached as `bank` and views/stock.db as `seen`
--
-- and makes temporary tables only. A journey with a parked event waits for another attempt or for a person: what it
-- still owes is no breach, what it did is looked at all the same.

-- Columns are declared: without a type they would be compared, but not looked up.
CREATE TEMP TABLE fact (position INTEGER PRIMARY KEY, stream TEXT, category TEXT, entity TEXT, version INTEGER, type TEXT,
                        event_id TEXT, cause INTEGER, journey TEXT, actor TEXT, data TEXT);
INSERT INTO fact
SELECT e.position, e.stream, substr(e.stream, 1, instr(e.stream, '-') - 1), substr(e.stream, instr(e.stream, '-') + 1),
       e.version, e.type, e.event_id, r.causation, e.correlation_id, json_extract(e.metadata, '$.actor'), e.data
FROM events e JOIN event r ON r.position = e.position;
CREATE INDEX temp.fact_stream ON fact (stream, version);
CREATE INDEX temp.fact_entity ON fact (entity, type);
CREATE INDEX temp.fact_type ON fact (type);

CREATE TEMP TABLE waits (consumer TEXT, position INTEGER, state TEXT, reason TEXT, journey TEXT);
INSERT INTO waits
SELECT consumer, position, state, reason, substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || substr(h, 13, 4) || '-' ||
       substr(h, 17, 4) || '-' || substr(h, 21) AS journey
FROM (SELECT *, lower(hex(sequence)) AS h FROM parked);
CREATE INDEX temp.waits_journey ON waits (journey);

CREATE TEMP TABLE orders (id TEXT PRIMARY KEY, ref TEXT, total INTEGER, last TEXT, captured INTEGER, refunded INTEGER,
                          waits INTEGER);
INSERT INTO orders
SELECT p.entity, json_extract(p.data, '$.order_ref'), json_extract(p.data, '$.total_minor'),
       (SELECT l.type FROM fact l WHERE l.stream = p.stream ORDER BY l.version DESC LIMIT 1),
       (SELECT coalesce(sum(json_extract(m.data, '$.amount_minor')), 0) FROM fact m
        WHERE m.entity = p.entity AND m.type = 'PaymentCaptured'),
       (SELECT coalesce(sum(json_extract(m.data, '$.amount_minor')), 0) FROM fact m
        WHERE m.entity = p.entity AND m.type = 'PaymentRefunded'),
       EXISTS (SELECT 1 FROM waits w WHERE w.journey = p.entity)
FROM fact p WHERE p.type = 'OrderPlaced';

-- What each order wanted of each sku; the same sku twice is one need of the sum.
CREATE TEMP TABLE need (id TEXT, sku TEXT, quantity INTEGER, PRIMARY KEY (id, sku));
INSERT INTO need
SELECT p.entity, json_extract(l.value, '$.sku'), sum(json_extract(l.value, '$.quantity'))
FROM fact p, json_each(p.data, '$.lines') l WHERE p.type = 'OrderPlaced' GROUP BY 1, 2;

-- What became of units: one row for each event about an order's units.
CREATE TEMP TABLE moved (position INTEGER PRIMARY KEY, type TEXT, sku TEXT, id TEXT, quantity INTEGER);
INSERT INTO moved
SELECT position, type, entity, json_extract(data, '$.order_id'), json_extract(data, '$.quantity')
FROM fact WHERE category = 'stock' AND type <> 'ProductListed';
CREATE INDEX temp.moved_id ON moved (id, sku, type);

-- ---- the roll ----

SELECT 'positions have a gap: ' || position || ' stands behind ' || before
FROM (SELECT position, lag(position, 1, 0) OVER (ORDER BY position) AS before FROM event)
WHERE position <> before + 1;

SELECT 'versions have a gap: ' || stream || ' has ' || version || ' behind ' || before
FROM (SELECT stream, version, lag(version, 1, 0) OVER (PARTITION BY stream ORDER BY position) AS before FROM fact)
WHERE version <> before + 1;

SELECT 'recorded_at falls: at position ' || position
FROM (SELECT position, recorded_at, lag(recorded_at) OVER (ORDER BY position) AS before FROM event)
WHERE recorded_at < before;

SELECT 'an event stands twice: ' || event_id || ' ' || count(*) || ' times'
FROM fact GROUP BY event_id HAVING count(*) > 1;

SELECT 'an event stands before its cause: position ' || position FROM fact WHERE cause >= position;

SELECT 'a checkpoint is past the head: ' || consumer || ' at ' || position
FROM checkpoint WHERE position > (SELECT coalesce(max(position), 0) FROM event);

SELECT 'an event is parked that its consumer has not reached: ' || consumer || ' at ' || position
FROM parked p WHERE position > (SELECT coalesce(max(c.position), 0) FROM checkpoint c WHERE c.consumer = p.consumer);

-- ---- orders ----

SELECT 'an order is not at rest and waits for nothing: ' || ref || ' after ' || last
FROM orders
WHERE last NOT IN ('OrderConfirmed', 'OrderRejected', 'OrderCancelled', 'OrderShipped')
  AND NOT EXISTS (SELECT 1 FROM waits w WHERE w.journey = orders.id AND w.reason <> '');

SELECT 'an order ended twice: ' || entity || ' has ' || count(*) || ' × ' || type
FROM fact
WHERE type IN ('OrderConfirmed', 'OrderRejected', 'OrderCancelled', 'OrderShipped', 'PaymentCaptured', 'PaymentDeclined',
               'PaymentRefunded', 'StockReserved', 'StockReservationFailed', 'StockReleased', 'ReservationShipped')
GROUP BY entity, type HAVING count(*) > 1;

SELECT 'an order was confirmed after its cancellation was asked for: ' || c.entity
FROM fact c JOIN fact r ON r.entity = c.entity AND r.type = 'OrderCancellationRequested'
WHERE c.type = 'OrderConfirmed' AND c.position > r.position;

-- ---- money ----

SELECT 'money is not right: ' || ref || ' is at ' || last || ', total ' || total || ', captured ' || captured ||
       ', refunded ' || refunded
FROM orders
WHERE captured - refunded <> CASE WHEN last IN ('OrderConfirmed', 'OrderShipped') THEN total ELSE 0 END
  AND NOT waits;

SELECT 'the bank has another sum than the roll: ' || ref || ' ' || booked || ' and ' || (captured - refunded)
FROM (SELECT *, (SELECT coalesce(sum(CASE kind WHEN 'charge' THEN amount_minor ELSE -amount_minor END), 0)
                 FROM bank.movement m WHERE m.order_id = orders.id) AS booked FROM orders)
WHERE booked <> captured - refunded AND NOT waits;

SELECT 'the bank moved money that the roll does not know: ' || m.idempotency_key
FROM bank.movement m
WHERE NOT EXISTS (SELECT 1 FROM fact f WHERE f.entity = m.order_id
    AND f.type = CASE m.kind WHEN 'charge' THEN 'PaymentCaptured' ELSE 'PaymentRefunded' END
    AND json_extract(f.data, '$.gateway_reference') = m.reference
    AND json_extract(f.data, '$.amount_minor') = m.amount_minor)
  AND NOT EXISTS (SELECT 1 FROM waits w WHERE w.journey = m.order_id);

SELECT 'the roll says that money moved, and the bank does not know: ' || f.entity || ' ' || f.type
FROM fact f
WHERE f.type IN ('PaymentCaptured', 'PaymentRefunded')
  AND NOT EXISTS (SELECT 1 FROM bank.movement m WHERE m.order_id = f.entity
    AND m.kind = CASE f.type WHEN 'PaymentCaptured' THEN 'charge' ELSE 'refund' END
    AND m.reference = json_extract(f.data, '$.gateway_reference')
    AND m.amount_minor = json_extract(f.data, '$.amount_minor'));

-- ---- stock ----

SELECT 'stock is negative: ' || sku || ' at position ' || position || ', on hand ' || on_hand || ', reserved ' || reserved
FROM (SELECT sku, position,
             sum(CASE type WHEN 'StockReceived' THEN quantity WHEN 'UnitsShipped' THEN -quantity ELSE 0 END)
                 OVER (PARTITION BY sku ORDER BY position) AS on_hand,
             sum(CASE type WHEN 'UnitsReserved' THEN quantity WHEN 'StockReceived' THEN 0 ELSE -quantity END)
                 OVER (PARTITION BY sku ORDER BY position) AS reserved
      FROM moved)
WHERE on_hand < 0 OR reserved < 0 OR reserved > on_hand;

SELECT 'units were moved twice, or not as many as were ordered: ' || m.id || ' ' || m.type || ' ' || m.sku
FROM moved m LEFT JOIN need n ON n.id = m.id AND n.sku = m.sku
WHERE m.type <> 'StockReceived'
GROUP BY m.id, m.sku, m.type HAVING count(*) > 1 OR sum(m.quantity) IS NOT n.quantity;

SELECT 'units were sold twice: ' || s.id || ' ' || s.sku || ' was shipped and released'
FROM moved s JOIN moved r ON r.id = s.id AND r.sku = s.sku AND r.type = 'UnitsReleased'
WHERE s.type = 'UnitsShipped';

-- A reservation and its units are one commit over many streams: all lines or none.
SELECT 'a reservation and its units are not the same: ' || n.id || ' ' || n.sku || ' ' || k.whole
FROM need n
JOIN (SELECT 'StockReserved' AS whole, 'UnitsReserved' AS part UNION ALL SELECT 'StockReleased', 'UnitsReleased'
      UNION ALL SELECT 'ReservationShipped', 'UnitsShipped') k
WHERE EXISTS (SELECT 1 FROM fact f WHERE f.entity = n.id AND f.type = k.whole)
   <> EXISTS (SELECT 1 FROM moved m WHERE m.id = n.id AND m.sku = n.sku AND m.type = k.part);

SELECT 'on hand is not what was received less what was shipped: ' || s.sku || ' ' || s.on_hand
FROM seen.stock s
WHERE s.on_hand IS NOT
      (SELECT coalesce(sum(quantity), 0) FROM moved m WHERE m.sku = s.sku AND m.type = 'StockReceived')
    - (SELECT coalesce(sum(quantity), 0) FROM need n WHERE n.sku = s.sku AND EXISTS
          (SELECT 1 FROM fact f WHERE f.entity = n.id AND f.type = 'ReservationShipped'));

SELECT 'reserved is not what live reservations hold: ' || s.sku || ' ' || s.reserved
FROM seen.stock s
WHERE s.reserved IS NOT
      (SELECT coalesce(sum(quantity), 0) FROM need n WHERE n.sku = s.sku
       AND EXISTS (SELECT 1 FROM fact f WHERE f.entity = n.id AND f.type = 'StockReserved')
       AND NOT EXISTS (SELECT 1 FROM fact f WHERE f.entity = n.id AND f.type IN ('StockReleased', 'ReservationShipped')));

SELECT 'a reservation is not what its order is: ' || ref || ' at ' || last
FROM orders o
WHERE NOT waits
  AND (EXISTS (SELECT 1 FROM fact f WHERE f.entity = o.id AND f.type = 'StockReserved')
       AND NOT EXISTS (SELECT 1 FROM fact f WHERE f.entity = o.id AND f.type IN ('StockReleased', 'ReservationShipped')))
   <> (last = 'OrderConfirmed');

-- ---- notices ----

SELECT 'a customer was told the same thing twice: ' || entity || ' ' || json_extract(data, '$.kind')
FROM fact WHERE type = 'NotificationSent' GROUP BY entity, json_extract(data, '$.kind') HAVING count(*) > 1;

SELECT 'a customer was not told how it ended: ' || ref || ' at ' || last
FROM orders o
WHERE last IN ('OrderConfirmed', 'OrderRejected', 'OrderCancelled', 'OrderShipped') AND NOT waits
  AND NOT EXISTS (SELECT 1 FROM fact f WHERE f.entity = o.id AND f.type = 'NotificationSent'
                  AND json_extract(f.data, '$.kind') = lower(substr(o.last, length('Order') + 1)));

SELECT 'a customer was told what did not happen: ' || f.entity || ' ' || json_extract(f.data, '$.kind')
FROM fact f
WHERE f.type = 'NotificationSent'
  AND NOT EXISTS (SELECT 1 FROM fact e WHERE e.entity = f.entity AND e.position < f.position
                  AND lower(e.type) = 'order' || json_extract(f.data, '$.kind'));

-- ---- the order of handling ----

SELECT 'a journey was handled out of order: ' || actor || ' answered ' || cause || ' after ' || before || ' of ' || journey
FROM (SELECT actor, journey, cause, lag(cause) OVER (PARTITION BY actor, journey ORDER BY position) AS before
      FROM fact WHERE cause IS NOT NULL)
WHERE cause < before;

SELECT 'an event was handled before one of its journey that is parked: ' || f.actor || ' answered ' || f.cause ||
       ' while ' || w.position || ' waits'
FROM fact f JOIN waits w ON w.journey = f.journey AND w.consumer = f.actor
WHERE f.cause > w.position;
