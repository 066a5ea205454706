// What till tells the world outside, judged by tools that are not ours: each event of a roll is a CloudEvent to the
// CloudEvents SDK, and each journey is a request of OTLP: read by OpenTelemetry's own protobuf schema and written again,
// nothing of it is lost.
//
//   node check-formats.mjs EVENTS TRACES
//
// EVENTS is what `till events --format cloudevents` prints, TRACES what `till trace --format otlp` prints, a line each.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { CloudEvent } from "cloudevents";
import root from "@opentelemetry/otlp-transformer/build/src/generated/root.js";

const [events, traces] = process.argv.slice(2);
const Request = root.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
let faults = 0;

function fault(sentence) {
  faults++;
  if (faults <= 20) console.error(`check-formats: ${sentence}`);
}

const linesOf = (file) => readFileSync(file, "utf8").split("\n").filter((line) => line !== "");

function isCloudEvent(event) {
  try {
    return new CloudEvent(event, true).validate() === true;
  } catch {
    return false;
  }
}

// A judge that lets everything pass is none: what lacks a field, or has an extension of another name, must be refused.
function checkJudge(event) {
  for (const wrong of [{ source: "" }, { type: "" }, { specversion: "2" }, { time: "today" }])
    if (isCloudEvent({ ...event, ...wrong })) fault(`the SDK takes ${JSON.stringify(wrong)}`);
  if (isCloudEvent({ ...event, "Not-A-Name": "x" })) fault("the SDK takes any extension");
}

function checkEvents(lines) {
  let last = "", source = "";
  for (const line of lines) {
    const event = JSON.parse(line);
    if (!isCloudEvent(event)) fault(`no CloudEvent: ${line}`);
    if (event.source === source && event.sequence <= last) fault(`the sequence ${event.sequence} does not sort behind ${last}`);
    if (!/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/.test(event.traceparent)) fault(`no traceparent: ${event.traceparent}`);
    ({ source, sequence: last } = event);
  }
  checkJudge(JSON.parse(lines[0]));
}

// JSON has ids as hexadecimal digits, which is OTLP's exception to protobuf's rules; the schema has them as bytes.
function mapIds(request, map) {
  for (const { scopeSpans } of request.resourceSpans)
    for (const { spans } of scopeSpans)
      for (const span of spans)
        for (const name of ["traceId", "spanId", "parentSpanId"]) if (span[name] !== undefined) span[name] = map(span[name]);
  return request;
}

function readAndWrite(request) {
  const message = Request.fromObject(mapIds(structuredClone(request), (hex) => Buffer.from(hex, "hex")));
  const wrong = Request.verify(message);
  if (wrong !== null) return wrong;
  const again = Request.toObject(Request.decode(Request.encode(message).finish()), { longs: String, enums: Number });
  return mapIds(again, (bytes) => Buffer.from(bytes).toString("hex"));
}

function checkTraces(lines) {
  let spans = 0;
  for (const line of lines) {
    const request = JSON.parse(line);
    const all = request.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans));
    const ids = new Set(all.map((span) => span.spanId));
    spans += all.length;
    if (!isDeepStrictEqual(readAndWrite(request), request)) fault(`no OTLP: ${line}`);
    if (ids.size !== all.length) fault(`two spans with one id: ${line}`);
    for (const span of all) {
      if (span.parentSpanId !== undefined && !ids.has(span.parentSpanId)) fault(`${span.spanId} has no parent: ${line}`);
      if (BigInt(span.startTimeUnixNano) > BigInt(span.endTimeUnixNano)) fault(`${span.spanId} ends before it begins`);
    }
  }
  const other = { ...JSON.parse(lines[0]), more: 1 };
  if (isDeepStrictEqual(readAndWrite(other), other)) fault("the schema takes any field");
  return spans;
}

const [eventLines, traceLines] = [linesOf(events), linesOf(traces)];
checkEvents(eventLines);
const spans = checkTraces(traceLines);
console.log(`${eventLines.length} CloudEvents, ${traceLines.length} traces of ${spans} spans: ${faults} faults`);
process.exit(faults === 0 && eventLines.length > 0 && traceLines.length > 0 ? 0 : 1);
