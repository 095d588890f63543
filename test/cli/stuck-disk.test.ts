import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import * as Program from "../support/Program.js"
import * as SimulatedDisk from "../support/SimulatedDisk.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

/** A server whose disk stands still from now on, with a line in the hands of its store. */
const stuckServer = (grace: string) =>
  Effect.gen(function* () {
    const parent = yield* temporaryFolder
    const [folder, stuck] = [join(parent, "disk"), join(parent, "stuck")]
    mkdirSync(folder)
    const environment = { LD_PRELOAD: yield* SimulatedDisk.library, FOLDER: folder, STUCK: stuck }
    const store = join(folder, "chat.db")
    const server = yield* Program.startServer(["--grace", grace, "--store", store], { environment })
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => Net.connect(Number(server.port), "127.0.0.1").on("error", () => {})),
      (socket) => Effect.sync(() => socket.destroy())
    )
    const until = (text: string) =>
      Effect.async<void>((resume) => {
        let heard = ""
        const hear = (data: Buffer) => {
          heard += data.toString()
          if (!heard.includes(text)) return
          socket.off("data", hear)
          resume(Effect.void)
        }
        socket.on("data", hear)
      })
    socket.write("carol\n/hello\n/join #ops\n")
    yield* until("* room #ops")
    writeFileSync(stuck, "")
    socket.write("@in #ops: in the hands of the store\n/ping there\n")
    yield* until("* pong: there")
    return { ...server, goesOn: Effect.sync(() => rmSync(stuck)), store }
  })

describe.skipIf(SimulatedDisk.missing !== undefined)("serve, whose disk stands still", () => {
  it.scopedLive("ends all the same, killed, a few seconds after the grace time", () =>
    Effect.gen(function* () {
      const server = yield* stuckServer("500ms")
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* server.ended
      assert.match(errors, /stopped; some accepted lines were not delivered .*cutOff=1/u)
      assert.match(errors, /a-chat: killed: the disk of the store does not answer\n$/u)
      assert.isNull(status)
      yield* server.goesOn
      const checked = yield* Program.runProcess(["store", "check", "--store", server.store])
      assert.strictEqual(checked.status, 0, checked.errors)
    })
  )

  it.scopedLive("ends at once at a second signal", () =>
    Effect.gen(function* () {
      const server = yield* stuckServer("1m")
      yield* server.kill("SIGTERM")
      yield* server.says("errors", /message=draining/u)
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* server.ended
      assert.isNull(status)
      assert.notInclude(errors, "stopped")
    })
  )
})
