import { assert, describe, it } from "@effect/vitest"
import type { NatsConnection } from "../../src/cluster/NatsConnection.js"
import { JetStreamError, codes, type NatsJetStream } from "../../src/cluster/NatsJetStream.js"
import { NatsTable } from "../../src/cluster/NatsTable.js"

const refused = (sequence: number) => new JetStreamError(codes.wrongLastSequence, `wrong last sequence: ${sequence}`)

/** A stream of three servers with the last message of each subject, and tables of nodes that use it. */
const world = () => {
  let last = 0
  let leaderless: "refused" | "told" | undefined
  let made = 1
  let deletions = 0
  let now = 0
  let writes = 0
  const messages = new Map<string, { sequence: number; value: string; isMarker?: boolean }>()
  const jetStream = {
    streamInfo: () => {
      if (leaderless === "refused") {
        return Promise.reject(new JetStreamError(codes.unavailable, "temporarily unavailable"))
      }
      if (made === 0) return Promise.reject(new JetStreamError(codes.streamNotFound, "stream not found"))
      const config = { subjects: [`achat.names.${made}.>`] }
      if (leaderless === "told") return Promise.resolve({ config, state: { last_seq: 0 }, cluster: {} })
      return Promise.resolve({ config, state: { last_seq: last }, cluster: { leader: "nats-1" } })
    },
    makeStream: () => {
      made += 2
      return Promise.resolve()
    },
    deleteStream: () => {
      deletions += 1
      leaderless = undefined
      made = 0
      return Promise.resolve()
    },
    lastMessage: (_stream: string, subject: string) => {
      const found = messages.get(subject)
      return Promise.resolve(found && { isMarker: false, ...found, subject })
    },
    write: (subject: string, value: string, expected: number, expectedLast?: number) => {
      writes += 1
      const own = messages.get(subject)?.sequence ?? 0
      if (own !== expected) return Promise.reject(refused(own))
      if (expectedLast !== undefined && expectedLast !== last) return Promise.reject(refused(last))
      messages.set(subject, { sequence: ++last, value })
      return Promise.resolve(last)
    }
  } as unknown as NatsJetStream
  const connection = { isUp: true, isClustered: true } as NatsConnection
  return {
    table: () => {
      const table = { remade: 0 }
      const made = new NatsTable(
        connection,
        jetStream,
        "achat",
        "names",
        () => now,
        () => void (table.remade += 1)
      )
      return Object.assign(made, { counts: table })
    },
    /** The stream loses its leader, for ever, and the servers refuse to say more or tell it. */
    loseLeader: (how: "refused" | "told") => void (leaderless = how),
    findLeader: () => void (leaderless = undefined),
    /** Another node has the stream deleted and made, and it has no leader yet. */
    remake: () => void (made += 2),
    deletions: () => deletions,
    /** Those that were tried. */
    writes: () => writes,
    /** An entry was removed: the stream has a marker of this number. */
    mark: (key: string) => {
      messages.set(`achat.names.1.${key}`, { sequence: ++last, value: "", isMarker: true })
      return last
    },
    unmark: (key: string) => messages.delete(`achat.names.1.${key}`),
    pass: (millis: number) => void (now += millis),
    /** The servers forget an entry that they had confirmed, and then write others. */
    forget: async (key: string, others: number) => {
      last = (messages.get(`achat.names.1.${key}`)?.sequence ?? 0) - 1
      messages.delete(`achat.names.1.${key}`)
      for (let i = 0; i < others; i++) await jetStream.write(`achat.names.1.other${i}`, "", 0)
    },
    /** The servers empty the stream, which stays the same otherwise. */
    empty: () => {
      last = 0
      messages.clear()
    }
  }
}

const used = async (table: NatsTable) => {
  let revision = (await table.swap("bob", 0, "0")) ?? 0
  for (let i = 1; i < 10; i++) revision = (await table.swap("bob", revision, String(i))) ?? 0
  return revision
}

describe("a stream that is emptied and stays the same", () => {
  it("is found out by a reading, and can be written to", async () => {
    const { empty, table } = world()
    const one = table()
    const before = await used(one)
    empty()
    assert.isUndefined(await one.get("bob"))
    assert.strictEqual(one.counts.remade, 1)
    const first = (await one.swap("bob", 0, "again")) ?? 0
    assert.isAbove(first, before)
    assert.isUndefined(await one.swap("bob", before, "old"))
    assert.isAbove((await one.swap("bob", first, "and again")) ?? 0, first)
    assert.strictEqual(one.counts.remade, 1)
  })

  it("is found out by a write, whose revision was not used before", async () => {
    const { empty, table } = world()
    const one = table()
    const before = await used(one)
    empty()
    const first = (await one.swap("eve", 0, "new")) ?? 0
    assert.isAbove(first, before)
    assert.strictEqual(one.counts.remade, 1)
    assert.strictEqual((await one.get("eve"))?.revision, first)
  })

  it("is found out when an entry is there again that another node has written", async () => {
    const { empty, table } = world()
    const [one, other] = [table(), table()]
    const before = await used(one)
    empty()
    await other.swap("bob", 0, "other")
    // What this node has written cannot have an older revision.
    assert.match(
      await one.get("bob").then(
        () => "",
        (error: Error) => error.message
      ),
      /out of date/u
    )
    const entry = await one.get("bob")
    assert.strictEqual(entry?.value, "other")
    assert.isAbove(entry?.revision ?? 0, before)
    assert.isNumber(await one.swap("bob", entry?.revision ?? 0, "mine"))
  })

  it("is found out by a swap that is refused", async () => {
    const { empty, table } = world()
    const [one, other] = [table(), table()]
    const before = await used(one)
    empty()
    await other.swap("eve", 0, "other")
    const first = (await other.swap("carol", 0, "other")) ?? 0
    assert.isUndefined(await one.swap("bob", before, "late"))
    await new Promise((resolve) => setImmediate(resolve))
    assert.strictEqual(one.counts.remade, 1)
    assert.isAbove((await other.swap("carol", first, "more")) ?? 0, first)
  })
})

describe("a stream that goes back to an earlier state", () => {
  it("is found out by a reading that lacks an own write, also when it has passed its number since", async () => {
    for (const others of [0, 1, 5]) {
      const { forget, table } = world()
      const one = table()
      await one.swap("eve", 0, "before")
      const before = (await one.swap("bob", 0, "forgotten")) ?? 0
      await forget("bob", others)
      await one.get("bob").catch(() => {}) // "out of date", if others have written since
      assert.strictEqual(one.counts.remade, 1)
      assert.isUndefined(await one.get("bob"))
      assert.isAbove((await one.swap("bob", 0, "again")) ?? 0, before)
    }
  })

  it("is found out by a look at its last number, although nothing is written", async () => {
    const { forget, table } = world()
    const one = table()
    await one.swap("bob", 0, "forgotten")
    await one.lastNumber()
    assert.strictEqual(one.counts.remade, 0)
    await forget("bob", 0)
    await one.lastNumber()
    assert.strictEqual(one.counts.remade, 1)
  })
})

describe("a name that is taken again after it was released", () => {
  it("is written once if the watch has reported its marker", async () => {
    const { mark, table, writes } = world()
    const [one, other] = [table(), table()]
    const sequence = mark("bob")
    await one.get("bob")
    one.saw("bob", sequence, true)
    assert.isNumber(await one.swap("bob", 0, "again"))
    assert.strictEqual(writes(), 1)
    mark("eve")
    assert.isNumber(await other.swap("eve", 0, "first without the marker, and then with it"))
    assert.strictEqual(writes(), 3)
  })

  it("is also written if the marker is not there any more", async () => {
    const { mark, table, unmark } = world()
    const one = table()
    one.saw("bob", mark("bob"), true)
    unmark("bob")
    assert.isNumber(await one.swap("bob", 0, "again"))
    assert.isUndefined(await one.swap("bob", 0, "and again"))
  })
})

const finding = (table: NatsTable) => () =>
  table.deliver("inbox", 1_000).then(
    () => "",
    (error: Error) => error.message
  )
const none = /unavailable|no leader/u

describe.each(["refused", "told"] as const)("a stream that has no leader, which is %s", (how) => {
  it("is made anew after half a minute, and not before", async () => {
    const { loseLeader, pass, table } = world()
    const one = table()
    await used(one)
    loseLeader(how)
    const find = finding(one)
    assert.match(await find(), none)
    pass(29_999)
    assert.match(await find(), none)
    assert.strictEqual(one.counts.remade, 0)
    pass(1)
    assert.match(await find(), none)
    assert.match(await find(), /deliver/u)
    assert.strictEqual(one.counts.remade, 1)
  })

  it("has lost nothing if it finds one within that time", async () => {
    const { findLeader, loseLeader, pass, table } = world()
    const one = table()
    const revision = await used(one)
    loseLeader(how)
    const find = finding(one)
    assert.match(await find(), none)
    pass(29_999)
    findLeader()
    assert.strictEqual((await one.get("bob"))?.revision, revision)
    loseLeader(how)
    pass(29_999)
    assert.match(await find(), none)
    findLeader()
    assert.match(await find(), /deliver/u)
    assert.strictEqual(one.counts.remade, 0)
  })
})

it("a stream without a leader has its own half minute when another node has made it anew", async () => {
  const { deletions, findLeader, loseLeader, pass, remake, table } = world()
  const one = table()
  await used(one)
  loseLeader("told")
  const find = finding(one)
  assert.match(await find(), none)
  remake()
  pass(30_000)
  assert.match(await find(), none)
  pass(29_999)
  assert.match(await find(), none)
  findLeader()
  assert.match(await find(), /deliver/u)
  assert.strictEqual(deletions(), 0)
})
