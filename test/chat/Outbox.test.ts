import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import { assert } from "vitest"
import { Budget } from "../../src/chat/Budget.js"
import type { Batch } from "../../src/chat/Batch.js"
import { Outbox } from "../../src/chat/Outbox.js"
import type { Bounds } from "../../src/chat/OutboxLoad.js"
import type { Source } from "../../src/chat/Source.js"

/** One line of a batch. The sender is a word; undefined is the server itself. */
interface Line {
  readonly text: string
  readonly sender: string | undefined
  readonly label: string | undefined
}

const nameOf = (sender: string | Source | undefined) => {
  assert.isFalse(typeof sender === "object", "no line comes from a log")
  return sender as string | undefined
}

/** The lines of a batch, as the batch describes them. */
const linesOf = (batch: Batch<string>): ReadonlyArray<Line> => {
  const texts = batch.text.split("\n").slice(0, -1)
  assert.strictEqual(texts.length, batch.lines, "as many lines as it says")
  assert.strictEqual(batch.counts.length, batch.senders.length, "the runs are parallel")
  if (batch.labels !== undefined) assert.strictEqual(batch.labels.length, batch.senders.length)
  const owners = batch.senders.flatMap((sender, run) =>
    Array.from({ length: batch.counts[run] ?? 0 }, () => ({ sender: nameOf(sender), label: batch.labels?.[run] }))
  )
  assert.strictEqual(owners.length, texts.length, "each line has an owner")
  return texts.map((text, index) => ({ text, sender: owners[index]?.sender, label: owners[index]?.label }))
}

const make = (given: Pick<Bounds, "lines" | "bytes">, budget = new Budget(1_000_000_000)) =>
  new Outbox<string>({ outcomes: 1_000, budget, ...given })

/** Takes the next batch, as the writer does. */
const take = <Sender>(outbox: Outbox<Sender>): Effect.Effect<Batch<Sender>> =>
  Effect.suspend(() => {
    const batch = outbox.ready()
    return batch === undefined ? outbox.next({ go: Effect.succeed, write: Effect.succeed }) : Effect.succeed(batch)
  })

const roomy = { lines: 100_000, bytes: 10_000_000 }

const putAll = (outbox: Outbox<string>, lines: ReadonlyArray<Line>) => {
  for (const { label, sender, text } of lines) {
    if (sender === undefined) outbox.reply(`${text}\n`, 1)
    else outbox.put(`${text}\n`, 1, sender, label)
  }
}

/** Makes a batch as the broker does. */
const batchOf = (lines: ReadonlyArray<Line>): Batch<string> =>
  Effect.runSync(
    Effect.gen(function* () {
      const outbox = make(roomy)
      putAll(outbox, lines)
      return yield* take(outbox)
    })
  )

const anyLine: FastCheck.Arbitrary<Line> = FastCheck.record({
  text: FastCheck.constantFrom("", "a", "from a: hi", "0123456789"),
  sender: FastCheck.constantFrom("alice", "bob", "carol", undefined),
  label: FastCheck.constantFrom(undefined, undefined, "k1", "k2")
  // the server's own lines have no labels
}).map((line) => (line.sender === undefined ? { ...line, label: undefined } : line))

const returnsOf = (lines: ReadonlyArray<Line>) => lines.filter(({ sender }) => sender === undefined).length

describe("Batch", () => {
  it("counts consecutive lines of one sender together, but labelled ones separately", () => {
    const unlabelled = ["a", "a", "b", "a"].map((sender) => ({ text: "x", sender, label: undefined }))
    assert.deepStrictEqual(batchOf(unlabelled).counts, [2, 1, 1])
    assert.isUndefined(batchOf(unlabelled).labels)
    const labelled = ["k", "k", undefined].map((label) => ({ text: "x", sender: "a", label }))
    const batch = batchOf([...unlabelled, ...labelled])
    assert.deepStrictEqual(batch.counts, [2, 1, 1, 1, 1, 1])
    assert.deepStrictEqual(batch.labels, [undefined, undefined, undefined, "k", "k", undefined])
  })

  it("splits at every byte without losing, duplicating or reordering a line", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(anyLine, { minLength: 1, maxLength: 8 }), (lines) => {
        const whole = batchOf(lines)
        const { text } = whole
        for (let bytes = -1; bytes <= text.length + 1; bytes++) {
          const rest = batchOf(lines)
          const head = rest.splitAt(bytes, 0)
          assert.strictEqual(head.text + rest.text, text)
          assert.deepStrictEqual([...linesOf(head), ...linesOf(rest)], [...lines], `at ${bytes}`)
          assert.isAtMost(head.text.length, Math.max(0, bytes), "no line that was not taken whole")
          const next = text.indexOf("\n", head.text.length) + 1
          if (next > 0) assert.isAbove(next, bytes, "every line that was taken whole")
          assert.strictEqual(head.returns + rest.returns, returnsOf(lines))
          for (let least = 0; least <= lines.length; least++) {
            const remaining = batchOf(lines)
            const first = remaining.splitAt(bytes, least)
            assert.strictEqual(first.lines, Math.max(head.lines, least))
            assert.deepStrictEqual([...linesOf(first), ...linesOf(remaining)], [...lines])
          }
        }
      }),
      { numRuns: 100 }
    )
  })
})

describe("Outbox", () => {
  it.effect("hands the lines of one turn to an idle writer as one batch", () =>
    Effect.gen(function* () {
      const outbox = make(roomy)
      const writer = yield* Effect.fork(take(outbox))
      yield* Effect.yieldNow()
      putAll(outbox, [
        { text: "1", sender: "alice", label: undefined },
        { text: "2", sender: "bob", label: "k" }
      ])
      yield* Effect.yieldNow()
      assert.isNull(writer.unsafePoll(), "the turn is not over")
      outbox.flush()
      const batch = yield* Fiber.join(writer)
      assert.strictEqual(batch.text, "1\n2\n")
      assert.strictEqual(outbox.inHand, batch)
    })
  )

  it.effect("has an idle writer write at the end of a turn, and wakes it only for what is left to do", () =>
    Effect.gen(function* () {
      const outbox = make(roomy)
      const written: Array<string> = []
      const write = (batch: Batch<string>) => {
        written.push(batch.text)
        outbox.taken(batch)
        return batch.text === "3\n" ? Effect.succeed("over") : undefined
      }
      const writer = yield* Effect.fork(outbox.next({ go: () => Effect.die("woken in the middle of a turn"), write }))
      yield* Effect.yieldNow()
      for (const text of ["1", "2"]) {
        outbox.put(`${text}\n`, 1, "alice", undefined)
        outbox.flush()
        assert.strictEqual(written.at(-1), `${text}\n`, "before the flush returns")
        assert.isUndefined(outbox.inHand)
        yield* Effect.yieldNow()
        assert.isNull(writer.unsafePoll(), "it waits for the next batch")
      }
      outbox.reply("3\n", 0)
      outbox.flush()
      assert.strictEqual(yield* Fiber.join(writer), "over")
    })
  )

  it.effect("collects lines while the writer is busy", () =>
    Effect.gen(function* () {
      const outbox = make(roomy)
      for (const text of ["1", "2", "3"]) {
        outbox.put(`${text}\n`, 1, "alice", undefined)
        outbox.flush()
      }
      assert.strictEqual((yield* take(outbox)).text, "1\n2\n3\n")
    })
  )

  it.effect("gives the writer every line in order, however lines are put, flushed and taken", () =>
    Effect.gen(function* () {
      const big = "x".repeat(30_000) // three of these make a batch large enough to be handed over without a flush
      const anyStep = FastCheck.oneof(
        FastCheck.constantFrom("put", "put", "big", "big", "flush", "take"),
        FastCheck.constant("take")
      )
      for (const steps of FastCheck.sample(FastCheck.array(anyStep, { minLength: 20, maxLength: 80 }), 100)) {
        const outbox = make({ lines: 1_000, bytes: 200_000 })
        const put = new Array<string>()
        const taken = new Array<string>()
        let writer = yield* Effect.fork(take(outbox))
        const write = Effect.gen(function* () {
          yield* Effect.yieldNow()
          const exit = writer.unsafePoll()
          if (exit === null) return
          const batch = yield* exit
          taken.push(...batch.text.split("\n").slice(0, -1))
          outbox.taken(batch)
          writer = yield* Effect.fork(take(outbox))
        })
        for (const step of steps) {
          if (step === "flush") outbox.flush()
          else if (step === "take") yield* write
          else {
            put.push(`${put.length}${step === "big" ? big : ""}`)
            outbox.put(`${put.at(-1)}\n`, 1, "alice", undefined)
          }
        }
        outbox.flush()
        for (let left = steps.length; left >= 0; left--) yield* write
        assert.deepStrictEqual(taken, put)
        assert.deepStrictEqual([outbox.lines, outbox.bytes], [0, 0])
        yield* Fiber.interrupt(writer)
      }
    })
  )

  describe("is full", () => {
    it.effect("above its limit of lines, and has room again at half of it", () =>
      Effect.gen(function* () {
        const outbox = make({ lines: 4, bytes: 10_000 })
        const lines = new Array<Batch<string>>()
        for (let line = 1; line <= 5; line++) {
          outbox.put("x\n", 1, "alice", undefined)
          lines.push(yield* take(outbox))
          assert.strictEqual(outbox.isFull, line > 4, `${line} lines`)
        }
        outbox.hold("alice")
        const room = lines.map((batch) => outbox.taken(batch))
        assert.deepStrictEqual(room, [false, false, true, false, false], "at 4, 3, 2, 1, 0 lines: told once")
        assert.isFalse(outbox.isFull)
      })
    )

    it.effect("above its limit of bytes, and has room again at half of it", () =>
      Effect.gen(function* () {
        const outbox = make({ lines: 10_000, bytes: 40 })
        const lines = new Array<Batch<string>>()
        for (let line = 1; line <= 5; line++) {
          outbox.put("123456789\n", 1, "alice", undefined)
          lines.push(yield* take(outbox))
          assert.strictEqual(outbox.isFull, line > 4, `${line} lines of 10 bytes`)
        }
        outbox.hold("alice")
        const full = lines.map((batch) => {
          outbox.taken(batch)
          return outbox.isFull
        })
        assert.deepStrictEqual(full, [true, true, false, false, false])
      })
    )

    it("has room for exactly its limits", () => {
      const outbox = make({ lines: 4, bytes: 100 })
      outbox.put("0123456789\n", 1, "alice", undefined)
      assert.isTrue(outbox.hasRoom(89, 3))
      assert.isFalse(outbox.hasRoom(90, 3), "a byte too many")
      assert.isFalse(outbox.hasRoom(89, 4), "a line too many")
      outbox.put(`${"x".repeat(100)}\n`, 1, "alice", undefined)
      assert.isFalse(outbox.hasRoom(0, 0), "it is full")
    })

    it.effect("with the server's own lines as well", () =>
      Effect.sync(() => {
        const outbox = make({ lines: 2, bytes: 10_000 })
        for (let line = 1; line <= 3; line++) {
          outbox.reply("x\n", 0)
          assert.strictEqual(outbox.isFull, line > 2)
        }
      })
    )

    it.effect("and notifies no sender of room if none waits", () =>
      Effect.gen(function* () {
        const outbox = make({ lines: 1, bytes: 10_000 })
        outbox.put("x\n", 1, "alice", undefined)
        outbox.put("x\n", 1, "alice", undefined)
        assert.isTrue(outbox.isFull)
        assert.isFalse(outbox.taken(yield* take(outbox)))
        assert.isFalse(outbox.isFull)
      })
    )
  })

  describe("ends", () => {
    it.effect("after its contents, with a batch that says so, and only once", () =>
      Effect.gen(function* () {
        const outbox = make(roomy)
        outbox.put("1\n", 1, "alice", undefined)
        outbox.end("left")
        outbox.end("quit")
        const batch = yield* take(outbox)
        assert.strictEqual(batch.text, "1\n")
        assert.isTrue(batch.isLast)
        assert.strictEqual(outbox.ended, "left")
        assert.isFalse(outbox.isBroken)
      })
    )

    it.effect("with an empty last batch if it is empty", () =>
      Effect.gen(function* () {
        const outbox = make(roomy)
        const writer = yield* Effect.fork(take(outbox))
        yield* Effect.yieldNow()
        outbox.end("left")
        const batch = yield* Fiber.join(writer)
        assert.deepStrictEqual([batch.text, batch.isLast], ["", true])
      })
    )

    it.effect("as broken even if it had ended before; the first break counts", () =>
      Effect.gen(function* () {
        const outbox = make(roomy)
        const writer = yield* Effect.fork(take(outbox))
        yield* Effect.yieldNow()
        outbox.end("left")
        outbox.break("slow-consumer")
        outbox.break("connection-lost")
        yield* Fiber.join(writer)
        assert.strictEqual(outbox.ended, "slow-consumer")
        assert.isTrue(outbox.isBroken)
      })
    )
  })

  it.effect(
    "returns everything when its writer ends early: the batch in hand, queued and open ones, and later lines",
    () =>
      Effect.gen(function* () {
        const runs = FastCheck.sample(
          FastCheck.record({
            before: FastCheck.array(anyLine, { maxLength: 6 }),
            big: FastCheck.nat(8),
            between: FastCheck.array(anyLine, { maxLength: 6 }),
            later: FastCheck.array(anyLine, { maxLength: 6 }),
            takes: FastCheck.nat(3),
            parked: FastCheck.boolean(),
            end: FastCheck.constantFrom("end" as const, "break" as const, undefined)
          }),
          200
        )
        for (const { before, between, big, end, later, parked, takes } of runs) {
          const outbox = make({ lines: 1_000, bytes: 200_000 })
          const batches = new Array<Batch<string>>()
          const writer = parked ? yield* Effect.fork(take(outbox)) : undefined
          yield* Effect.yieldNow()
          const bigLines = Array.from({ length: big }, () => ({
            text: "x".repeat(40_000),
            sender: "big",
            label: undefined
          }))
          putAll(outbox, before)
          outbox.flush()
          putAll(outbox, [...bigLines, ...between])
          outbox.flush()
          if (end !== undefined) outbox[end]("connection-lost")
          yield* Effect.yieldNow()
          const first = writer?.unsafePoll()
          if (writer !== undefined && first === null) yield* Fiber.interrupt(writer)
          else if (first !== undefined && first !== null) batches.push(yield* first)
          for (let taking = 0; taking < takes && outbox.lines > 0 && batches.at(-1)?.isLast !== true; taking++) {
            const taken = batches.reduce((sum, batch) => sum + batch.lines, 0)
            if (taken < outbox.lines) batches.push(yield* take(outbox))
          }
          batches.push(...outbox.leftOver())
          putAll(outbox, later)
          outbox.flush()
          batches.push(...outbox.abandon())
          assert.deepStrictEqual(batches.flatMap(linesOf), [...before, ...bigLines, ...between, ...later])
          assert.deepStrictEqual(outbox.abandon(), [])
        }
      })
  )
})
