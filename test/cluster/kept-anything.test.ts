import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { seededRandom } from "../../scripts/random.mjs"
import * as ClusterChat from "../../src/cluster/ClusterChat.js"
import * as MemoryCluster from "../../src/cluster/MemoryCluster.js"
import { login } from "../support/Conversations.js"
import { keptStore, startKeptNode } from "../support/KeptNodes.js"
import { pass, type MemoryClient } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

const nodeNames = ["a", "b", "c"]
const writers = ["alice/main", "alice/phone"]
const devices = ["bob/main", "bob/phone"]

/** One connection of a device, which acknowledges some of what it is given. */
interface Sitting {
  readonly device: string
  readonly client: MemoryClient
  acknowledged: number
}

/** The numbers of the lines that a connection was given. */
const given = ({ client }: Sitting): ReadonlyArray<readonly [seq: number, text: string]> =>
  client.received.flatMap((line) => {
    const [, seq, text = ""] = /^from alice seq=(\d+) at=\d+: (.*)$/u.exec(line) ?? []
    return seq === undefined ? [] : [[Number(seq), text] as const]
  })

const isOpen = ({ end, received }: MemoryClient) =>
  !end().inOrder && !end().closed && !received.some((line) => line.includes(" fatal: "))

const play = (seed: number) =>
  Effect.gen(function* () {
    const { chance, pick } = seededRandom(seed)
    const engine = yield* MemoryCluster.make({
      carry: () => pick<ReadonlyArray<number>>([[0], [0], [0, 30], [10], []])
    })
    const open = yield* keptStore()
    const options = { server: { outboxBytes: 65_536, stallTimeout: Duration.minutes(10) } }
    let processes = 0
    const start = (name: string) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
        const process = `${name}${++processes}`
        const node = yield* Effect.gen(function* () {
          const store = yield* open
          const join = ClusterChat.joining(engine.service(name, process), { termMillis: 3_000, windowBytes: 20_000 })
          return yield* startKeptNode(join, store, store.sharing?.server ?? name, options)
        }).pipe(Scope.extend(scope))
        return { name, node, process, scope }
      })
    const nodes = yield* Effect.forEach(nodeNames, start)
    yield* pass(1_000)
    const sittings: Array<Sitting> = []
    const senders: Array<MemoryClient> = []
    /** Processes that are cut off, and names of nodes that do not run. */
    const away = new Set<string>()
    const ended: Array<string> = []
    let lines = 0

    const connect = (who: string, words: string) =>
      Effect.tap(pick(nodes).node.connect, (client) => {
        client.say(...login(who, words))
        return settle
      })
    const arrive = Effect.gen(function* () {
      const device = pick(devices)
      sittings.push({ device, client: yield* connect(device, "ack seq"), acknowledged: 0 })
    })
    const acknowledge = (sitting: Sitting, most: number) => {
      const count = Math.min(given(sitting).length, sitting.acknowledged + most)
      if (count === sitting.acknowledged || !isOpen(sitting.client)) return
      sitting.acknowledged = count
      sitting.client.say(`/ack ${count}`)
    }

    for (let step = 0; step < 80; step++) {
      const sender = senders.filter(isOpen).at(-1)
      const sitting = sittings.length === 0 ? undefined : pick(sittings)
      if (sender === undefined || chance(0.05)) senders.push(yield* connect(pick(writers), "once"))
      else if (chance(0.45)) {
        for (let count = pick([1, 1, 3, 20]); count > 0; count--) sender.say(`@l${lines} bob: ${lines++}`)
      } else if (sitting === undefined || chance(0.35)) yield* arrive
      else if (chance(0.6)) acknowledge(sitting, pick([1, 5, 1_000]))
      else if (chance(0.3)) sitting.client.socket.destroy()
      else if (nodes.length > 1 && away.size === 0 && chance(0.25)) {
        const one = pick(nodes)
        nodes.splice(nodes.indexOf(one), 1)
        ended.push(one.name)
        yield* Scope.close(one.scope, Exit.void)
      } else if (ended.length > 0 && chance(0.5)) nodes.push(yield* start(ended.shift() ?? ""))
      else if (away.size === 0 && chance(0.5)) {
        const { process } = pick(nodes)
        away.add(process)
        engine.disconnect(process)
      } else {
        for (const node of away) engine.connect(node)
        away.clear()
      }
      if (chance(0.7)) yield* settle
      else yield* pass(pick([50, 300, 1_500, 3_000]))
    }
    for (const node of away) engine.connect(node)
    for (let wait = 0; wait < 20; wait++) yield* pass(500)
    for (const device of devices) {
      const client = yield* connect(device, "ack seq")
      sittings.push({ device, client, acknowledged: 0 })
      yield* pass(500)
    }
    for (let wait = 0; wait < 20; wait++) {
      for (const sitting of sittings) acknowledge(sitting, 1_000)
      yield* pass(500)
    }

    const stored = senders.flatMap(({ received }) =>
      received.flatMap((line) => /^\* stored @l(\d+) /u.exec(line)?.[1] ?? [])
    )
    assert.isAbove(stored.length, 0, "lines were stored")
    for (const device of devices) {
      const own = sittings.filter((sitting) => sitting.device === device)
      const got = new Map<number, string>()
      for (const sitting of own) {
        let before = 0
        for (const [seq, text] of given(sitting)) {
          assert.isTrue(before === 0 || seq === before + 1, `${device}: in order and without holes`)
          assert.strictEqual(got.get(seq) ?? text, text, `${device}: one line has number ${seq}`)
          got.set(seq, text)
          before = seq
        }
      }
      assert.includeMembers([...got.values()], stored, `${device} is given everything that was stored (seed ${seed})`)
      assert.strictEqual(new Set(got.values()).size, got.size, `${device}: every line has one number`)
      const before = own.slice(0, -1).filter(({ client }) => isOpen(client))
      assert.lengthOf(before, 0, `${device} has one connection`)
    }
    return lines
  }).pipe(Effect.scoped)

describe("anything that happens to three nodes that keep lines", () => {
  const first = Number(process.env.ACHAT_SEED ?? 1)
  const rounds = Number(process.env.ACHAT_ROUNDS ?? 3)
  for (let seed = first; seed < first + rounds; seed++)
    it.scoped(
      `loses no stored line, and gives each device all of them in order (seed ${seed})`,
      () => Effect.asVoid(play(seed)),
      60_000
    )
})
