import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { seededRandom } from "../../scripts/random.mjs"
import * as Over from "../support/Over.js"
import { startSocketServer, type SocketServer } from "../support/SocketServer.js"
import { eventually } from "../support/Eventually.js"
import type { WireClient } from "../support/WireClient.js"

const clients = 500
const rooms = 50
const steps = 4_000

interface Member {
  readonly name: string
  readonly room: number
  /** Labels its messages, and so gets an outcome for each. */
  readonly labels: boolean
  readonly client: WireClient
  /** Its messages by recipient, in order. */
  readonly sent: Map<string, Array<string>>
  fate: "stays" | "ends" | "breaks"
  /** Everything it has received, at the end. */
  lines: ReadonlyArray<string>
}

const enter = (server: SocketServer, name: string, room: number, labels: boolean) =>
  Effect.map(labels ? server.greet(name) : server.join(name), (client): Member => ({
    name,
    room,
    labels,
    client,
    sent: new Map(),
    fate: "stays",
    lines: []
  }))

/** The messages that one member received, by sender. */
const received = (member: Member) => {
  const found = new Map<string, Array<string>>()
  for (const line of member.lines) {
    const message = /^from (\S+): (\S*)/.exec(line)
    if (message?.[1] === undefined || message[2] === undefined) continue
    found.set(message[1], [...(found.get(message[1]) ?? []), message[2]])
  }
  return found
}

/** The messages returned to one member, by recipient: their number, or with labels which ones. */
const told = (member: Member) => {
  const counts = new Map<string, number>()
  const outcomes = new Map<string, "written" | "returned">()
  for (const line of member.lines) {
    const found = /^(\* written|! undelivered) (?:@(\S+) )?([^:=]*?)(?: reason=\w+)?(?: count=(\d+))?: /.exec(line)
    if (found === null) continue
    for (const name of (found[3] ?? "").split(", ")) {
      if (found[2] === undefined) counts.set(name, (counts.get(name) ?? 0) + Number(found[4] ?? 1))
      else {
        assert.isFalse(outcomes.has(`${found[2]} ${name}`), `two outcomes: ${line}`)
        outcomes.set(`${found[2]} ${name}`, found[1] === "* written" ? "written" : "returned")
      }
    }
  }
  return { counts, outcomes }
}

describe("a crowd", () => {
  for (const seed of [20_260_101]) {
    it.scopedLive(`that joins and leaves: every message is received or returned, once, in order (seed ${seed})`, () =>
      Effect.gen(function* () {
        const server = yield* startSocketServer()
        const { below, chance, pick } = seededRandom(seed)
        const everyone = yield* Effect.forEach(
          Array.from({ length: clients }, (_, i) => i),
          (i) => enter(server, `c${i}`, i % rooms, i % 10 === 0),
          { concurrency: 50 }
        )
        const present = [...everyone]
        const byRoom = Array.from({ length: rooms }, (_, room) => everyone.filter((member) => member.room === room))
        let messages = 0

        const say = (member: Member, tail: string) => {
          // Members that have left are addressed as well: their messages are returned.
          const to = new Set(Array.from({ length: 1 + below(3) }, () => pick(byRoom[member.room] ?? []).name))
          const text = `m${messages++}`
          for (const name of to) member.sent.set(name, [...(member.sent.get(name) ?? []), text])
          return `${member.labels ? `@${text} ` : ""}${[...to].join(", ")}: ${text} ${".".repeat(below(200))}${tail}`
        }

        for (let step = 0; step < steps; step++) {
          const at = below(present.length)
          const member = present[at] as Member // in range
          const lines = Array.from({ length: below(5) }, () => say(member, "\n")).join("")
          if (!chance(0.05)) yield* member.client.send(lines)
          else {
            const ends = chance(0.5)
            // Who has closed a WebSocket gets no more outcomes.
            member.fate = ends && !Over.isWebSocket ? "ends" : "breaks"
            yield* member.client.send(lines + (chance(0.5) ? say(member, "") : ""))
            yield* ends ? member.client.end : member.client.reset
            const newcomer = yield* enter(server, `n${step}`, member.room, member.labels)
            present[at] = newcomer
            everyone.push(newcomer)
            byRoom[member.room]?.push(newcomer)
          }
          // Some steps happen in the same turn of the event loop, some do not.
          if (chance(0.1)) yield* Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
        }

        for (const { client } of present) yield* client.send("/ping all told\n")
        for (const member of everyone) {
          if (member.fate !== "stays") yield* member.client.closed
          else
            yield* member.client.until(
              "the last answer",
              () => member.client.lines.includes("* pong: all told") || undefined
            )
        }
        // Outcomes are sent after the recipients' sockets have taken the lines, so wait once more.
        let inFlight = 1
        while (inFlight > 0) {
          for (const { client } of present) yield* client.send("/ping settled\n")
          for (const { client } of present) {
            yield* client.until("the last outcome", () => client.lines.includes("* pong: settled") || undefined)
          }
          ;({ inFlight } = yield* server.ledger)
        }
        for (const member of everyone) member.lines = member.client.lines.splice(0)

        let pairs = 0
        const inboxes = new Map(everyone.map((member) => [member.name, received(member)]))
        const fates = new Map(everyone.map((member) => [member.name, member.fate]))
        for (const sender of everyone) {
          const { counts, outcomes } = told(sender)
          for (const [name, texts] of sender.sent) {
            const arrived = inboxes.get(name)?.get(sender.name) ?? []
            const who = `${sender.name} (${sender.fate}) to ${name} (${fates.get(name)})`
            // In order, each at most once: the received messages are a subsequence of the sent ones.
            const came = new Set(arrived)
            assert.deepStrictEqual(
              texts.filter((text) => came.has(text)),
              arrived,
              who
            )
            if (sender.fate === "breaks") continue
            pairs += texts.length
            if (sender.labels) {
              const written = texts.filter((text) => outcomes.get(`${text} ${name}`) === "written")
              const returned = texts.filter((text) => outcomes.get(`${text} ${name}`) === "returned")
              assert.strictEqual(written.length + returned.length, texts.length, who)
              for (const text of returned) assert.isFalse(came.has(text), who)
              if (fates.get(name) !== "breaks") assert.deepStrictEqual(written, arrived, who)
            } else if (fates.get(name) === "breaks") {
              assert.isAtMost(arrived.length + (counts.get(name) ?? 0), texts.length, who)
            } else {
              assert.strictEqual(arrived.length + (counts.get(name) ?? 0), texts.length, who)
            }
          }
        }
        assert.isAbove(pairs, 10_000)
        yield* eventually(
          // A WebSocket is a broken connection if it is closed within a line, or before it has taken what comes back of
          // the last lines: about three in four of these.
          () => server.closings("left") > (Over.isWebSocket ? 10 : 50) && server.closings("connection-lost") > 50,
          "too few clients came and went"
        )
      })
    )
  }
})
