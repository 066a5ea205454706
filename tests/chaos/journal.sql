-- What was acknowledged to a customer is on the roll. The table `journal` has it: placed, cancelled, shipped REF;
-- received SKU QUANTITY. One row for each acknowledgement that is not there.
CREATE TEMP TABLE placed AS
SELECT e.entity, json_extract(e.data, '$.order_ref') AS ref
FROM event e JOIN type t ON t.id = e.type WHERE t.name = 'OrderPlaced';

-- An order that was cancelled for want of stock is cancelled already: there is no request then.
CREATE TEMP TABLE standing AS
SELECT p.ref, CASE t.name WHEN 'OrderPlaced' THEN 'placed' WHEN 'OrderShipped' THEN 'shipped' ELSE 'cancelled' END AS what
FROM event e JOIN type t ON t.id = e.type JOIN placed p ON p.entity = e.entity
WHERE t.name IN ('OrderPlaced', 'OrderCancellationRequested', 'OrderCancelled', 'OrderShipped');

SELECT what || ' ' || ref FROM journal WHERE what <> 'received'
EXCEPT SELECT what || ' ' || ref FROM standing;

SELECT 'received ' || j.ref || ' ' || j.quantity || ' (' || count(*) || ' times)'
FROM journal j WHERE j.what = 'received'
GROUP BY j.ref, j.quantity
HAVING count(*) > (SELECT count(*) FROM events e WHERE e.type = 'StockReceived'
    AND json_extract(e.data, '$.sku') = j.ref AND json_extract(e.data, '$.quantity') = j.quantity);
