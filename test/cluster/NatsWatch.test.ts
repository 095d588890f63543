import { assert, describe, it } from "@effect/vitest"
import { afterEach, beforeEach, vi } from "vitest"
import type { NatsConnection } from "../../src/cluster/NatsConnection.js"
import type { NatsTable } from "../../src/cluster/NatsTable.js"
import { NatsWatch } from "../../src/cluster/NatsWatch.js"
import { watching } from "../ports/ClusterFixtures.js"

interface Message {
  readonly reply: string
  readonly subject: string
  readonly string?: () => string
  readonly headers?: { readonly code: number; readonly get: (name: string) => string }
}

const heartbeatMillis = 60_000

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A watch of a table that has no entry when it starts. */
const world = async () => {
  let starts = 0
  /** What the leader of the stream has. */
  const stream = { last: 0, count: 0, isLastDeleted: false, isAvailable: true }
  let told = 0
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
      told = 0
      return Promise.resolve({ name: "consumer", count: stream.count, last: stream.last })
    },
    lastNumber: () => (stream.isAvailable ? Promise.resolve(stream.last) : Promise.reject(new Error("no answer"))),
    hasAfter: (sequence: number) => Promise.resolve(sequence < stream.last && !stream.isLastDeleted),
    endDelivery: () => Promise.resolve(),
    keyOf: (subject: string) => subject,
    revisionOf: (sequence: number) => sequence,
    saw: () => {},
    wentBack: () => {
      table.losses += 1
      watch.begin()
    }
  } as unknown as NatsTable
  const seen = watching()
  const watch: NatsWatch = new NatsWatch(connection, table, seen.handlers, heartbeatMillis)
  await turn()
  return {
    seen,
    watch,
    stream,
    starts: () => starts,
    /** So many heartbeats come. */
    beat: async (count: number) => {
      for (let left = count; left > 0; left--) {
        const get = (name: string) => (name === "Nats-Last-Consumer" ? String(told) : "")
        deliver?.({ reply: "", subject: "inbox", headers: { code: 100, get } })
        await vi.advanceTimersByTimeAsync(heartbeatMillis)
      }
    },
    put: async (number: number, sequence: number, pending = 0) => {
      told = number
      stream.last = Math.max(stream.last, sequence)
      const reply = `$JS.ACK.s.c.1.${sequence}.${number}.0.${pending}`
      deliver?.({ reply, subject: "bob", string: () => String(sequence) })
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
    assert.deepStrictEqual(seen.log, ["restarted", "current", "bob=5", "emptied", "current"])
    watch.close()
  })

  describe("compared with the leader of its stream", () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] })
    })
    afterEach(() => {
      vi.useRealTimers()
    })

    it("starts again when the stream goes on and it does not, although its heartbeats come", async () => {
      const { beat, put, starts, stream, watch } = await world()
      await put(1, 5)
      await beat(12)
      assert.strictEqual(starts(), 1)
      stream.last = 6
      await beat(12)
      assert.strictEqual(starts(), 2)
      await put(1, 6)
      await beat(24)
      assert.strictEqual(starts(), 2)
      watch.close()
    })

    it("starts again when it began without what the leader had", async () => {
      const { beat, starts, stream, watch } = await world()
      stream.last = 3
      watch.begin()
      await beat(7)
      assert.strictEqual(starts(), 3)
      watch.close()
    })

    it("starts again when it stops before it has reported everything, although its heartbeats come", async () => {
      const { beat, put, seen, starts, stream, watch } = await world()
      Object.assign(stream, { last: 9, count: 3 })
      watch.begin()
      await beat(5)
      await put(1, 5, 2)
      await beat(6)
      await put(2, 6, 1)
      await beat(6)
      assert.strictEqual(starts(), 2)
      assert.deepStrictEqual(seen.log.slice(2), ["restarted", "bob=5", "bob=6"])
      await beat(12)
      assert.strictEqual(starts(), 3)
      watch.close()
    })

    it("goes on while it delivers what the stream has, if a moment later", async () => {
      const { beat, put, starts, stream, watch } = await world()
      for (let number = 1; number <= 12; number++) {
        stream.last += 1
        await beat(3)
        await put(number, stream.last)
        await beat(3)
      }
      assert.strictEqual(starts(), 1)
      watch.close()
    })

    it("goes on when what it did not deliver was deleted, and when the leader does not answer", async () => {
      const { beat, starts, stream, watch } = await world()
      Object.assign(stream, { last: 6, isLastDeleted: true })
      await beat(24)
      stream.isAvailable = false
      await beat(24)
      assert.strictEqual(starts(), 1)
      watch.close()
    })
  })
})
