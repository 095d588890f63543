import { assert, describe, it } from "@effect/vitest"
import type { NatsConnection } from "../../src/cluster/NatsConnection.js"
import type { NatsTable } from "../../src/cluster/NatsTable.js"
import { NatsWatch } from "../../src/cluster/NatsWatch.js"
import { watching } from "../ports/ClusterSuite.js"

interface Message {
  readonly reply: string
  readonly subject: string
  readonly string: () => string
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A watch of a table that has no entry when it starts. */
const world = async () => {
  let starts = 0
  let deliver: ((message: Message) => void) | undefined
  const connection = {
    isUp: true,
    inbox: () => "inbox",
    use: ({ up }: { up: () => void }) => {
      up()
      return () => {}
    },
    subscribe: (_inbox: string, take: (message: Message) => void) => {
      deliver = take
      return () => {}
    }
  } as unknown as NatsConnection
  const table = {
    losses: 0,
    deliver: () => {
      starts += 1
      return Promise.resolve({ name: "consumer", count: 0 })
    },
    endDelivery: () => Promise.resolve(),
    keyOf: (subject: string) => subject,
    revisionOf: (sequence: number) => sequence,
    saw: () => {}
  } as unknown as NatsTable
  const seen = watching()
  const watch = new NatsWatch(connection, table, seen.handlers, 60_000)
  await turn()
  return {
    seen,
    watch,
    starts: () => starts,
    put: async (number: number, sequence: number) => {
      deliver?.({ reply: `$JS.ACK.s.c.1.${sequence}.${number}.0.0`, subject: "bob", string: () => String(sequence) })
      await turn()
    }
  }
}

describe("a watch", () => {
  it("goes on while the numbers of the stream grow", async () => {
    const { put, seen, starts, watch } = await world()
    await put(1, 5)
    await put(2, 9)
    assert.deepStrictEqual(seen.log, ["restarted", "current", "bob=5", "bob=9"])
    assert.strictEqual(starts(), 1)
    watch.close()
  })

  it("starts again when a delivery is missing", async () => {
    const { put, starts, watch } = await world()
    await put(2, 5)
    assert.strictEqual(starts(), 2)
    watch.close()
  })

  it("starts again when the stream goes back, although no delivery is missing", async () => {
    const { put, seen, starts, watch } = await world()
    await put(1, 5)
    await put(2, 5)
    assert.strictEqual(starts(), 2)
    assert.deepStrictEqual(seen.log, ["restarted", "current", "bob=5", "restarted", "current"])
    watch.close()
  })
})
