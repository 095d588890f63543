import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Client from "../../src/client/Client.js"
import { LastSeen } from "../../src/client/LastSeen.js"
import * as Received from "../../src/client/Received.js"
import * as ReconnectingClient from "../../src/client/ReconnectingClient.js"
import * as Tcp from "../../src/transport/Tcp.js"
import { eventually } from "../support/Eventually.js"
import { labelOf, make as keeping, password, type KeepingServerOptions } from "../support/KeepingServer.js"

const from = (seq: number, at = seq) => `from bob seq=${seq} at=${at}: ${seq}`

const soon = { backoff: Schedule.spaced("20 millis"), heartbeat: Infinity } as const

/** A client of alice that reconnects, on a server that does what the test says. */
const connect = (
  options: KeepingServerOptions,
  more: Partial<ReconnectingClient.ReconnectingClientOptions<never>> = {}
) =>
  Effect.gen(function* () {
    const address = yield* keeping({ exchanges: false, ...options })
    return yield* ReconnectingClient.connect({
      socket: Tcp.connect(address),
      login: "alice",
      secret: Effect.succeed(password),
      ...soon,
      ...more
    })
  })

const drained = (client: Client.ClientHandle) => Effect.forkScoped(Stream.runDrain(client.lines))

describe("a client of an account that reconnects", () => {
  it.scopedLive("stores a message once, and learns its number, although the connection breaks before the outcome", () =>
    Effect.gen(function* () {
      const labels: Array<string> = []
      const alice = yield* connect({
        answer: (line) => {
          labels.push(labelOf(line))
          return labels.length < 3 ? "reset" : [`* stored @${labelOf(line)} bob seq=7 at=9 again=yes: x`]
        }
      })
      yield* drained(alice)
      const fates = yield* alice.deliver(["bob"], "hi")
      assert.deepStrictEqual(fates, [{ _tag: "Written", names: ["bob"], code: "stored", seq: 7, at: 9, again: true }])
      assert.deepStrictEqual([labels.length, new Set(labels).size], [3, 1])
    })
  )

  it.scopedLive("reports what a guest may have as unknown, and sends the rest again", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const alice = yield* connect({
        answer: (line) => {
          lines.push(line.slice(line.indexOf(" ") + 1))
          return lines.length === 1 ? "reset" : [`* stored @${labelOf(line)} bob seq=1 at=1: x`]
        }
      })
      yield* drained(alice)
      const fates = yield* alice.deliver(["bob", "carol"], "hi")
      assert.deepStrictEqual(lines, ["bob, carol: hi", "bob: hi"])
      assert.deepStrictEqual(fates, [
        { _tag: "Unknown", names: ["carol"] },
        { _tag: "Written", names: ["bob"], code: "stored", seq: 1, at: 1 }
      ])
    })
  )

  it.scopedLive("treats an invalid outcome as unknown, and does not ask again", () =>
    Effect.gen(function* () {
      let lines = 0
      const alice = yield* connect({
        answer: (line) => {
          lines += 1
          return [`* stored @${labelOf(line)} mallory seq=1 at=1 again=yes: x`]
        }
      })
      yield* drained(alice)
      assert.deepStrictEqual(yield* alice.deliver(["bob"], "hi"), [
        { _tag: "Unknown", names: ["bob"], isInvalid: true }
      ])
      assert.strictEqual(lines, 1)
    })
  )

  it.scopedLive("passes on each kept message once, and acknowledges repetitions", () =>
    Effect.gen(function* () {
      const counts: Array<number> = []
      const alice = yield* connect(
        {
          inbox: (connection) =>
            connection === 1 ? [from(1), from(2), "* sent bob seq=3 at=3: 3"] : [from(1), from(2), from(4)],
          acknowledged: (connection, messages) => {
            if (connection === 2) counts.push(messages)
            return connection === 1 ? "reset" : []
          },
          words: () => "ack+copies+once+seq"
        },
        { ack: true, copies: true }
      )
      const received = yield* Stream.runCollect(Stream.take(Stream.filter(alice.received, isKept), 4))
      assert.deepStrictEqual(
        Array.from(received, (line) => ("text" in line ? line.text : "")),
        ["1", "2", "3", "4"]
      )
      // The repetitions, and the new one.
      yield* eventually(() => counts.includes(3), `three acknowledgements: ${counts.join()}`)
    })
  )

  it.scopedLive("acknowledges copies and lines that came back, but no other line", () =>
    Effect.gen(function* () {
      const counts: Array<number> = []
      const alice = yield* connect(
        {
          inbox: () => [
            "! gap bob first=4 last=9: x",
            "* sent bob seq=10 at=1: mine",
            "! undelivered @k1 dave reason=expired first=1 last=2 count=2: labelled",
            "! undelivered dave reason=offline: x",
            "! undelivered dave reason=removed first=1 last=2 count=2: x",
            "* delivered bob seq=3: x",
            from(11)
          ],
          acknowledged: (_, count) => {
            counts.push(count)
            return []
          }
        },
        { ack: true }
      )
      yield* Stream.runDrain(Stream.takeUntil(alice.received, (line) => line._tag === "Message"))
      yield* eventually(() => counts.includes(3), `the third acknowledgement: ${counts.join()}`)
      assert.strictEqual(Math.max(...counts), 3)
    })
  )

  it.scopedLive("reports gaps, receipts and lines that came back", () =>
    Effect.gen(function* () {
      const lines = [
        "! gap bob first=4 last=9: x",
        "* delivered bob seq=3: x",
        "! undelivered bob reason=expired first=1 last=2 count=2: x",
        "! gap bob first=4: no last",
        "* delivered bob seq=0x3: no number",
        from(10)
      ]
      const alice = yield* connect({ inbox: () => lines }, { receipts: true })
      const until10 = Stream.takeUntil(alice.received, (line) => line._tag === "Message")
      const received = Array.from(yield* Stream.runCollect(until10)).filter((line) => line._tag !== "Message")
      const some = received.filter(
        (line) => line._tag === "Refused" || (line._tag === "Notice" && line.code !== "hello")
      )
      assert.deepStrictEqual(some.map(Received.gapIn), [
        { conversation: "bob", first: 4, last: 9 },
        undefined,
        undefined,
        undefined,
        undefined
      ])
      assert.deepStrictEqual(some.map(Received.receiptIn)[1], { name: "bob", seq: 3 })
      assert.isUndefined(some.map(Received.receiptIn)[4])
      assert.deepStrictEqual(some.map(Received.returnIn)[2], {
        conversation: "bob",
        first: 1,
        last: 2,
        count: 2,
        reason: "expired"
      })
    })
  )

  it.scopedLive("ends when another client of its device has logged in", () =>
    Effect.gen(function* () {
      let connections = 0
      const alice = yield* connect(
        {
          inbox: () => {
            connections += 1
            return [from(1)]
          },
          acknowledged: () => ["! logged-out reason=replaced fatal: x"]
        },
        { ack: true }
      )
      yield* drained(alice)
      const ended = yield* alice.state.changes.pipe(
        Stream.filter((state) => state._tag === "Ended"),
        Stream.runHead,
        Effect.map(Option.getOrThrow)
      )
      const cause = ended._tag === "Ended" ? ended.cause : undefined
      assert.deepInclude(cause, { code: "logged-out" })
      assert.strictEqual(connections, 1)
    })
  )
})

const isKept = (line: Received.Received) => line._tag === "Message" || (line._tag === "Notice" && line.code === "sent")

const place = (seq: number, at: number, conversation = "bob") => ({ conversation, seq, at })

describe("what a client has processed", () => {
  it.scopedLive("is known only once the program asks for the next line", () =>
    Effect.gen(function* () {
      const seen = new LastSeen()
      const address = yield* keeping({ exchanges: false, inbox: () => [from(1), from(2), from(3)] })
      const options = { socket: Tcp.connect(address), login: "alice", secret: Effect.succeed(password), seen }
      const some = (count: number) =>
        Effect.gen(function* () {
          const client = yield* Client.connect(options)
          const messages = Stream.filter(client.received, (line) => line._tag === "Message")
          const two = Stream.runForEachWhile(messages, (line) =>
            line._tag === "Message" && line.seq === count ? Effect.fail("stop" as const) : Effect.succeed(true)
          )
          return yield* Effect.flip(two)
        }).pipe(Effect.scoped)
      assert.strictEqual(yield* some(2), "stop")
      assert.deepStrictEqual(seen.saved, { log: "l", places: [["bob", 1, 1]] })
      assert.strictEqual(yield* some(3), "stop")
      assert.deepStrictEqual(seen.saved, { log: "l", places: [["bob", 2, 2]] })
    })
  )

  it("is compared by number and time, within one log", () => {
    const seen = new LastSeen({ log: "l", places: [["bob", 5, 50]] })
    seen.useLog("l")
    for (const [seq, at] of [
      [5, 50],
      [1, 10],
      [5, 49]
    ] as const)
      assert.isTrue(seen.isRepeat(place(seq, at)), `${seq}`)
    // A later line, and one of a new account of that name.
    for (const [seq, at] of [
      [6, 50],
      [1, 51]
    ] as const)
      assert.isFalse(seen.isRepeat(place(seq, at)), `${seq}`)
    assert.isFalse(seen.isRepeat(place(1, 1, "carol")))
    seen.passed(place(1, 1, "carol"))
    seen.passed(place(3, 30))
    assert.deepStrictEqual(seen.saved, {
      log: "l",
      places: [
        ["bob", 5, 50],
        ["carol", 1, 1]
      ]
    })
    seen.useLog("m")
    assert.isFalse(seen.isRepeat(place(1, 1)))
    assert.isUndefined(seen.saved)
  })

  it("is forgotten with a server that has no log, or one with a huge id", () => {
    for (const log of [undefined, "", "x".repeat(1000)]) {
      const seen = new LastSeen({ log: "l", places: [["bob", 5, 50]] })
      seen.useLog(log)
      seen.passed(place(9, 90))
      assert.isTrue(seen.isRepeat(place(9, 90)))
      assert.isUndefined(seen.saved)
      seen.useLog(log)
      assert.isFalse(seen.isRepeat(place(9, 90)))
    }
  })

  it("is bounded", () => {
    const seen = new LastSeen()
    seen.useLog("l")
    for (let number = 0; number < 10_010; number++) seen.passed(place(1, 1, `n${number}`))
    assert.lengthOf(seen.saved?.places ?? [], 10_000)
    assert.isFalse(seen.isRepeat(place(1, 1, "n9")))
    assert.isTrue(seen.isRepeat(place(1, 1, "n10")))
  })
})
