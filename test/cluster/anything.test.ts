import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { seededRandom } from "../../scripts/random.mjs"
import * as ClusterChat from "../../src/cluster/ClusterChat.js"
import * as MemoryCluster from "../../src/cluster/MemoryCluster.js"
import { startNode } from "../support/ClusterServers.js"
import { pass, type MemoryClient } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

const nodeNames = ["a", "b", "c"]
const names = ["alice", "bob", "carol", "dave", "erin", "fred"]

interface Client {
  readonly name: string
  readonly client: MemoryClient
  /** Its texts are `ID.NUMBER`. */
  readonly id: string
  /** By label: the recipients. */
  readonly acknowledges: boolean
  readonly sent: Map<string, ReadonlyArray<string>>
  isOpen: boolean
}

/** What a client was told about a labelled line: the recipient, and the fate or the reason. */
const outcomesOf = ({ client: { received } }: Client, label: string): ReadonlyArray<readonly [string, string]> =>
  received.flatMap((line) => {
    const [, code = "", of, to = "", reason] =
      /^[*!] (\S+) @(\S+) ([^=]+?)(?: reason=(\S+?)(?: .*?)?)?: /.exec(line) ?? []
    return of === label ? to.split(", ").map((name) => [name, reason ?? code] as const) : []
  })

const play = (seed: number) =>
  Effect.gen(function* () {
    const { chance, pick } = seededRandom(seed)
    const engine = yield* MemoryCluster.make({
      carry: () => pick<ReadonlyArray<number>>([[0], [0], [0], [0, 30], [10], []]),
      forgotten: () => ({ isTold: chance(0.5), noticedAfter: pick([0, 100, 1_000, 3_000]) })
    })
    const settings = { memory: { bufferBytes: 256 }, outboxBytes: 4_096, stallTimeout: Duration.minutes(10) }
    const nodes = yield* Effect.forEach(nodeNames, (name) =>
      startNode(ClusterChat.joining(engine.service(name), { termMillis: 3_000, windowBytes: 2_000 }), settings)
    )
    yield* pass(500)
    const clients: Array<Client> = []
    const all = () => clients.filter(({ isOpen }) => isOpen)
    const away = new Set<string>()
    let number = 0

    const join = Effect.gen(function* () {
      const name = pick(names)
      const client = yield* pick(nodes).connect
      const acknowledges = chance(0.3)
      client.say(acknowledges ? "/hello ack" : "/hello", name)
      yield* settle
      const isOpen = client.received.every((line) => !line.includes(" fatal"))
      clients.push({ name, client, id: `${clients.length}`, sent: new Map(), acknowledges, isOpen })
      if (isOpen && chance(0.3)) client.say("/hello to auto")
    })

    const acknowledge = ({ acknowledges, client: { received, say: sayTo } }: Client) => {
      if (acknowledges) sayTo(`/ack ${received.filter((line) => line.startsWith("from ")).length}`)
    }

    const say = (from: Client) => {
      const to = names.filter(() => chance(0.4))
      if (to.length === 0) return
      for (let count = pick([1, 1, 5, 40]); count > 0; count--) {
        number += 1
        from.sent.set(`${number}`, to)
        from.client.say(`@${number} ${to.join(", ")}: ${from.id}.${number} ${"x".repeat(pick([0, 10, 200]))}`)
      }
    }

    for (let step = 0; step < 60; step++) {
      const open = all()
      const one = open.length === 0 ? undefined : pick(open)
      const node = pick(nodeNames)
      if (one === undefined || (open.length < 6 && chance(0.4))) yield* join
      else if (chance(0.6)) say(one)
      else if (chance(0.33)) acknowledge(one)
      else if (chance(0.3)) one.client.socket.pause()
      else if (chance(0.4)) one.client.socket.resume()
      else if (chance(0.2)) {
        one.isOpen = false
        one.client.socket.destroy()
      } else if (chance(0.25)) yield* pick(nodes).server.kick(one.name)
      else if (chance(0.15)) engine.goBack(pick(["names", "nodes"] as const), pick([1, 2, 3, 8]))
      else if (away.size === 0 && chance(0.35)) {
        away.add(node)
        engine.disconnect(node)
      } else if (chance(0.5)) {
        for (const other of away) engine.connect(other)
        away.clear()
      }
      if (chance(0.7)) yield* settle
      else yield* pass(pick([50, 300, 1_000]))
      for (const each of clients) if (each.client.end().inOrder || each.client.end().closed) each.isOpen = false
    }
    for (const other of away) engine.connect(other)
    for (const { client } of clients) client.socket.resume()
    for (let wait = 0; wait < 30; wait++) {
      yield* pass(500)
      for (const one of all()) acknowledge(one)
    }

    for (const { server } of nodes) {
      const { inFlight } = yield* server.ledger
      assert.strictEqual(inFlight, 0, "no line is in flight at rest")
    }
    for (const { counts } of nodes) assert.strictEqual(counts().queued, 0)
    const got = clients.map(({ client, name }) => ({
      name,
      texts: client.received.flatMap((line) => /^from [^:]*: (\S+)/.exec(line)?.[1] ?? [])
    }))
    for (const { texts } of got) {
      assert.strictEqual(new Set(texts).size, texts.length, "no line comes twice")
      const last = new Map<string, number>()
      for (const text of texts) {
        const [id = "", count = ""] = text.split(".")
        assert.isAbove(Number(count), last.get(id) ?? 0, "lines of a sender come in order")
        last.set(id, Number(count))
      }
    }
    for (const from of clients) {
      if (from.client.end().closed || from.client.end().inOrder || !from.isOpen) continue
      for (const [label, to] of from.sent) {
        const outcomes = outcomesOf(from, label)
        assert.sameMembers(
          outcomes.map(([name]) => name),
          [...to],
          `every recipient of @${label} has one outcome`
        )
        for (const [name, fate] of outcomes) {
          if (!["offline", "busy", "unavailable"].includes(fate)) continue
          const has = got.some((one) => one.name === name && one.texts.includes(`${from.id}.${label}`))
          assert.isFalse(has, `what returns as ${fate} has not arrived`)
        }
      }
    }
    for (const { client } of clients) client.socket.destroy()
    yield* settle
    return number
  })

describe("anything that happens to three nodes and their clients", () => {
  const first = Number(process.env.ACHAT_SEED ?? 1)
  const rounds = Number(process.env.ACHAT_ROUNDS ?? 6)
  for (let seed = first; seed < first + rounds; seed++)
    it.scoped(
      `leaves every line with one fate, and those that arrive in order (seed ${seed})`,
      () => play(seed),
      60_000
    )
})
