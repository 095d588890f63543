import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { seededRandom } from "../../scripts/random.mjs"
import { login, startConversations } from "../support/Conversations.js"
import { pass, type MemoryClient } from "../support/MemoryServer.js"
import { slow } from "../support/SlowStore.js"
import { settle, turns, turnsUntil } from "../support/Turns.js"

/** A message with `seq`: who sent it, its number, its text. */
const messageOf = (line: string) => {
  const found = /^from ([a-z]+)(?: guest=yes)? seq=(\d+) at=\d+: (.*)$/u.exec(line)
  return found === null ? [] : [{ from: found[1] ?? "", seq: Number(found[2]), text: found[3] ?? "" }]
}

type Received = ReturnType<typeof messageOf>[number]

/** One connection of a device. */
interface Sitting {
  readonly client: MemoryClient
  acknowledged: number
}

/** The messages of each client so far. */
const parsed = new WeakMap<MemoryClient, { lines: number; readonly messages: Array<Received> }>()

/** Parses each line once, since a run asks at each step. */
const received = ({ client }: Sitting): ReadonlyArray<Received> => {
  const known = parsed.get(client) ?? { lines: 0, messages: [] }
  parsed.set(client, known)
  known.messages.push(...client.received.slice(known.lines).flatMap(messageOf))
  known.lines = client.received.length
  return known.messages
}

const outcomesOf = ({ received: lines }: MemoryClient) =>
  lines.flatMap((line) => {
    const found = /^(\*|!) ([a-z-]+) @([a-z0-9]+) .*?(?:reason=([a-z]+))?(?: .*)?: /u.exec(line)
    return found === null ? [] : [{ label: found[3] ?? "", what: found[4] ?? found[2] ?? "" }]
  })

/**
 * Guests and an account write to bob, whose two devices come, go, stop reading, are replaced and acknowledge at random,
 * while the store is slow and fails now and then.
 */
const run = (seed: number) =>
  Effect.gen(function* () {
    const random = seededRandom(seed)
    const ofStore = seededRandom(seed + 1_000_000)
    let mayFail = false
    const chat = yield* startConversations(
      { memory: { bufferBytes: random.pick([256, 4_096, 65_536]) ?? 256 } },
      slow({ delay: () => ofStore.below(12), fails: () => mayFail && ofStore.chance(0.05) })
    )
    const writers = [yield* chat.join("carol"), yield* chat.join("dave"), yield* chat.connect]
    writers[2]?.say(...login("alice"))
    for (const writer of writers) writer.say("/hello")
    const names = ["main", "phone"]
    const devices = new Map<string, Array<Sitting>>(names.map((name) => [name, []]))
    const comes = (name: string) =>
      Effect.map(chat.connect, (client) => {
        client.say(...login(`bob/${name}`, "ack seq"))
        devices.get(name)?.push({ client, acknowledged: 0 })
      })
    const acknowledge = (sitting: Sitting, some: number) => {
      const count = received(sitting).length
      const next = Math.min(count, sitting.acknowledged + some)
      if (next === sitting.acknowledged) return
      sitting.acknowledged = next
      sitting.client.say(`/ack ${next}`)
    }
    // Both devices exist from the start, so that everything is for both.
    for (const name of names) yield* comes(name)
    const clients = [...writers, ...[...devices.values()].flatMap((sittings) => sittings.map(({ client }) => client))]
    for (const client of clients) yield* client.barrier
    mayFail = true
    let lines = 0
    for (let step = 0; step < 120; step++) {
      const name = random.pick(names) ?? "main"
      const sittings = devices.get(name) ?? []
      const sitting = sittings.at(-1)
      const action = random.below(10)
      if (action < 4) {
        const writer = random.pick(writers)
        const count = random.chance(0.1) ? 300 : random.between(1, 6)
        writer?.say(...Array.from({ length: count }, () => `@l${lines} bob: text ${lines++}`))
      } else if (action < 6) {
        if (sitting !== undefined) acknowledge(sitting, random.pick([1, 5, 10_000]) ?? 1)
      } else if (action === 6) yield* comes(name)
      else if (action === 7 && sitting !== undefined) {
        if (random.chance(0.5)) sitting.client.socket.pause()
        else sitting.client.socket.resume()
      } else if (action === 8 && sitting !== undefined && random.chance(0.4)) {
        if (random.chance(0.5)) sitting.client.socket.reset()
        else sitting.client.say("/quit")
      } else if (action === 9 && random.chance(0.2)) yield* pass(random.pick([100, 1_500]) ?? 100)
      yield* turns(random.below(4))
    }
    mayFail = false
    // At the end, both devices are there and take everything.
    for (const name of names) yield* comes(name)
    const stored = () =>
      writers.flatMap((writer) =>
        outcomesOf(writer).flatMap(({ label, what }) => (what === "stored" ? [`text ${label.slice(1)}`] : []))
      )
    const rest = Effect.gen(function* () {
      yield* settle
      yield* pass(1_100)
      for (const sittings of devices.values()) for (const sitting of sittings) acknowledge(sitting, 10_000)
    })
    for (let again = 0; again < 40; again++) yield* rest
    yield* turnsUntil(
      () => writers.flatMap(outcomesOf).length >= lines,
      () =>
        `the outcomes of ${lines} lines; there are ${writers.flatMap(outcomesOf).length} ` +
        `${JSON.stringify(writers.map((w) => w.received.slice(-2)))}`
    )
    const context = `seed ${seed}`
    assert.lengthOf(writers.flatMap(outcomesOf), lines, `${context}: one outcome each`)
    for (const [name, sittings] of devices) {
      /** By sender, the greatest number that the device acknowledged, and the lines that it got. */
      const acknowledged = new Map<string, number>()
      const got = new Map<string, Map<number, string>>()
      for (const sitting of sittings) {
        const last = new Map<string, number>()
        received(sitting).forEach(({ from, seq, text }, index) => {
          const what = `${context}, ${name}, ${from} ${seq}`
          const before = last.get(from)
          if (before !== undefined) assert.strictEqual(seq, before + 1, `${what}: in order, without holes`)
          last.set(from, seq)
          const texts = got.get(from) ?? new Map<number, string>()
          got.set(from, texts)
          assert.strictEqual(texts.get(seq) ?? text, text, `${what}: the same text again`)
          texts.set(seq, text)
          if (index < sitting.acknowledged) acknowledged.set(from, Math.max(acknowledged.get(from) ?? 0, seq))
        })
      }
      const texts = [...got.values()].flatMap((some) => [...some.values()])
      assert.sameMembers(texts, stored(), `${context}, ${name}: exactly what was stored`)
    }
    return lines
  }).pipe(Effect.scoped)

describe("conversations at random", () => {
  for (const seed of Array.from({ length: 40 }, (_, index) => index + 1)) {
    it.scoped(`lose nothing, in any order of events (seed ${seed})`, () => Effect.asVoid(run(seed)))
  }
})
