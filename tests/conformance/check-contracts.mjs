// What till says about its events, judged by tools that are not ours: the JSON Schemas are valid and strict enough to
// notice a broken event, every event of a roll fits the schema of its type and version, and the AsyncAPI document parses.
//
//   node check-contracts.mjs SCHEMAS ASYNCAPI EVENTS...
//
// SCHEMAS is a folder of published contracts, ASYNCAPI a document, EVENTS are files as `till events --json` or `till export`
// print them (type, schema_version and data are looked at).
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Parser } from "@asyncapi/parser";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [folder, asyncapi, ...rolls] = process.argv.slice(2);
let faults = 0;

function fault(sentence) {
  faults++;
  if (faults <= 20) console.error(`check-contracts: ${sentence}`);
}

function readSchemas() {
  const ajv = new Ajv({ allErrors: true, strict: true });
  addFormats(ajv);
  for (const word of ["x-version", "x-owner", "x-stream", "x-deprecated-since", "x-personal", "x-max-bytes"])
    ajv.addKeyword({ keyword: word });
  const schemas = new Map();
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const schema = JSON.parse(readFileSync(join(folder, file), "utf8"));
    schemas.set(file.slice(0, -".json".length), { schema, validate: ajv.compile(schema) });
  }
  return schemas;
}

// Each field is taken away, and each is made another kind: the schema must notice both.
function checkStrictness(name, { schema, validate }, event) {
  for (const field of Object.keys(event)) {
    const { [field]: taken, ...without } = event;
    if (schema.required.includes(field) && validate(without)) fault(`${name} does not miss ${field}`);
    if (validate({ ...event, [field]: { not: taken } })) fault(`${name} takes any ${field}`);
  }
  if (!validate({ ...event, of_a_newer_program: 1 })) fault(`${name} is closed to new fields`);
}

function checkEvents(schemas) {
  const met = new Set();
  let count = 0;
  for (const line of rolls.flatMap((file) => readFileSync(file, "utf8").split("\n"))) {
    if (line === "") continue;
    const event = JSON.parse(line);
    if (event.tillroll !== undefined) continue; // the first line of an export
    const name = `${event.type}.v${event.schema_version}`;
    const known = schemas.get(name);
    count++;
    if (known === undefined) fault(`no schema ${name} is published`);
    else if (!known.validate(event.data))
      fault(`${name}: ${JSON.stringify(known.validate.errors[0])} in ${line}`);
    else if (!met.has(name)) checkStrictness(name, known, event.data);
    met.add(name);
  }
  return { count, met };
}

async function checkAsyncapi() {
  const { document, diagnostics } = await new Parser().parse(readFileSync(asyncapi, "utf8"));
  for (const one of diagnostics.filter(({ severity }) => severity === 0))
    fault(`asyncapi: ${one.path.join(".")}: ${one.message}`);
  return document === undefined ? 0 : document.allMessages().all().length;
}

const schemas = readSchemas();
const { count, met } = checkEvents(schemas);
for (const name of schemas.keys()) if (!met.has(name)) fault(`no event of ${name} was met`);
const messages = await checkAsyncapi();
if (messages < schemas.size) fault(`asyncapi has ${messages} messages for ${schemas.size} contracts`);
console.log(`${schemas.size} schemas, ${count} events, ${messages} messages: ${faults} faults`);
process.exit(faults === 0 ? 0 : 1);
