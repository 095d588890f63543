import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Certificates from "../support/Certificates.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const reporter = fileURLToPath(new URL("../support/report-young-generation.cjs", import.meta.url))

/** Writes to itself without a pause, until the scope closes. */
const flood = (port: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = Net.connect({ host: "127.0.0.1", port: Number(port) }).on("error", () => {})
      const lines = "flood: a line of the flood\n".repeat(500)
      socket.write(`flood\n${lines}`)
      return socket.on("data", () => {
        if (!socket.writableNeedDrain) socket.write(lines)
      })
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

describe.concurrent("The young generation of a server", () => {
  it.scopedLive("stays at 8 MiB when a thread for a store has started", () =>
    Effect.gen(function* () {
      const store = join(yield* temporaryFolder, "chat.db")
      const server = yield* Program.startServer(["--store", store], {
        environment: { NODE_OPTIONS: `--require ${reporter}` }
      })
      yield* server.says("errors", /young=8;/u)
      let sizes = ""
      server.errors.on("data", (text: string) => (sizes += text))
      yield* flood(server.port)
      yield* Effect.sleep("3 seconds")
      assert.strictEqual(sizes, "") // they are reported when they change
    })
  )

  it.scopedLive("has 16 MiB over TLS", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer(
        ["--tls-cert", Certificates.path("server"), "--tls-key", Certificates.path("server.key")],
        { environment: { NODE_OPTIONS: `--require ${reporter}` } }
      )
      yield* server.says("errors", /young=16;/u)
    })
  )

  it.scopedLive("has 8 MiB, is smaller after a rest and until there is work, and then has 8 MiB again", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer([], { environment: { NODE_OPTIONS: `--require ${reporter}` } })
      yield* server.says("errors", /young=8;/u)
      // V8 looks at the last five seconds to see whether the process is idle.
      yield* Effect.sleep("6 seconds")
      yield* server.kill("SIGUSR2")
      yield* server.says("errors", /young=8;[^]*young=[1-4];/u)
      let sizes = ""
      server.errors.on("data", (text: string) => (sizes += text))
      yield* Effect.sleep("3 seconds")
      assert.notInclude(sizes, "young=8;")
      yield* flood(server.port)
      yield* server.says("errors", /young=8;[^]*young=[1-4];[^]*young=8;/u)
    })
  )
})
