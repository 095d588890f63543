import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import { assert } from "vitest"
import type { Socket } from "../../src/transport/Transport.js"
import { pass, startMemoryBroker, startMemoryServer, type MemoryServer } from "../support/MemoryServer.js"
import { settle, turns, turnsUntil } from "../support/Turns.js"

/** A small chat in which nothing times out by itself. */
const small = {
  outboxBytes: 4_096,
  memory: { bufferBytes: 1_024 },
  holdTimeout: Duration.hours(1),
  stallTimeout: Duration.hours(1),
  linger: Duration.seconds(5),
  grace: Duration.seconds(10)
}

const range = (start: number, end: number) => Array.from({ length: end - start }, (_, index) => start + index)

/** Numbered texts of 80 bytes. */
const numbered = (count: number) => range(0, count).map((number) => String(number).padEnd(80, "."))

/** The numbers that came from a sender, in the order in which they came. */
const numbersFrom = (sender: string, lines: ReadonlyArray<string>) =>
  lines
    .filter((line) => line.startsWith(`from ${sender}: `))
    .map((line) => Number.parseInt(line.slice(`from ${sender}: `.length), 10))

/** How many lines the refusals of a reason stand for. */
const counted = (reason: string, lines: ReadonlyArray<string>) =>
  lines
    .filter((line) => line.startsWith("! undelivered") && line.includes(` reason=${reason}`))
    .reduce((sum, line) => sum + Number(/ count=(\d+)/.exec(line)?.[1] ?? 1), 0)

/** Names that differ, so that lines of several senders have the same length. */
const senderNames = range(0, 10).map((number) => `s${number}`)

describe("senders that wait for one full queue", () => {
  it.scoped("take turns, each in its own order, and nothing is lost", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({ ...small, memory: { bufferBytes: 65_536 } })
      const bob = yield* join("bob")
      bob.socket.pause()
      for (const name of senderNames) {
        const sender = yield* join(name)
        sender.say(...numbered(700).map((text) => `bob: ${text}`)) // as much as the server reads ahead
      }
      yield* settle
      bob.socket.resume()
      yield* turnsUntil(
        () => bob.received.length >= 7_001,
        () => `all lines, and not ${bob.received.length}`
      )
      for (const name of senderNames) assert.deepStrictEqual(numbersFrom(name, bob.received), range(0, 700))
      // The first has a head start: an empty kernel. The others share what there is from then on.
      const done = Math.min(
        ...senderNames.map((name) => bob.received.findLastIndex((line) => line.startsWith(`from ${name}: `)))
      )
      const behind = senderNames.map((name) => numbersFrom(name, bob.received.slice(0, done + 1)).length)
      assert.isAbove(Math.min(...behind), 150, `of 700, when the first was through: ${behind.join(" ")}`)
    })
  )

  it.scoped("do not hold anybody else", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(small)
      const [bob, carol, flooder, other] = [
        yield* join("bob"),
        yield* join("carol"),
        yield* join("fl"),
        yield* join("ot")
      ]
      bob.socket.pause()
      flooder.say(...numbered(500).map((text) => `bob: ${text}`))
      yield* settle
      other.say(...numbered(500).map((text) => `carol: ${text}`))
      yield* other.barrier
      yield* carol.barrier
      assert.deepStrictEqual(numbersFrom("ot", carol.received), range(0, 500))
    })
  )

  it.scoped("fill the recipient's queue to its bound and a line, and no further", () =>
    Effect.gen(function* () {
      const { broker, join } = yield* startMemoryBroker(small)
      const bob = yield* join("bob")
      bob.socket.pause()
      const senders = yield* Effect.forEach(senderNames, join)
      const line = `bob: ${"x".repeat(2_000)}`
      const most = { bytes: 0, unread: 0 }
      for (let round = 0; round < 50; round++) {
        for (const sender of senders) sender.say(line, line)
        yield* turns(3)
        const outbox = (yield* Ref.get(broker.members)).byName.get("bob")?.outbox
        most.bytes = Math.max(most.bytes, outbox?.bytes ?? Infinity)
      }
      assert.isAtMost(most.bytes, small.outboxBytes + 2_020)
      assert.isAbove(most.bytes, small.outboxBytes)
      for (const sender of senders) assert.isAbove(sender.socket.untaken(), 100_000, "it is not read from")
      const inFlight = broker.ledger.snapshot().inFlight
      assert.isAtMost(inFlight, 4, "nothing but what stands in the queue is accepted")
    })
  )

  it.scoped("are held by any of several recipients, and then none of them gets the line twice", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(small)
      const [bob, carol, alice] = [yield* join("bob"), yield* join("carol"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(300).map((text) => `carol, bob: ${text}`))
      yield* settle
      assert.isBelow(numbersFrom("alice", carol.received).length, 100)
      bob.socket.resume()
      yield* alice.barrier
      yield* Effect.zipRight(bob.barrier, carol.barrier)
      assert.deepStrictEqual(numbersFrom("alice", carol.received), range(0, 300))
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 300))
    })
  )

  it.scoped("get through when they flood each other and read", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({ ...small, memory: { bufferBytes: 300, readBytes: 70 } })
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      alice.say(...numbered(300).flatMap((text) => [`bob: ${text}`, `alice, bob: ${text}`]))
      bob.say(...numbered(300).map((text) => `alice: ${text}`))
      yield* Effect.zipRight(alice.barrier, bob.barrier)
      yield* Effect.zipRight(alice.barrier, bob.barrier)
      assert.strictEqual(numbersFrom("alice", bob.received).length, 600)
      assert.strictEqual(numbersFrom("alice", alice.received).length, 300)
      assert.strictEqual(numbersFrom("bob", alice.received).length, 300)
    })
  )

  it.scoped("are answered and go on when the recipient leaves", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(small)
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(300).map((text) => `bob: ${text}`))
      yield* settle
      bob.socket.reset()
      yield* alice.barrier
      const returned = counted("disconnected", alice.received) + counted("offline", alice.received)
      assert.strictEqual(returned, 300 - Math.floor(1_024 / 93))
    })
  )

  it.scoped("may leave while they are held: what was read is settled before their end", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({ ...small, memory: { bufferBytes: 4_096 } })
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(300).map((text) => `bob: ${text}`))
      alice.socket.end()
      yield* settle
      assert.isFalse(alice.end().inOrder)
      bob.socket.resume()
      yield* alice.ended
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 300))
      assert.deepStrictEqual(alice.received, ["* pong: 1"])
    })
  )

  it.scoped("may break while they are held: what was read is accepted and delivered", () =>
    Effect.gen(function* () {
      const { broker, join } = yield* startMemoryBroker({
        ...small,
        outboxBytes: 1_024,
        memory: { bufferBytes: 65_536 }
      })
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(740).map((text) => `bob: ${text}`)) // one read of 63,640 bytes, and 68,820 for bob
      yield* settle
      assert.isBelow(broker.ledger.snapshot().accepted, 740, "she is held")
      alice.socket.reset()
      yield* settle
      bob.socket.resume()
      yield* Effect.zipRight(settle, bob.barrier)
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 740))
      assert.deepStrictEqual(broker.ledger.snapshot(), {
        accepted: 740,
        written: 740,
        returned: 0,
        dead: 0,
        inFlight: 0
      })
    })
  )
})

describe("a connection that breaks", () => {
  it.scoped("has got exactly the lines that its socket took whole; the rest is returned", () =>
    Effect.gen(function* () {
      for (const bufferBytes of [1, 9, 10, 11, 500, 929, 930, 931, 1_024]) {
        const { broker, join, reasons } = yield* startMemoryBroker({ ...small, memory: { bufferBytes } })
        const [bob, alice] = [yield* join("bob"), yield* join("alice")]
        bob.socket.pause()
        alice.say(...numbered(20).map((text) => `bob: ${text}`)) // 93 bytes each for bob
        yield* alice.barrier
        bob.socket.reset()
        yield* settle
        assert.deepStrictEqual(reasons, ["connection-lost"])
        yield* alice.barrier
        const whole = Math.floor(bufferBytes / 93)
        const expected = { accepted: 20, written: whole, returned: 20 - whole, dead: 0, inFlight: 0 }
        assert.deepStrictEqual(broker.ledger.snapshot(), expected, `${bufferBytes} bytes`)
        assert.strictEqual(counted("disconnected", alice.received), 20 - whole)
      }
    })
  )

  it.scoped("leaves what is returned to a sender that has left as dead", () =>
    Effect.gen(function* () {
      const { broker, join } = yield* startMemoryBroker(small)
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(20).map((text) => `bob: ${text}`))
      yield* alice.barrier
      alice.socket.reset()
      yield* settle
      bob.socket.reset()
      yield* settle
      assert.deepStrictEqual(broker.ledger.snapshot(), { accepted: 20, written: 11, returned: 0, dead: 9, inFlight: 0 })
    })
  )

  it.scoped("drops the bytes behind its last LF", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(small)
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      alice.socket.write("bob: whole\nbob: torn")
      yield* settle
      alice.socket.reset()
      yield* bob.barrier
      assert.deepStrictEqual(bob.received.slice(1, -1), ["from alice: whole"])
    })
  )

  it.scoped("keeps the bytes behind its last LF when it ends in order instead", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(small)
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      alice.socket.write("bob: whole\nbob: last")
      alice.socket.end()
      yield* alice.ended
      yield* bob.barrier
      assert.deepStrictEqual(bob.received.slice(1, -1), ["from alice: whole", "from alice: last"])
    })
  )

  it.scoped("frees its name once, and never takes it from a newcomer", () =>
    Effect.gen(function* () {
      const { connect, join, server } = yield* startMemoryServer(small)
      const alice = yield* join("alice")
      for (let round = 0; round < 20; round++) {
        const old = yield* connect
        old.say("bob", "bob: x")
        old.socket.pause()
        if (round % 2 === 0) yield* settle
        old.socket.reset()
        yield* turns(round % 7)
        // As long as the old one is there the newcomer is refused, and tries again.
        let bob = yield* connect
        bob.say("bob", "/ping in")
        yield* turnsUntil(
          () => bob.received.length > 0,
          () => "an answer"
        )
        while (bob.received[0]?.startsWith("! login-in-use bob fatal: ")) {
          bob = yield* connect
          bob.say("bob", "/ping in")
          yield* settle
        }
        yield* settle
        alice.say("bob: hi")
        yield* alice.barrier
        yield* bob.barrier
        assert.deepStrictEqual(yield* server.names, ["alice", "bob"])
        assert.include(bob.received, "from alice: hi")
        bob.socket.reset()
        yield* settle
      }
    })
  )
})

const greeted = (name: string, join: MemoryServer["join"]) =>
  Effect.tap(join(name), (client) => {
    client.say("/hello")
    return client.barrier
  })

/** Every outcome of a label, as `name: what`. */
const outcomes = (label: string, lines: ReadonlyArray<string>) =>
  lines
    .flatMap((line) => {
      const found = new RegExp(`^([!*]) (\\S+) @${label} ([^:=]*?)(?: reason=(\\w+).*)?: `).exec(line)
      return found === null ? [] : (found[3] ?? "").split(", ").map((name) => `${name}: ${found[4] ?? found[2]}`)
    })
    .toSorted()

describe("labelled lines", () => {
  it.scoped("have one outcome for each recipient: written, offline", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(small)
      const alice = yield* greeted("alice", join)
      yield* join("bob")
      yield* join("carol")
      alice.say("@k1 bob, nobody, carol, alice, no one: hi", "@k1 bob: again", "bob: silent")
      yield* Effect.zipRight(settle, alice.barrier)
      assert.deepStrictEqual(outcomes("k1", alice.received), [
        "alice: written",
        "bob: written",
        "bob: written",
        "carol: written",
        "no%20one: offline",
        "nobody: offline"
      ])
    })
  )

  it.scoped("are told as written only when the kernel took them, and as returned if it did not", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(small)
      const alice = yield* greeted("alice", join)
      const bob = yield* join("bob")
      bob.socket.pause()
      alice.say(...numbered(20).map((text, index) => `@k${index} bob: ${text}`))
      yield* Effect.zipRight(settle, alice.barrier)
      assert.isFalse(alice.received.some((line) => line.includes("@k15")))
      bob.socket.reset()
      yield* Effect.zipRight(settle, alice.barrier)
      for (const index of range(0, 20)) {
        const expected = index < 11 ? "bob: written" : "bob: disconnected"
        assert.deepStrictEqual(outcomes(`k${index}`, alice.received), [expected], `k${index}`)
      }
    })
  )

  it.scoped("are answered one by one as busy and slow", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({
        ...small,
        holdTimeout: Duration.seconds(2),
        stallTimeout: Duration.seconds(4)
      })
      const alice = yield* greeted("alice", join)
      const bob = yield* join("bob")
      bob.socket.pause()
      alice.say(...numbered(80).map((text, index) => `@k${index} bob: ${text}`))
      yield* pass(4_000)
      yield* alice.barrier
      const found = range(0, 80).map((index) => outcomes(`k${index}`, alice.received))
      for (const [index, outcome] of found.entries()) assert.strictEqual(outcome.length, 1, `k${index}: ${outcome}`)
      assert.deepStrictEqual([...new Set(found.flat())], ["bob: written", "bob: slow", "bob: busy"])
      const busy = alice.received.find((line) => line.includes("reason=busy"))
      assert.match(busy ?? "", /^! undelivered @k\d+ bob reason=busy retry=1000: /)
    })
  )

  it.scoped("hold a client that waits for more outcomes than it may, until half of them came", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({ ...small, outboxBytes: 1_000_000, maxOutcomes: 20 })
      const alice = yield* greeted("alice", join)
      const bob = yield* join("bob")
      const carol = yield* join("carol")
      bob.socket.pause()
      const big = "x".repeat(2_000) // no two of them fit into what bob's side takes
      alice.say(...numbered(21).map((text, index) => `@k${index} bob: ${text} ${big}`), "carol: held behind them")
      yield* carol.barrier
      assert.notInclude(carol.received, "from alice: held behind them")
      bob.socket.resume()
      yield* carol.next.pipe(Effect.repeat({ until: (line) => line === "from alice: held behind them" }))
      yield* alice.barrier
      const found = range(0, 21).flatMap((index) => outcomes(`k${index}`, alice.received))
      assert.deepStrictEqual(new Set(found), new Set(["bob: written"]))
      assert.lengthOf(found, 21)
    })
  )

  it.scoped("hold nobody who writes to the client that waits for their outcomes", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({ ...small, outboxBytes: 1_000_000, maxOutcomes: 2 })
      const alice = yield* greeted("alice", join)
      const bob = yield* join("bob")
      const carol = yield* join("carol")
      bob.socket.pause()
      const big = "x".repeat(2_000)
      alice.say(...range(0, 3).map((index) => `@k${index} bob: ${big}`), "carol: held behind them")
      yield* settle
      carol.say("alice: not held")
      yield* carol.barrier
      yield* alice.next.pipe(Effect.repeat({ until: (line) => line === "from carol: not held" }))
      assert.notInclude(carol.received, "from alice: held behind them")
    })
  )

  it.scoped("are all delivered, if they were read, when their sender breaks off while it waits for outcomes", () =>
    Effect.gen(function* () {
      const memory = { bufferBytes: 50_000 }
      const { join } = yield* startMemoryServer({ ...small, memory, outboxBytes: 1_000_000, maxOutcomes: 2 })
      const alice = yield* greeted("alice", join)
      const bob = yield* join("bob")
      bob.socket.pause()
      alice.say(`bob: fills bob's side ${"x".repeat(60_000)}`)
      yield* settle
      alice.say(...numbered(20).map((text, index) => `@k${index} bob: ${text}`))
      yield* settle
      alice.socket.reset()
      yield* settle
      bob.socket.resume()
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received).slice(1), range(0, 20))
    })
  )

  it.scoped("have one outcome for each recipient whatever happens to these", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({
        ...small,
        holdTimeout: Duration.seconds(2),
        stallTimeout: Duration.seconds(4)
      })
      const alice = yield* greeted("alice", join)
      const others = yield* Effect.forEach(["b", "c", "d", "e"], join)
      const [b, c, d] = others
      b?.socket.pause()
      c?.socket.pause()
      alice.say(...numbered(200).map((text, index) => `@k${index} b, c, d, e, nobody: ${text}`))
      yield* pass(1_000)
      c?.socket.reset()
      d?.socket.end()
      yield* pass(10_000)
      yield* alice.barrier
      for (const index of range(0, 200)) {
        const names = outcomes(`k${index}`, alice.received).map((outcome) => outcome.split(":")[0])
        assert.deepStrictEqual(names, ["b", "c", "d", "e", "nobody"], `k${index}`)
      }
    })
  )

  it.scoped("have one refusal and no outcome when they are refused", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({ ...small, maxLineBytes: 100, maxRecipients: 2 })
      const alice = yield* greeted("alice", join)
      const before = alice.received.length
      alice.say(
        "@a nothing",
        "@b a, b, c: hi",
        "@c /nosuch",
        `@d alice: ${"x".repeat(100)}`,
        "@e alice: a\u0001",
        "@f : hi"
      )
      yield* alice.barrier
      const codes = alice.received.slice(before, -1).map((line) => line.split(/[:=]/)[0])
      assert.deepStrictEqual(codes, [
        "! bad-line @a",
        "! too-many-recipients @b max",
        "! unknown-command @c nosuch",
        "! too-long @d max",
        "! bad-line @e",
        "! bad-line @f"
      ])
    })
  )

  it.scoped("label the answers to commands, the farewell too", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(small)
      const alice = yield* greeted("alice", join)
      const before = alice.received.length
      alice.say("@a /who", "@b /ping x", "@c /help", "@d /quit")
      yield* alice.ended
      const codes = alice.received.slice(before).map((line) => line.split(" ").slice(0, 3).join(" "))
      assert.deepStrictEqual([...new Set(codes)], ["* who @a", "* pong @b:", "* help @c:", "* bye @d"])
    })
  )
})

/** A chat in which one call of the second connection's socket throws. */
const defective = (method: "pause" | "resume" | "write" | "untaken" | "taken") =>
  Effect.gen(function* () {
    let accepted = 0
    const armed = { now: false, connection: 1 }
    const wrap = (socket: Socket): Socket => {
      const number = accepted++
      return new Proxy(socket, {
        get: (target, key) => {
          const value: unknown = Reflect.get(target, key, target)
          const isArmed = armed.now && number === armed.connection && key === method
          if (isArmed && key === "taken") return Effect.dieMessage("a defect in taken")
          if (typeof value !== "function") return value
          return (...args: ReadonlyArray<unknown>) => {
            if (armed.now && number === armed.connection && key === method) throw new Error(`a defect in ${method}`)
            return Reflect.apply(value, target, args)
          }
        }
      })
    }
    const chat = yield* startMemoryBroker({ ...small, wrap, memory: { bufferBytes: 512 } })
    const bob = yield* chat.join("bob")
    const alice = yield* chat.join("alice")
    return { ...chat, alice, armed, bob }
  })

describe("the end of a connection", () => {
  it.scoped("closes the socket when its fiber is interrupted, and returns what it had", () =>
    Effect.gen(function* () {
      const { broker, interruptAll, join } = yield* startMemoryBroker(small)
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(20).map((text) => `bob: ${text}`))
      yield* alice.barrier
      const stopping = yield* Effect.fork(interruptAll)
      yield* pass(10_000)
      yield* Fiber.join(stopping)
      bob.socket.resume()
      yield* Effect.zipRight(alice.ended, bob.ended)
      yield* broker.idle
      assert.strictEqual((yield* Ref.get(broker.members)).byName.size, 0)
      const { accepted, inFlight, written } = broker.ledger.snapshot()
      assert.deepStrictEqual({ accepted, inFlight, written }, { accepted: 20, inFlight: 0, written: 11 })
    })
  )

  it.scoped("does not leave others waiting when it comes as a defect among those who wait", () =>
    Effect.gen(function* () {
      const { alice, armed, bob, join } = yield* defective("resume")
      const [carol, dave] = [yield* join("carol"), yield* join("dave")]
      bob.socket.pause()
      for (const sender of [alice, carol, dave]) {
        sender.say(...numbered(60).map((text) => `bob: ${text}`))
        yield* settle
      }
      armed.now = true
      bob.socket.resume()
      yield* carol.barrier
      yield* dave.barrier
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("carol", bob.received), range(0, 60))
      assert.deepStrictEqual(numbersFrom("dave", bob.received), range(0, 60))
    })
  )

  it.scoped("is internal-error when it is a defect to wait for its socket, and the senders are told", () =>
    Effect.gen(function* () {
      const { alice, armed, bob, broker, reasons } = yield* defective("taken")
      Object.assign(armed, { now: true, connection: 0 })
      bob.socket.pause()
      alice.say(...numbered(100).map((text) => `bob: ${text}`))
      yield* pass(6_000)
      assert.deepStrictEqual(reasons, ["internal-error"])
      yield* alice.barrier
      assert.isTrue(alice.received.some((line) => line.startsWith("! undelivered bob reason=disconnected")))
      assert.strictEqual(broker.ledger.snapshot().inFlight, 0)
    })
  )

  for (const method of ["pause", "resume", "write"] as const) {
    it.scoped(`is internal-error when its socket throws in ${method}, and others go on`, () =>
      Effect.gen(function* () {
        const { alice, armed, bob, broker, join, reasons } = yield* defective(method)
        const carol = yield* join("carol")
        bob.socket.pause()
        if (method !== "resume") armed.now = true
        if (method === "write") bob.say("alice: hi")
        alice.say(...numbered(100).map((text) => `bob: ${text}`))
        yield* settle
        armed.now = true
        bob.socket.resume()
        yield* pass(6_000)
        yield* alice.ended
        if (method !== "write") assert.deepStrictEqual(reasons, ["internal-error"])
        const count = carol.received.length
        carol.say("bob: are you there", "alice: and you")
        yield* carol.barrier
        yield* bob.barrier
        assert.include(bob.received, "from carol: are you there")
        assert.match(carol.received[count] ?? "", /^! undelivered alice reason=offline: /)
        assert.strictEqual(broker.ledger.snapshot().inFlight, 0)
        const again = yield* join("alice")
        again.say("bob: back")
        yield* again.barrier
      })
    )
  }
})
