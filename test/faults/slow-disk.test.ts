import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Program from "../support/Program.js"
import * as SimulatedDisk from "../support/SimulatedDisk.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

const flushMillis = 100

/** Takes lines until one matches. */
const taken = (client: WireClient.WireClient, pattern: RegExp) =>
  client.until(`a line like ${String(pattern)}`, () => {
    const index = client.lines.findIndex((line) => pattern.test(line))
    return index < 0 ? undefined : client.lines.splice(0, index + 1)
  })

/** A server with a store on a disk whose flushes take a while, and its account alice. */
const startServer = Effect.gen(function* () {
  const folder = join(yield* temporaryFolder, "disk")
  mkdirSync(folder)
  const environment = { LD_PRELOAD: yield* SimulatedDisk.library, FOLDER: folder, DELAY: String(flushMillis) }
  const { port } = yield* Program.startServer(["--store", join(folder, "chat.db")], { environment })
  const address = Tcp.address("127.0.0.1", Number(port))
  const alice = yield* WireClient.join(address, "alice")
  yield* alice.send("/register correct horse\n")
  yield* taken(alice, /^\* registered alice/u)
  return { address, alice }
})

describe.skipIf(SimulatedDisk.missing !== undefined)(`a disk of which each flush takes ${flushMillis} ms`, () => {
  it.scopedLive("stores what comes meanwhile with one flush, and keeps no guest waiting", () =>
    Effect.gen(function* () {
      const { address, alice } = yield* startServer
      const [carol, dave] = [yield* WireClient.join(address, "carol"), yield* WireClient.join(address, "dave")]
      yield* carol.send("/hello\n")
      const [chunks, size] = [8, 50]
      const storing = yield* Effect.fork(
        Effect.gen(function* () {
          for (let chunk = 0; chunk < chunks; chunk++) {
            const numbers = Array.from({ length: size }, (_, index) => chunk * size + index)
            yield* carol.send(numbers.map((number) => `@k${number} alice: ${number}\n`).join(""))
            yield* taken(carol, new RegExp(`^\\* stored @k${chunk * size + size - 1} alice`, "u"))
          }
        })
      )
      const start = performance.now()
      const waits: Array<number> = []
      while ((yield* Fiber.poll(storing))._tag === "None") {
        const before = performance.now()
        yield* dave.send(`dave: ${waits.length}\n`)
        yield* taken(dave, new RegExp(`^from dave: ${waits.length}$`, "u"))
        waits.push(performance.now() - before)
        yield* Effect.sleep("5 millis")
      }
      yield* Fiber.join(storing)
      const took = performance.now() - start
      // A flush for each line would take 40 s.
      assert.isAbove(took, chunks * flushMillis)
      assert.isBelow(took, (chunks * size * flushMillis) / 4)
      const median = waits.toSorted((one, other) => one - other)[Math.floor(waits.length / 2)] ?? Infinity
      assert.isBelow(median, flushMillis / 2, `${waits.length} lines of a guest`)
      yield* taken(alice, /: 399$/u)
    })
  )
})
