// Puts one load on one server, checks every message that comes back, and prints what it measured as one line of JSON:
// `node scripts/bench/generator.mjs --protocol PROTOCOL --at PLACE --pid N --load ROW [--quick]`
// (PROTOCOL: see wire.mjs; PLACE: a port, the path of a Unix socket, or the ports of several nodes as A,B; ROW: see
// loads.mjs; --pid is the server's, for its memory and CPU, or those of the nodes). Exits with 1 at the first message
// that is lost, duplicated, reordered or changed, with the fault in `failure`.
import { writeSync } from "node:fs"
import { parseArgs } from "node:util"
import { churn, idle, rush, who } from "./connections.mjs"
import { rowOf } from "./loads.mjs"
import { paced, slow, traffic } from "./traffic.mjs"
import { withAccounts } from "./accounts.mjs"
import { streams } from "./streams.mjs"
import { catchUp, history, outcomes, passwords, roomReturn, search } from "./stored.mjs"
import { wires, withRoom } from "./wire.mjs"

const { values } = parseArgs({
  options: {
    protocol: { type: "string" },
    at: { type: "string" },
    pid: { type: "string" },
    load: { type: "string" },
    quick: { type: "boolean", default: false }
  }
})

/** Ends the process at once: figures after a fault are worthless. */
const fail = (failure) => {
  writeSync(1, `${JSON.stringify({ ok: false, failure })}\n`)
  process.exit(1)
}

const load = { ...rowOf(values.load, values.quick), protocol: values.protocol }
const stored = { outcomes, "catch-up": catchUp, "room-return": roomReturn, passwords, history, search }
/** Playwright takes half a second to load. */
const page = async (...args) => (await import("./page.mjs")).page(...args)
const run = { traffic, slow, paced, churn, idle, rush, who, streams, page, ...stored }[load.kind]
const several = values.at.split(",").map(Number)
const place = /^\d+$/.test(values.at) ? Number(values.at) : several.some(Number.isNaN) ? values.at : several
const pid = values.pid.includes(",") ? values.pid.split(",").map(Number) : Number(values.pid)
const accounts = withAccounts(wires[values.protocol], load)
const wire = load.kind === "traffic" ? withRoom(accounts, load) : accounts
const result = await run(load, wire, place, pid, fail)
writeSync(1, `${JSON.stringify({ ok: true, ...result })}\n`)
process.exit(0)
