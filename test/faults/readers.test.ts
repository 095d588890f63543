import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Certificates from "../support/Certificates.js"
import { clientsThatNeverRead, noPerl } from "../support/OtherProcesses.js"
import { faultTest, received, type FaultTestOptions } from "../support/FaultTest.js"

/** Kernels buffer megabytes for a socket that is not read, so the floods are larger than that. */
const pad = "x".repeat(30_000)

/** Labelled lines, so that the sender learns what becomes of each. */
const flood = (to: string, count: number) =>
  Array.from({ length: count }, (_, i) => `@${i} ${to}: ${i} ${pad}\n`).join("")

/** The outcomes that the sender got, by recipient: how many lines had each. No line may have two. */
const outcomes = (lines: ReadonlyArray<string>) => {
  const seen = new Set<string>()
  const counts = new Map<string, Map<string, number>>()
  for (const line of lines) {
    const [, label, names, reason = "written"] =
      /^[*!] (?:written|undelivered) @(\S+) ([^:=]+?)(?: reason=(\w+).*?)?: /.exec(line) ?? []
    for (const name of names?.split(", ") ?? []) {
      assert.isFalse(seen.has(`${label} ${name}`), `two outcomes: ${line}`)
      seen.add(`${label} ${name}`)
      const of = counts.get(name) ?? new Map<string, number>()
      counts.set(name, of.set(reason, (of.get(reason) ?? 0) + 1))
    }
  }
  return counts
}

const sum = (counts: ReadonlyMap<string, number> | undefined) =>
  [...(counts?.values() ?? [])].reduce((a, b) => a + b, 0)

/** The numbers of the flood's lines among these. They must be complete and in order. */
const numbers = (lines: ReadonlyArray<string>) =>
  lines.map((line) => {
    assert.isTrue(line.startsWith("from sender: ") && line.endsWith(pad))
    return Number.parseInt(line.slice("from sender: ".length), 10)
  })

const isRising = (values: ReadonlyArray<number>) => values.every((value, i) => i === 0 || value > (values[i - 1] ?? 0))

const transports: ReadonlyArray<readonly [string, FaultTestOptions]> = [
  ["", {}],
  [" over TLS", { tls: Certificates.pair("server") }]
]

const quick = ["--hold-timeout", "300ms", "--stall-timeout", "1s"]

// Side by side, because they wait for most of their time.
describe.concurrent("a reader that does not keep up", () => {
  faultTest("never reads, with a receive buffer of 4 KB", { args: quick, impossible: noPerl }, (server) =>
    Effect.gen(function* () {
      yield* clientsThatNeverRead(server.port, ["deaf"])
      const sender = yield* server.greet("sender")
      const began = performance.now()
      yield* sender.send(flood("deaf", 400))
      yield* server.closed(1, "slow-consumer")
      assert.isAbove(performance.now() - began, 1_000, "the hold timeout had not passed")
      const counts = outcomes(yield* received(sender)).get("deaf")
      // What the kernel took, what was refused while the reader was jammed, and what was returned in the end.
      assert.strictEqual(sum(counts), 400)
      assert.isAbove(counts?.get("written") ?? 0, 0)
      assert.isAbove(counts?.get("busy") ?? 0, 0)
      assert.isAbove(counts?.get("slow") ?? 0, 0)
      yield* sender.send("deaf: still there?\n")
      yield* sender.expect("! undelivered deaf reason=offline")
      return ({ returned }) => assert.strictEqual(returned, 401 - (counts?.get("written") ?? 0))
    })
  )

  faultTest("fifty are stuck at once", { args: quick, impossible: noPerl, peakMegabytes: 200 }, (server) =>
    Effect.gen(function* () {
      const names = Array.from({ length: 50 }, (_, i) => `deaf${i}`)
      yield* clientsThatNeverRead(server.port, names)
      const sender = yield* server.greet("sender")
      const other = yield* server.join("other")
      yield* sender.send(flood(names.join(", "), 150))
      // A line to a stuck client and to one that reads reaches the latter while the former is jammed.
      yield* other.send("deaf0, other: are you there?\n")
      yield* other.until("the own line", () =>
        other.lines.some((line) => line.startsWith("from other")) ? true : undefined
      )
      yield* server.closed(50, "slow-consumer")
      // The broker handles one departure in a turn, and a `/ping` before those that wait: its reply says nothing of
      // outcomes.
      yield* sender.until("that all have left", () =>
        sender.lines.filter((line) => line.startsWith("* left deaf")).length === 50 ? true : undefined
      )
      const counts = outcomes(yield* received(sender))
      for (const name of names) assert.strictEqual(sum(counts.get(name)), 150, name)
    })
  )

  for (const [over, options] of transports) {
    faultTest(`reads 100 KB a second${over}`, options, (server) =>
      Effect.gen(function* () {
        const slow = yield* server.join("slow")
        const sender = yield* server.greet("sender")
        slow.pace = 100_000
        yield* sender.send(flood("slow", 500))
        yield* slow.until("400 KB", () => (slow.bytesReceived > 400_000 ? true : undefined))
        slow.pace = Infinity
        // The reader was slow, but never stopped: everything arrives except what was refused as busy.
        const counts = outcomes(yield* sender.takeLines(500)).get("slow")
        const written = counts?.get("written") ?? 0
        const lines = yield* slow.takeLines(written)
        assert.isTrue(isRising(numbers(lines)))
        assert.strictEqual(written + (counts?.get("busy") ?? 0), 500)
        yield* slow.barrier
        assert.strictEqual(server.closings("slow-consumer"), 0)
      })
    )

    faultTest(
      `half-closes with megabytes queued for it${over}`,
      { ...options, args: ["--outbox-bytes", "20MiB"] },
      (server) =>
        Effect.gen(function* () {
          const writer = yield* server.join("writer")
          const sender = yield* server.greet("sender")
          yield* writer.pause
          yield* sender.send(`${flood("writer", 500)}/ping\n`)
          yield* sender.until("the answer", () => (sender.lines.includes("* pong: ") ? true : undefined))
          yield* writer.send("sender: my last words")
          yield* writer.end
          yield* sender.until("the last words", () =>
            sender.lines.includes("from writer: my last words") ? true : undefined
          )
          yield* sender.send("writer: too late\n")
          yield* sender.until("the answer", () =>
            sender.lines.find((line) => line.startsWith("! undelivered writer reason=offline"))
          )
          yield* writer.resume
          assert.deepStrictEqual(
            numbers(yield* writer.rest),
            Array.from({ length: 500 }, (_, i) => i)
          )
          yield* server.closed(1, "left")
          const counts = outcomes(yield* received(sender)).get("writer")
          assert.deepStrictEqual([...(counts ?? [])], [["written", 500]])
        })
    )

    faultTest(`takes nothing at all${over}`, { ...options, args: quick }, (server) =>
      Effect.gen(function* () {
        const still = yield* server.join("still")
        const sender = yield* server.greet("sender")
        yield* still.pause
        yield* sender.send(flood("still", 500))
        yield* server.closed(1, "slow-consumer")
        const counts = outcomes(yield* received(sender)).get("still")
        assert.strictEqual(sum(counts), 500)
        assert.isAbove(counts?.get("slow") ?? 0, 0)
        // Exactly the lines reported as written can be read now, and perhaps the beginning of one more.
        yield* still.resume
        yield* still.closed
        assert.isAtLeast(still.lines.length, counts?.get("written") ?? 0)
        assert.isTrue(isRising(numbers(still.lines)))
      })
    )
  }
})
