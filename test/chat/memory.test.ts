import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { startMemoryServer } from "../support/MemoryServer.js"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const heapUsed = () => {
  collect()
  return process.memoryUsage().heapUsed
}

describe("the memory of a client", () => {
  it.scoped("does not hold the reads that its name and its addresses came with", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer()
      yield* chat.join("a-recipient-of-many-lines")
      const clients = 100
      const before = heapUsed()
      for (let number = 0; number < clients; number++) {
        const client = yield* chat.connect
        const text = `a-recipient-of-many-lines:${" ".repeat(60_000)}\n`
        client.say(`somebody-with-a-long-name-${number}\nnobody-of-this-name-${number}: hi\n${text}`)
        yield* client.barrier
      }
      assert.isBelow((heapUsed() - before) / clients, 30_000)
    })
  )
})
