import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { PassThrough, Writable } from "node:stream"
import * as Listening from "../../src/client/Listening.js"
import * as Pipe from "../../src/client/Pipe.js"
import * as CountingServer from "../support/CountingServer.js"
import { eventually } from "../support/Eventually.js"

/** Long enough for an acknowledgement that should not come. */
const moment = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 100)))

const messages = (count: number, start = 1) => Array.from({ length: count }, (_, at) => `from bob: ${start + at}`)

const printed = (output: PassThrough) => String(output.read())

/** An output that takes nothing until the test says so. */
const blockedOutput = () => {
  const waiting: Array<() => void> = []
  let isBlocked = true
  let text = ""
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString("latin1")
      if (isBlocked) waiting.push(done)
      else done()
    }
  })
  const takes = Effect.sync(() => waiting.shift()?.())
  const opens = Effect.sync(() => {
    isBlocked = false
    for (const done of waiting.splice(0)) done()
  })
  return { output, takes, opens, text: () => text }
}

/** Sends three messages to a client with a blocked output, which must acknowledge each once the output has taken it. */
const acknowledgesOnlyWhatIsTaken = (
  server: Effect.Effect.Success<ReturnType<typeof CountingServer.make>>,
  { opens, takes }: ReturnType<typeof blockedOutput>
) =>
  Effect.gen(function* () {
    yield* server.says(...messages(1))
    yield* moment
    assert.strictEqual(server.acknowledged(), 0)
    yield* takes
    yield* server.acknowledges(1)
    yield* server.says(...messages(2, 2))
    yield* moment
    assert.strictEqual(server.acknowledged(), 1)
    yield* opens
    yield* server.acknowledges(3)
  })

const listen = (
  server: { readonly socket: Listening.ListeningOptions["socket"] },
  options: Partial<Listening.ListeningOptions> = {}
) => {
  const output = new PassThrough()
  const warnings: Array<string> = []
  const run = Listening.run({
    socket: server.socket,
    login: "alice",
    from: [],
    count: undefined,
    json: false,
    reconnect: false,
    output,
    report: () => Effect.void,
    warn: (line) => warnings.push(line),
    ...options
  })
  return { output, run, warnings }
}

const connect = (
  server: { readonly socket: Listening.ListeningOptions["socket"] },
  output: Writable = new PassThrough()
) => {
  const [input, refusals] = [new PassThrough(), new PassThrough()]
  return {
    input,
    output: output as PassThrough,
    run: Pipe.run({ socket: server.socket, login: "alice", input, output, refusals })
  }
}

describe("Listening", () => {
  it.scopedLive("acknowledges what the output has taken since the server's hello, and prints no notice", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make("from bob: early")
      const { output, run, warnings } = listen(server)
      yield* Effect.fork(run)
      yield* server.hears(/^\/hello ack$/u)
      yield* server.says("* joined bob: has joined", ...messages(2), "* left bob: has left")
      yield* server.acknowledges(2)
      yield* moment
      assert.strictEqual(server.acknowledged(), 2)
      assert.strictEqual(printed(output), "from bob: early\nfrom bob: 1\nfrom bob: 2\n")
      assert.deepStrictEqual(warnings, [])
    })
  )

  it.scopedLive("does not acknowledge while the output is blocked", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const blocked = blockedOutput()
      const { run } = listen(server, { output: blocked.output })
      yield* Effect.fork(run)
      yield* server.hears(/^\/hello ack$/u)
      yield* acknowledgesOnlyWhatIsTaken(server, blocked)
    })
  )

  it.scopedLive("counts the messages that --from leaves out", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const { output, run } = listen(server, { from: ["carol"] })
      yield* Effect.fork(run)
      yield* server.hears(/^\/hello ack$/u)
      yield* server.says(...messages(2), "from carol: hi", ...messages(3))
      yield* server.acknowledges(6)
      assert.strictEqual(printed(output), "from carol: hi\n")
    })
  )

  it.scopedLive("acknowledges as many messages as --count, and then leaves", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const { output, run } = listen(server, { count: 2 })
      const running = yield* Effect.fork(run)
      yield* server.hears(/^\/hello ack$/u)
      yield* server.says(...messages(5))
      yield* server.ended
      assert.strictEqual(server.heard.at(-1), "/ack 2")
      yield* server.end
      yield* Fiber.join(running)
      assert.strictEqual(printed(output), "from bob: 1\nfrom bob: 2\n")
    })
  )

  it.scopedLive("acknowledges what was printed when it is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const { opens, output, text } = blockedOutput()
      yield* opens
      const { run } = listen(server, { output })
      const running = yield* Effect.fork(run)
      yield* server.hears(/^\/hello ack$/u)
      yield* server.says(...messages(1))
      yield* server.acknowledges(1)
      yield* server.says(...messages(2, 2))
      yield* eventually(() => text().includes("bob: 3"), "nothing was printed")
      yield* Fiber.interrupt(running)
      yield* server.ended
      assert.strictEqual(server.heard.at(-1), "/ack 3")
    })
  )
})

describe("Pipe", () => {
  it.scopedLive("acknowledges the messages that the output has taken since the server's hello", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make("from bob: 0")
      const { output, run } = connect(server)
      yield* Effect.fork(run)
      yield* server.hears(/^\/ping /u)
      yield* server.says(
        "from bob: 1",
        "! undelivered x reason=offline: no",
        "* joined carol: has joined",
        "from bob: 2"
      )
      yield* server.acknowledges(2)
      yield* server.says(...messages(300, 3))
      yield* server.acknowledges(302)
      assert.strictEqual(
        printed(output),
        messages(303, 0)
          .map((line) => `${line}\n`)
          .join("")
      )
    })
  )

  it.scopedLive("never cuts a line of the input in two", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const { input, run } = connect(server)
      const running = yield* Effect.fork(run)
      yield* server.hears(/^\/ping /u)
      const long = "x".repeat(200_000)
      for (const [number, part] of ["bob: o", "ne\nbob: ", `two\nbob: ${long}`, "\nbob: four"].entries()) {
        input.write(part)
        yield* server.says(...messages(1, number))
        yield* moment
      }
      yield* server.acknowledges(4)
      input.end()
      yield* server.hears(/^\/quit$/u)
      yield* server.says("* bye reason=quit: goodbye")
      yield* server.end
      yield* Fiber.join(running)
      const sent = server.heard.filter((line) => !line.startsWith("/"))
      assert.deepStrictEqual(sent, ["alice", "bob: one", "bob: two", `bob: ${long}`, "bob: four"])
    })
  )

  it.scopedLive("shows notices once the user has asked for them", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const { input, output, run } = connect(server)
      yield* Effect.fork(run)
      yield* server.hears(/^\/ping /u)
      input.write("/hello\n")
      yield* server.hears(/^\/hello$/u)
      yield* server.says("* joined carol: has joined", "from bob: 1")
      yield* server.acknowledges(1)
      assert.match(printed(output), /^\* hello achat=1[^\n]*\n\* joined carol: has joined\nfrom bob: 1\n$/u)
    })
  )

  it.scopedLive("does not acknowledge while the output is blocked, and acknowledges after its /quit", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const blocked = blockedOutput()
      const { input, run } = connect(server, blocked.output)
      const running = yield* Effect.fork(run)
      yield* server.hears(/^\/ping /u)
      input.end()
      yield* server.hears(/^\/quit$/u)
      yield* acknowledgesOnlyWhatIsTaken(server, blocked)
      yield* server.says("* bye reason=quit: goodbye")
      yield* server.end
      assert.deepStrictEqual(yield* Fiber.join(running), { _tag: "Left" })
    })
  )
})
