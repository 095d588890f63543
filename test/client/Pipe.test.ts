import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import { PassThrough, type Readable } from "node:stream"
import { LineCutter } from "../../scripts/line-client.mjs"
import * as Pipe from "../../src/client/Pipe.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"

const run = (
  serve: (socket: Net.Socket) => void,
  options: { readonly input?: Readable; readonly isTTY?: boolean } = {}
) =>
  Effect.gen(function* () {
    const address = yield* FakeServer.make(serve)
    const output = Object.assign(new PassThrough(), { isTTY: options.isTTY === true })
    const refusals = Object.assign(new PassThrough(), { isTTY: options.isTTY === true })
    const ending = yield* Pipe.run({
      socket: Tcp.connect(address),
      login: undefined,
      input: options.input ?? ended("alice\n"),
      output,
      refusals
    })
    return { ending, output: String(output.read() ?? ""), refusals: String(refusals.read() ?? "") }
  })

const ended = (text: string) => {
  const input = new PassThrough()
  input.end(text)
  return input
}

const open = () => new PassThrough()

/** Answers with the given text at the client's end, and closes. */
const answering = (text: string | Uint8Array) => (socket: Net.Socket) => {
  socket.resume()
  socket.on("end", () => socket.end(text))
}

/** Sends the given text before it confirms that it took everything, as a server does that answers commands. */
const confirming = (text: string) => (socket: Net.Socket) =>
  onLine(socket, (line) => {
    if (line.startsWith("/ping ")) socket.write(`* pong: ${line.slice("/ping ".length)}\n`)
    if (line === "/quit") socket.end(`${text}* bye reason=quit: goodbye\n`)
  })

const onLine = (socket: Net.Socket, take: (line: string) => void) => {
  const cutter = new LineCutter(take)
  socket.setEncoding("utf8").on("data", (text: string) => cutter.push(text))
}

/**
 * Accepts `allowed` lines of a client and refuses the others, as under a rate limit. After the refusal of a command,
 * one more line is accepted, as if time had passed.
 */
const limiting = (allowed: number, received: Array<string>) => (socket: Net.Socket) => {
  let left = allowed
  onLine(socket, (line) => {
    left -= 1
    if (left < 0) {
      left = line.startsWith("/") ? 1 : 0
      return void socket.write("! slow-down retry=5: wait\n")
    }
    received.push(line.replace(/^(\/\S+) .*/u, "$1"))
    if (line === "/hello ack") socket.write("* hello achat=1 on=ack: hi\n")
    if (line.startsWith("/ping ")) socket.write(`* pong: ${line.slice("/ping ".length)}\n`)
    if (line === "/quit") socket.end("* bye reason=quit: goodbye\n")
  })
}

describe.concurrent("Pipe.run", () => {
  it.scopedLive("passes bytes through unchanged if the output is not a terminal", () =>
    Effect.gen(function* () {
      const { ending, output } = yield* run(answering("from bob: \x1b[2J\u202e\r\nno end\n"))
      assert.strictEqual(output, "from bob: \x1b[2J\u202e\r\nno end\n")
      assert.deepStrictEqual(ending, { _tag: "Left" })
    })
  )

  for (const cut of ["from bob: the build is br", "! undelivered bo", "* bye reason=quit: goodbye", "x".repeat(600)]) {
    it.scopedLive(`drops a last line without its LF, and takes the connection for lost: ${cut.slice(0, 30)}`, () =>
      Effect.gen(function* () {
        const { ending, output, refusals } = yield* run(answering(`from bob: hi\n! no: x\n${cut}`))
        assert.strictEqual(output, "from bob: hi\n")
        assert.strictEqual(refusals, "! no: x\n")
        assert.strictEqual(ending._tag, "Lost")
      })
    )
  }

  it.scopedLive("escapes control characters on both outputs if they are terminals", () =>
    Effect.gen(function* () {
      const text = "from bob: \x1b[2J ü\n! bad-line: \x07\n"
      const { output, refusals } = yield* run(answering(text), { isTTY: true })
      assert.strictEqual(output, "from bob: \\x1b[2J ü\n")
      assert.strictEqual(refusals, "! bad-line: \\x07\n")
    })
  )

  it.scopedLive("keeps characters whole that are split across two reads", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from("from bob: 👋\u202e\n")
      const { output } = yield* run(
        (socket) => {
          socket.resume()
          const send = (at: number): void => {
            if (at === bytes.length) socket.end()
            else socket.write(bytes.subarray(at, at + 1), () => setImmediate(() => send(at + 1)))
          }
          send(0)
        },
        { isTTY: true }
      )
      assert.strictEqual(output, "from bob: 👋\\u{202e}\n")
    })
  )

  it.scopedLive("reports that the server refused something", () =>
    Effect.gen(function* () {
      const { ending, output, refusals } = yield* run(confirming("from bob: hi\n! undelivered x reason=offline: no\n"))
      assert.deepStrictEqual(ending, { _tag: "Refused" })
      assert.strictEqual(output, "from bob: hi\n")
      assert.strictEqual(refusals, "! undelivered x reason=offline: no\n")
    })
  )

  it.scopedLive("distinguishes a refused login from a server that went away", () =>
    Effect.gen(function* () {
      const refused = yield* run((socket) => socket.end("! login-in-use bob fatal: taken\n"), { input: open() })
      assert.deepStrictEqual(refused.ending, { _tag: "Refused" })
      const closed = yield* run((socket) => socket.end("! bad-line: no\n"), { input: open() })
      assert.deepStrictEqual(closed.ending, { _tag: "Closed" })
    })
  )

  it.scopedLive("accepts the answer to /quit as proof of an end in order", () =>
    Effect.gen(function* () {
      const { ending } = yield* run((socket) => socket.end("* bye reason=quit: goodbye\n"), { input: open() })
      assert.deepStrictEqual(ending, { _tag: "Left" })
      const shutdown = yield* run((socket) => socket.end("* bye reason=shutdown: goodbye\n"), { input: open() })
      assert.deepStrictEqual(shutdown.ending, { _tag: "Closed" })
    })
  )

  it.scopedLive("does not trust an end in order from a server that answers commands", () =>
    Effect.gen(function* () {
      const { ending } = yield* run((socket) =>
        onLine(socket, (line) => {
          if (!line.startsWith("/ping ")) return
          socket.write(`* pong: ${line.slice("/ping ".length)}\n`)
          if (!line.endsWith(" 0")) socket.end()
        })
      )
      assert.deepStrictEqual(ending, { _tag: "Unconfirmed" })
    })
  )

  it.scopedLive("hides the answers to its own commands, and shows those to commands of the user", () =>
    Effect.gen(function* () {
      const quiet = yield* run(confirming(""), { input: ended("alice\nbob: hi") })
      assert.deepStrictEqual(quiet, { ending: { _tag: "Left" }, output: "", refusals: "" })
      const loud = yield* run(
        (socket) =>
          onLine(socket, (line) => {
            if (line.startsWith("/ping ")) socket.write(`* pong: ${line.slice("/ping ".length)}\n`)
            // What follows the user's own /quit is not heard.
            if (line === "/quit") socket.end("* bye reason=quit: goodbye\n")
          }),
        { input: ended("alice\n/ping mine\n/quit\n") }
      )
      assert.deepStrictEqual(loud, {
        ending: { _tag: "Left" },
        output: "* pong: mine\n* bye reason=quit: goodbye\n",
        refusals: ""
      })
    })
  )

  it.scopedLive("distinguishes refusals of its own commands from those of the user's lines at every rate", () =>
    Effect.gen(function* () {
      const input = ["alice", "bob: 1", "bob: 2", "bob: 3"]
      // The login, the hello and the first ping count, too.
      const expected = [
        [1, ["alice", "/ping"], 3], // the hello was refused, and time has passed with it
        [2, ["alice", "/hello", "bob: 1"], 2],
        [3, ["alice", "/hello", "/ping"], 3],
        [4, ["alice", "/hello", "/ping", "bob: 1"], 2],
        [5, ["alice", "/hello", "/ping", "bob: 1", "bob: 2"], 1],
        [6, ["alice", "/hello", "/ping", "bob: 1", "bob: 2", "bob: 3"], 0],
        [7, ["alice", "/hello", "/ping", "bob: 1", "bob: 2", "bob: 3"], 0],
        [8, ["alice", "/hello", "/ping", "bob: 1", "bob: 2", "bob: 3"], 0]
      ] as const
      for (const [allowed, taken, refused] of expected) {
        const received: Array<string> = []
        const { ending, output, refusals } = yield* run(limiting(allowed, received), {
          input: ended(`${input.join("\n")}\n`)
        })
        assert.deepStrictEqual(received, [...taken, "/ping", "/quit"], `${allowed} lines allowed`)
        assert.deepStrictEqual([ending._tag, output], [refused > 0 ? "Refused" : "Left", ""])
        assert.strictEqual(refusals, "! slow-down retry=5: wait\n".repeat(refused))
      }
    })
  )

  it.scopedLive("keeps a refusal of the user's line that comes after the closing /ping was sent", () =>
    Effect.gen(function* () {
      const { ending, refusals } = yield* run(
        (socket) =>
          onLine(socket, (line) => {
            if (line.startsWith("/ping ") && !line.endsWith(" 0")) socket.write("! slow-down retry=1000: wait\n")
            if (line.startsWith("/ping ")) socket.write(`* pong: ${line.slice("/ping ".length)}\n`)
            if (line === "/quit") socket.end("* bye reason=quit: goodbye\n")
          }),
        { input: ended("alice\nbob: hi\n") }
      )
      assert.deepStrictEqual([ending, refusals], [{ _tag: "Refused" }, "! slow-down retry=1000: wait\n"])
    })
  )

  it.scopedLive("reports that the connection broke", () =>
    Effect.gen(function* () {
      const { ending } = yield* run((socket) => socket.once("data", () => socket.resetAndDestroy()))
      assert.strictEqual(ending._tag, "Lost")
    })
  )

  it.scopedLive("fails on an input that cannot be read", () =>
    Effect.gen(function* () {
      const input = new PassThrough()
      const error = yield* Effect.flip(
        run(
          (socket) => {
            answering("")(socket)
            input.destroy(new Error("EISDIR"))
          },
          { input }
        )
      )
      assert.strictEqual(error._tag, "InputError")
    })
  )
})
