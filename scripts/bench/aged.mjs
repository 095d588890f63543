// Servers that have lived for a while: `npm run bench -- --aged`. Imported, not run.
import { load } from "./measure.mjs"
import { aging } from "./loads.mjs"
import { residentOf } from "./resources.mjs"
import { start } from "./servers.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** As long as it takes until V8 and Go have released what they no longer need. */
const restMillis = 30_000

/**
 * Starts the servers, puts messages of each kind on each of them, lets 20,000 connections come and go, and then leaves
 * them alone for half a minute. Returns `measure`, which runs a row on a server that has grown old like this, and
 * `stop`.
 */
export const aged = async (servers, isQuick) => {
  const running = new Map()
  for (const server of servers) {
    running.set(server, await start(server, { kind: "aged" }))
    for (const row of aging(isQuick)) await load(server, running.get(server), row, row.isQuick)
    console.error(`${server.name} has aged`)
  }
  await sleep(restMillis)
  const measure = async (server, row) => {
    if (row.kind !== "resident") return load(server, running.get(server), row, isQuick)
    await sleep(row.rest)
    return { ok: true, megabytes: residentOf(running.get(server).pid) / 1024 }
  }
  const stop = async () => {
    for (const { stop } of running.values()) await stop()
  }
  return { measure, stop }
}
