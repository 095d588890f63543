import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as ReconnectingClient from "../../src/client/ReconnectingClient.js"
import * as Tcp from "../../src/transport/Tcp.js"
import { type Command, connect } from "../support/AskingClient.js"
import { make as keeping } from "../support/KeepingServer.js"
import { log } from "../support/RoomLog.js"

describe("a client that connects again, and asks", () => {
  it.scopedLive("asks again on the next connection", () =>
    Effect.gen(function* () {
      const { options } = yield* connect((line, label, connection) => {
        if (connection === 2 && line.includes("after=3")) return "reset"
        return log(7)(line, label, connection)
      })
      const alice = yield* ReconnectingClient.connect({
        ...options,
        backoff: Schedule.spaced("20 millis"),
        heartbeat: Infinity
      })
      yield* Effect.forkScoped(Stream.runDrain(alice.lines))
      const lines = yield* Stream.runCollect(alice.room("#ops").history({ after: 0 }))
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(lines).map(({ seq }) => seq),
        [1, 2, 3, 4, 5, 6, 7]
      )
    })
  )
})

/**
 * A room that a guest is in: what it asks, and the lines that come after its joins, by the number of the connection.
 */
const roomOf = (linesOf: (connection: number) => { readonly last: number; readonly live: ReadonlyArray<string> }) => {
  const asked: Array<string> = []
  const command: Command = (line, label, connection) => {
    asked.push(line)
    const { last, live } = linesOf(connection)
    if (line.startsWith("/hello")) return [`* hello @${label} achat=1 name=alice on=seq log=l: x`]
    if (line === "/break") return "reset"
    if (line.startsWith("/join")) return [`* room @${label} #ops members=2 last=${last}: x`, ...live]
    return log(last)(line, label, connection)
  }
  return { asked, command }
}

const message = (seq: number) => `from bob #ops seq=${seq} at=${seq}: ${seq}`

describe("a guest that connects again", () => {
  it.scopedLive("is in its rooms again, and gets what it has missed there", () =>
    Effect.gen(function* () {
      const { asked, command } = roomOf((connection) =>
        connection === 1
          ? { last: 3, live: [message(4), message(5)] }
          : { last: 8, live: [message(9), "from bob: direct"] }
      )
      const address = yield* keeping({ exchanges: false, isGuest: true, words: () => "seq", command })
      const alice = yield* ReconnectingClient.connect({
        socket: Tcp.connect(address),
        login: "alice",
        backoff: Schedule.spaced("20 millis"),
        heartbeat: Infinity
      })
      const texts: Array<string> = []
      const reading = yield* alice.received.pipe(
        Stream.takeUntil((line) => line._tag === "Message" && line.text === "9"),
        Stream.runForEach((line) => {
          if (line._tag === "Message") texts.push(`${line.room ?? ""} ${line.text}`)
          // The server ends the connection in reply.
          return line._tag === "Message" && line.text === "5" ? alice.sendLine("@break /break") : Effect.void
        }),
        Effect.forkScoped
      )
      assert.deepInclude(yield* alice.room("#ops").join, { room: "#ops", last: 3 })
      yield* Fiber.join(reading)
      assert.deepStrictEqual(texts, ["#ops 4", "#ops 5", " direct", "#ops 6", "#ops 7", "#ops 8", "#ops 9"])
      assert.deepStrictEqual(asked, [
        "/hello seq",
        "/join #ops",
        "/break",
        "/join #ops",
        "/history #ops after=5 limit=100"
      ])
    })
  )

  it.scopedLive("is not in a room again that it has left", () =>
    Effect.gen(function* () {
      const { asked, command } = roomOf(() => ({ last: 3, live: [] }))
      const address = yield* keeping({
        exchanges: false,
        isGuest: true,
        words: () => "seq",
        command: (line, label, connection) =>
          line === "/break"
            ? "reset"
            : line === "/rooms"
              ? [`* end @${label} rooms count=0: x`]
              : command(line, label, connection)
      })
      const alice = yield* ReconnectingClient.connect({
        socket: Tcp.connect(address),
        login: "alice",
        backoff: Schedule.spaced("20 millis"),
        heartbeat: Infinity
      })
      yield* Effect.forkScoped(Stream.runDrain(alice.received))
      yield* alice.room("#ops").join
      yield* alice.room("#ops").leave
      const back = alice.state.changes.pipe(
        Stream.filter(({ _tag }) => _tag === "Waiting"),
        Stream.runHead
      )
      const waiting = yield* Effect.forkScoped(back)
      yield* alice.sendLine("@break /break")
      yield* Fiber.join(waiting)
      yield* alice.rooms
      assert.deepStrictEqual(asked, ["/hello seq", "/join #ops", "/leave #ops"])
    })
  )
})
