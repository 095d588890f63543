import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { assert } from "vitest"
import { pass, startMemoryBroker, type MemoryClient } from "../support/MemoryServer.js"
import { settle, turns } from "../support/Turns.js"

const names = ["a", "b", "c", "d", "e"]

const anyStep = FastCheck.oneof(
  {
    weight: 12,
    arbitrary: FastCheck.record({
      _tag: FastCheck.constant("say" as const),
      who: FastCheck.nat(4),
      to: FastCheck.subarray([...names, "nobody"], { minLength: 1 }),
      count: FastCheck.constantFrom(1, 1, 2, 30, 100),
      labelled: FastCheck.boolean()
    })
  },
  {
    weight: 10,
    arbitrary: FastCheck.record({
      _tag: FastCheck.constantFrom("pause" as const, "resume" as const, "resume" as const, "rejoin" as const),
      who: FastCheck.nat(4)
    })
  },
  {
    weight: 2,
    arbitrary: FastCheck.record({
      _tag: FastCheck.constantFrom("reset" as const, "end" as const, "quit" as const, "destroy" as const),
      who: FastCheck.nat(4)
    })
  },
  {
    weight: 8,
    arbitrary: FastCheck.record({ _tag: FastCheck.constant("turns" as const), count: FastCheck.nat(12) })
  },
  {
    weight: 3,
    arbitrary: FastCheck.record({
      _tag: FastCheck.constant("pass" as const),
      millis: FastCheck.constantFrom(1, 50, 200, 500, 1_000)
    })
  }
)

/** One connection of a name, and the recipients of each labelled line it has sent. */
interface Session {
  readonly client: MemoryClient
  readonly name: string
  readonly labelled: Map<string, ReadonlyArray<string>>
  over: boolean
  /** It broke off, so it did not receive everything. */
  deaf: boolean
}

/** Every outcome that a session received, as `label name`. */
const outcomesOf = ({ client }: Session) =>
  client.received.flatMap((line) => {
    const found = /^(?:\* written|! undelivered) @(\S+) ([^=:]*?)(?: reason=\w+.*)?: /.exec(line)
    return found === null ? [] : (found[2] ?? "").split(", ").map((name) => `${found[1]} ${name}`)
  })

/** The labels of refused lines. */
const refusedOf = ({ client }: Session) =>
  client.received.flatMap((line) => /^! (?!undelivered)\S+ @([^ :]+)/.exec(line)?.[1] ?? [])

describe("whatever clients do", () => {
  it.effect.prop(
    "the ledger balances, order is kept, and every label gets its outcomes",
    {
      steps: FastCheck.array(anyStep, { minLength: 10, maxLength: 60, size: "max" }),
      bufferBytes: FastCheck.constantFrom(50, 300, 5_000)
    },
    ({ bufferBytes, steps }) =>
      Effect.gen(function* () {
        const chat = yield* startMemoryBroker({
          memory: { bufferBytes, readBytes: 200 },
          outboxBytes: 1_000,
          holdTimeout: Duration.millis(400),
          stallTimeout: Duration.millis(1_000),
          linger: Duration.millis(300)
        })
        const all = new Array<Session>()
        const current = new Map<string, Session>()
        let sent = 0

        const join = (name: string) =>
          Effect.map(chat.connect, (client) => {
            client.say(name, "/hello")
            const session: Session = { client, name, labelled: new Map(), over: false, deaf: false }
            all.push(session)
            current.set(name, session)
          })
        for (const name of names) yield* join(name)
        yield* settle

        for (const step of steps) {
          if (step._tag === "turns") yield* turns(step.count)
          else if (step._tag === "pass") yield* pass(step.millis)
          else {
            const name = names[step.who] ?? ""
            const session = current.get(name)
            if (session === undefined) continue
            const { client } = session
            if (step._tag === "rejoin") {
              if (session.over || client.end().inOrder || client.end().closed) yield* join(name)
            } else if (step._tag === "pause") client.socket.pause()
            else if (step._tag === "resume") client.socket.resume()
            else if (session.over) continue
            else if (step._tag === "say") {
              for (let line = 0; line < step.count; line++) {
                const label = `k${sent++}`
                if (step.labelled) session.labelled.set(label, step.to)
                client.say(`${step.labelled ? `@${label} ` : ""}${step.to.join(", ")}: ${sent}.`)
              }
            } else {
              session.over = true
              if (step._tag === "quit") client.say("/quit")
              else if (step._tag === "end") client.socket.end()
              else {
                session.deaf = true
                client.socket[step._tag]()
              }
            }
          }
        }

        // All clients read everything, and leave in order.
        for (const { client } of all) client.socket.resume()
        for (let round = 0; round < 5; round++) yield* pass(300)
        for (const { client } of all) client.socket.end()
        for (let round = 0; round < 5; round++) yield* pass(300)
        yield* chat.broker.idle

        const { accepted, dead, inFlight, received, returned, written } = chat.broker.ledger.snapshot()
        assert.strictEqual(inFlight, 0, "nothing is in flight at rest")
        assert.strictEqual(accepted, written + received + returned + dead)
        assert.strictEqual(chat.reasons.length, all.length, "every connection has ended")
        assert.notInclude(chat.reasons, "internal-error")

        for (const session of all) {
          const { client, labelled } = session
          // Lines of one sender arrive in order, over all of its connections: the numbers only grow. A line without its
          // point was cut off when its sender destroyed its socket, and is another one to the server.
          const last = new Map<string, number>()
          for (const line of client.received) {
            const found = /^from (\w+): (\d+)\.$/.exec(line)
            if (found === null) continue
            const [from, number] = [found[1] ?? "", Number(found[2])]
            assert.isAbove(number, last.get(from) ?? 0, `${session.name} got a line twice or out of order`)
            last.set(from, number)
          }
          const outcomes = outcomesOf(session)
          assert.strictEqual(new Set(outcomes).size, outcomes.length, "no outcome comes twice")
          const reason = chat.reasonOf.get(all.indexOf(session) + 1)
          if (session.deaf || (reason !== "left" && reason !== "quit")) continue
          // A client that left in order has got everything: a refusal of the line, or an outcome for each recipient.
          const told = new Set([...outcomes, ...refusedOf(session)])
          for (const [label, to] of labelled) {
            if (told.has(label)) continue
            const missing = to.filter((name) => !told.has(`${label} ${name}`))
            assert.deepStrictEqual(missing, [], `outcomes of ${label} from ${session.name}`)
          }
        }
      }).pipe(Effect.scoped),
    // It takes two seconds, but ten times that on a busy machine.
    { fastCheck: { numRuns: 15 }, timeout: 120_000 }
  )
})
