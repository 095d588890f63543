import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import * as Exit from "effect/Exit"
import { eventually } from "../support/Eventually.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

const password = "correct horse"
const lines = 150
const kills = 4

/** A server that can be killed and started again: on the same ports, with the same database. */
const startKillable = Effect.gen(function* () {
  const store = join(yield* temporaryFolder, "chat.db")
  const run = (port: string, web: string) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const args = ["serve", "--port", port, "--web", `127.0.0.1:${web}`, "--store", store, "--log-format", "logfmt"]
      const program = yield* Scope.extend(Program.start(args), scope)
      const [chat, http] = [
        yield* program.says("errors", /message=listening address=[\d.]+:(\d+)/u),
        yield* program.says("errors", /message=listening address=http:\/\/\S+:(\d+)/u)
      ]
      return { program, chat, http, scope }
    })
  const running = yield* Ref.make(yield* run("0", "0"))
  yield* Effect.addFinalizer((exit) => Effect.flatMap(Ref.get(running), ({ scope }) => Scope.close(scope, exit)))
  const { chat, http } = yield* Ref.get(running)
  const killed = Effect.gen(function* () {
    const { program, scope } = yield* Ref.get(running)
    yield* program.kill("SIGKILL")
    yield* program.exited
    yield* Scope.close(scope, Exit.void)
    yield* Ref.set(running, yield* run(chat, http))
  })
  return { chat: Number(chat), url: `http://127.0.0.1:${http}`, killed }
})

const basic = (who: string) => `Basic ${Buffer.from(`${who}:${password}`).toString("base64")}`

/** Sends each line until the server has said that it is stored, as a script does that knows `Idempotency-Key`. */
const sendAll = async (url: string, signal: AbortSignal) => {
  for (let number = 1; number <= lines && !signal.aborted;) {
    const headers = { authorization: basic("alice/ci"), "idempotency-key": `line-${number}` }
    const sent = await fetch(`${url}/send/bob`, { method: "POST", body: `line ${number}`, headers, signal }).then(
      (response) => response.status === 200,
      () => false
    )
    if (sent) number += 1
    await pause(10)
  }
}

interface Event {
  /** That of the stream: a new one after each kill. */
  readonly stream: string
  readonly seq: number
  readonly text: string
}

const eventIn = (block: string): Event | undefined => {
  const value = (name: string) => new RegExp(`^${name}: (.*)$`, "mu").exec(block)?.[1]
  const [id, data] = [value("id"), value("data")]
  if (id === undefined || data === undefined || value("event") !== undefined) return undefined
  const { seq, text } = JSON.parse(data) as { readonly seq: number; readonly text: string }
  return { stream: id.split(".")[0] ?? "", seq, text }
}

/** Listens as an `EventSource` does: it comes back with the id of the last event. */
const listen = async (
  url: string,
  signal: AbortSignal,
  events: Array<Event>,
  isComplete: (events: ReadonlyArray<Event>) => boolean
) => {
  let last: string | undefined
  while (!isComplete(events) && !signal.aborted) {
    try {
      const headers = { authorization: basic("bob/web"), ...(last === undefined ? {} : { "last-event-id": last }) }
      const response = await fetch(`${url}/listen`, { headers, signal })
      let text = ""
      for await (const part of response.body ?? []) {
        text += Buffer.from(part as Uint8Array).toString()
        const blocks = text.split("\n\n")
        text = blocks.pop() ?? ""
        for (const block of blocks) {
          last = /^id: (.*)$/mu.exec(block)?.[1] ?? last
          const event = eventIn(block)
          if (event !== undefined) events.push(event)
        }
        if (isComplete(events)) break
      }
    } catch {
      // The server is away.
    }
    await pause(50)
  }
}

describe("GET /listen of a server that is killed again and again", () => {
  it.scopedLive(
    "gives each stored line, in order, and again only to a stream that begins after the kill",
    () =>
      Effect.gen(function* () {
        const server = yield* startKillable
        const address = { host: "127.0.0.1", port: server.chat, text: "", isEncrypted: false, isLocal: true }
        for (const name of ["alice", "bob"]) yield* WireClient.register(address, name, password)
        const hasLast = (events: ReadonlyArray<Event>) => events.some(({ text }) => text === `line ${lines}`)
        const events: Array<Event> = []
        const listening = yield* Effect.fork(Effect.promise((signal) => listen(server.url, signal, events, hasLast)))
        const sending = yield* Effect.fork(Effect.promise((signal) => sendAll(server.url, signal)))
        for (let kill = 0; kill < kills; kill++) {
          const before = events.length
          yield* eventually(() => events.length > before + 5, "lines between two kills")
          yield* Effect.sleep(`${50 * kill} millis`)
          yield* server.killed
        }
        yield* Fiber.join(sending)
        yield* Fiber.join(listening)

        assert.deepStrictEqual(
          [...new Set(events.map(({ text }) => text))],
          Array.from({ length: lines }, (_, index) => `line ${index + 1}`)
        )
        assert.isAbove(new Set(events.map(({ stream }) => stream)).size, 1)
        for (const [index, { seq, stream, text }] of events.entries()) {
          assert.strictEqual(text, `line ${seq}`)
          const before = events[index - 1]
          if (before === undefined) assert.strictEqual(seq, 1)
          else if (before.stream === stream) assert.strictEqual(seq, before.seq + 1)
          else assert.isAtMost(seq, before.seq + 1)
        }
      }),
    120_000
  )
})
