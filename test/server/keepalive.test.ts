import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import { startSocketServer } from "../support/SocketServer.js"
import { eventually } from "../support/Eventually.js"

/** Linux lists the timer of each connection: 02 is keepalive, on an idle connection. */
const table = "/proc/net/tcp"

const timerOf = (localPort: number): string | undefined =>
  readFileSync(table, "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, local, , state]) => local?.endsWith(`:${hex(localPort)}`) === true && state === established)?.[5]
    ?.slice(0, 2)

const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, "0")

const established = "01"

// Other systems have no such table.
if (existsSync(table)) {
  describe("keepalive", () => {
    it.scopedLive("is active on every connection, so that a pulled cable is noticed", () =>
      Effect.gen(function* () {
        const server = yield* startSocketServer()
        const alice = yield* server.join("alice")
        yield* alice.barrier
        const port = server.address.port ?? 0
        yield* eventually(() => timerOf(port) === "02", "a connection without a keepalive timer")
      })
    )
  })
}
