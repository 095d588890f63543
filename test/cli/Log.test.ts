import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import { PassThrough, Writable } from "node:stream"
import { LiveSource } from "../../src/chat/Live.js"
import * as Log from "../../src/cli/log/Log.js"
import * as LogFormat from "../../src/cli/log/LogFormat.js"
import * as LogEvent from "../../src/telemetry/LogEvent.js"

const event = Effect.logWarning("half\nempty").pipe(Effect.annotateLogs({ name: "bob", remote: "\x1b[2J", bytes: 7 }))

const written = (format: LogFormat.LogFormat, options: { readonly isTTY?: boolean } = {}) => {
  const stream = Object.assign(new PassThrough(), options)
  return Effect.as(Effect.provide(event, Log.layer(format, stream)), stream).pipe(Effect.map((to) => String(to.read())))
}

/** A stream that takes everything, and what was written to it at a time. */
const recording = () => {
  const written: Array<string> = []
  const stream = new Writable({
    write: (lines: Buffer, _encoding, done) => {
      written.push(String(lines))
      done()
    }
  })
  return { stream, written }
}

describe("Log.layer", () => {
  for (const format of LogFormat.formats) {
    it.live(`writes an event as one line in ${format}`, () =>
      Effect.map(written(format), (text) => {
        assert.match(text, /^[^\n]*bob[^\n]*\n$/u)
        assert.notInclude(text, "\x1b")
      })
    )
  }

  it.live("begins each JSON line with the same keys, whatever the event", () =>
    Effect.map(written("json"), (text) => {
      const { timestamp, ...rest } = JSON.parse(text)
      assert.match(text, /^\{"timestamp":"[^"]+","level":"WARN","fiber":"#\d+","message":"half\\nempty",/u)
      assert.strictEqual(new Date(timestamp).toISOString(), timestamp)
      const facts = { name: "bob", remote: "\x1b[2J", bytes: 7 }
      assert.deepStrictEqual(rest, { level: "WARN", fiber: rest.fiber, message: "half\nempty", ...facts })
    })
  )

  it.scopedLive("writes in colour at a terminal, unless NO_COLOR is set", () =>
    Effect.gen(function* () {
      yield* noColor(undefined)
      assert.include(yield* written("pretty", { isTTY: true }), "\x1b[33mWARN ")
      yield* noColor("1")
      assert.notInclude(yield* written("pretty", { isTTY: true }), "\x1b")
    })
  )

  it.live("leaves events out while the log is not read, and logs how many", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      let taken: (() => void) | undefined = undefined
      const stuck = new Writable({
        decodeStrings: false,
        write: (line: string, _encoding, done) => {
          written.push(line)
          taken = done
        }
      })
      const big = "x".repeat(600_000)
      const layer = Log.layer("logfmt", stuck)
      yield* Effect.provide(
        Effect.gen(function* () {
          for (const text of [big, big, "out", "out"]) yield* Effect.logInfo(text)
          yield* nextTurn
          taken?.()
          yield* Effect.logInfo("in")
          yield* nextTurn
          taken?.()
        }),
        layer
      )
      const lines = written.join("").split("\n")
      assert.deepStrictEqual(
        lines.map((line) => / (?:message=(?:in|"events.* events=2)|message=x+)$/u.test(line)),
        [true, true, true, true, false]
      )
    })
  )

  it.live("writes the events of one turn together, and the last ones when the layer ends", () =>
    Effect.gen(function* () {
      const { stream, written } = recording()
      yield* Effect.provide(
        Effect.gen(function* () {
          for (const text of ["one", "two"]) yield* Effect.logInfo(text)
          yield* nextTurn
          yield* Effect.logInfo("three")
        }),
        Log.layer("logfmt", stream)
      )
      assert.deepStrictEqual(
        written.map((lines) => lines.match(/(?<=message=)\w+/gu)),
        [["one", "two"], ["three"]]
      )
    })
  )

  it.live("writes the events of some milliseconds together, but the first one after a silence at once", () =>
    Effect.gen(function* () {
      const { stream, written } = recording()
      yield* Effect.provide(
        Effect.gen(function* () {
          for (const text of ["one", "two", "three", "four"]) {
            yield* Effect.logInfo(text)
            yield* nextTurn
          }
          yield* Effect.sleep(100)
          yield* Effect.logInfo("five")
          yield* nextTurn
          yield* Effect.sync(() => written.push("message=end"))
        }),
        Log.layer("logfmt", stream)
      )
      assert.deepStrictEqual(
        written.map((lines) => lines.match(/(?<=message=)\w+/gu)),
        [["one"], ["two", "three", "four"], ["five"], ["end"]]
      )
    })
  )

  it.live("leaves nothing out when a turn has more events than may wait, but the stream takes them all", () =>
    Effect.gen(function* () {
      let bytes = 0
      const stream = new Writable({
        write: (lines: Buffer, _encoding, done) => {
          bytes += lines.length
          done()
        }
      })
      const text = "x".repeat(1_000)
      const many = Effect.forEach(Array.from({ length: 2_000 }), () => Effect.logInfo(text), { discard: true })
      yield* Effect.provide(many, Log.layer("logfmt", stream, new LiveSource({ ...Log.defaults, rate: 0 })))
      assert.isAbove(bytes, 2_000_000)
    })
  )

  it.live("quotes values that a reader would otherwise split", () =>
    Effect.gen(function* () {
      const stream = new PassThrough()
      const facts = { remote: "[::1]:80", said: 'a "b" =c', empty: "", count: 7, bidi: "\u202e" }
      yield* Effect.provide(Effect.annotateLogs(Effect.logInfo("hello"), facts), Log.layer("logfmt", stream))
      const line = String(stream.read())
      assert.match(line, / message=hello /u)
      for (const fact of [
        "remote=[::1]:80",
        String.raw`said="a \"b\" =c"`,
        'empty=""',
        "count=7",
        String.raw`bidi="\u{202e}"`
      ]) {
        assert.include(line, ` ${fact}`)
      }
    })
  )

  it.live("does not fail when the stream is closed", () =>
    Effect.gen(function* () {
      const closed = new PassThrough().on("error", () => {})
      closed.destroy()
      const after = Effect.succeed("the program continues")
      const went = Effect.zipRight(Effect.zipRight(event, nextTurn), after)
      assert.strictEqual(yield* Effect.provide(went, Log.layer("logfmt", closed)), "the program continues")
    })
  )

  it.live("leaves out events beyond the rate of their kind, and logs how many", () =>
    Effect.gen(function* () {
      const stream = new PassThrough()
      const settings = new LiveSource({ ...Log.defaults, rate: 3 })
      const events = Effect.gen(function* () {
        // All events fall into one second if it has just begun.
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1005 - (performance.now() % 1000))))
        for (let number = 0; number < 10; number++) yield* Effect.logInfo("often")
        for (let number = 0; number < 3; number++) yield* Effect.logInfo("seldom")
        settings.set({ rate: 0 })
        yield* Effect.logInfo("often")
      })
      yield* Effect.provide(events, Log.layer("logfmt", stream, settings))
      const lines = String(stream.read()).split("\n").slice(0, -1)
      const words = lines.map((line) => / message=(.*)$/u.exec(line)?.[1])
      assert.deepStrictEqual(words.slice(0, 7), ["often", "often", "often", "seldom", "seldom", "seldom", "often"])
      assert.match(words[7] ?? "", /^"events were left out: .*--log-rate" kind=often events=7$/u)
      assert.lengthOf(words, 8)
    })
  )

  it.live("logs how many a second later, even if nothing else is logged", () =>
    Effect.gen(function* () {
      const stream = new PassThrough()
      const told = new Promise<string>((resolve) =>
        stream.on("data", (bytes: Buffer) => {
          if (bytes.includes("left out")) resolve(bytes.toString())
        })
      )
      const events = Effect.gen(function* () {
        for (let number = 0; number < 10; number++) yield* Effect.logInfo("often")
        return yield* Effect.promise(() => told)
      })
      assert.match(
        yield* Effect.provide(events, Log.layer("logfmt", stream, new LiveSource({ ...Log.defaults, rate: 1 }))),
        /events=\d/u
      )
    })
  )

  it.live("collects the facts of an event only if its level is written", () =>
    Effect.gen(function* () {
      const stream = new PassThrough()
      const settings = new LiveSource(Log.defaults)
      const collected: Array<string> = []
      const event = (message: string): LogEvent.LogEvent => ({
        level: LogLevel.Debug,
        message,
        facts: () => ({ number: collected.push(message) }),
        at: 0
      })
      const events = Effect.gen(function* () {
        const log = yield* LogEvent.logger
        yield* LogEvent.log(event("one"))
        log(event("two"))
        settings.set({ level: LogLevel.Debug })
        yield* LogEvent.log(event("three"))
        log(event("four"))
        settings.set({ level: LogLevel.None })
        log(event("five"))
      })
      yield* Effect.provide(Effect.annotateLogs(events, { service: "chat" }), Log.layer("logfmt", stream, settings))
      assert.deepStrictEqual(collected, ["three", "four"])
      const line = /^timestamp=1970-01-01T00:00:00\.000Z level=DEBUG fiber=#\d+ message=(?:three|four) /u
      const lines = String(stream.read()).split("\n").slice(0, -1)
      assert.lengthOf(lines, 2)
      for (const [index, text] of lines.entries()) {
        assert.match(text, line)
        assert.include(text, " service=chat")
        assert.include(text, ` number=${index + 1}`)
      }
    })
  )

  it.live("has a level of its own, which can change", () =>
    Effect.gen(function* () {
      const stream = new PassThrough()
      const settings = new LiveSource(Log.defaults)
      const events = Effect.gen(function* () {
        yield* Effect.logDebug("one")
        settings.set({ level: LogLevel.Debug })
        yield* Effect.logDebug("two")
        settings.set({ level: LogLevel.Error })
        yield* Effect.logWarning("three")
      })
      yield* Effect.provide(events, Log.layer("logfmt", stream, settings))
      assert.match(String(stream.read()), /^\S+ level=DEBUG \S+ message=two\n$/u)
    })
  )
})

const nextTurn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

const set = (value: string | undefined) => {
  if (value === undefined) delete process.env["NO_COLOR"]
  else process.env["NO_COLOR"] = value
}

/** Sets NO_COLOR until the scope ends. The machine that runs the tests may have set it. */
const noColor = (value: string | undefined) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.env["NO_COLOR"]
      set(value)
      return before
    }),
    (before) => Effect.sync(() => set(before))
  )
