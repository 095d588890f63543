import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import * as DoorServer from "../support/DoorServer.js"
import { login } from "../support/Conversations.js"
import { eventually } from "../support/Eventually.js"
import { settle } from "../support/Turns.js"
import * as Proxy from "../../src/transport/Proxy.js"

const { open, startDoor } = DoorServer

/** The events of a stream, as their fields by name. */
const eventsIn = (text: string) =>
  text
    .split("\n\n")
    .map((event) =>
      Object.fromEntries(
        event.split("\n").flatMap((line) => {
          const [, name = "", value = ""] = /^(\w+): (.*)$/u.exec(line) ?? []
          return name === "" ? [] : [[name, value]]
        })
      )
    )
    .filter(({ data }) => data !== undefined)

const lastId = (text: string) => eventsIn(text).at(-1)?.["id"] ?? ""

describe("GET /listen", () => {
  it.scoped("gives each message as an event, and its sender learns of it once the client has come back", () =>
    Effect.gen(function* () {
      const { join, port } = yield* startDoor()
      const bob = yield* open(port, "/listen?from=bob2")
      const dana = yield* join("dana")
      dana.say("/hello", "@1 bob2: hi", "@2 bob2: there")
      yield* bob.until("there")
      const events = eventsIn(bob.text())
      assert.deepStrictEqual(
        events.map(({ data = "" }) => JSON.parse(data).text),
        ["hi", "there"]
      )
      // The response ends by itself, so that the client comes back.
      yield* bob.ended
      yield* dana.barrier
      assert.isFalse(dana.received.some((line) => line.includes("@1") || line.includes("@2")))
      const again = yield* open(port, "/listen?from=bob2", { "last-event-id": lastId(bob.text()) })
      yield* eventually(() => dana.received.some((line) => line.startsWith("* received @2 ")), "not received")
      assert.isTrue(dana.received.some((line) => line.startsWith("* received @1 ")))
      dana.say("bob2: more")
      yield* again.until("more")
      assert.deepStrictEqual(
        eventsIn(again.text()).map(({ data = "" }) => JSON.parse(data).text),
        ["more"]
      )
    })
  )

  it.scoped("gives again what the client has not shown that it has", () =>
    Effect.gen(function* () {
      const { join, port } = yield* startDoor()
      const bob = yield* open(port, "/listen?from=bob2")
      const dana = yield* join("dana")
      dana.say("bob2: one", "bob2: two")
      yield* bob.until("two")
      const [first] = eventsIn(bob.text())
      bob.break()
      const again = yield* open(port, "/listen?from=bob2", { "last-event-id": first?.["id"] ?? "" })
      yield* again.until("two")
      assert.notInclude(again.text(), "one")
    })
  )

  it.scoped("gives a device of an account what waits for it, with its number, and rooms that it enters", () =>
    Effect.gen(function* () {
      const { ask, join, port } = yield* startDoor()
      yield* ask("POST", "/send/bob", { body: "hi", headers: DoorServer.authorization("alice") })
      const dana = yield* join("dana")
      dana.say("/join #ops")
      const bob = yield* open(port, "/listen?room=%23ops", DoorServer.authorization("bob/phone"))
      yield* bob.until("hi")
      dana.say("#ops: deployed")
      yield* bob.until("deployed")
      const events = eventsIn(bob.text()).map(({ data = "" }) => JSON.parse(data))
      assert.deepInclude(events[0], { from: "alice", text: "hi", seq: 1 })
      assert.deepInclude(events[1], { from: "dana", room: "#ops", text: "deployed", guest: true, seq: 1 })
    })
  )

  it.scoped("lets no other client continue a stream", () =>
    Effect.gen(function* () {
      const { connect, port } = yield* startDoor()
      const bob = yield* open(port, "/listen", DoorServer.authorization("bob"))
      const alice = yield* connect
      alice.say(...login("alice"), "bob: for bob")
      yield* bob.until("for bob")
      const other = yield* open(port, "/listen?from=mallory", { "last-event-id": lastId(bob.text()) })
      alice.say("mallory: for mallory")
      yield* other.until("for mallory")
      assert.notInclude(other.text(), "for bob")
    })
  )

  it.scoped("asks an EventSource whose device has logged in elsewhere not to come back", () =>
    Effect.gen(function* () {
      const { ask, connect, port } = yield* startDoor()
      const bob = yield* open(port, "/listen", DoorServer.authorization("bob"))
      const elsewhere = yield* connect
      elsewhere.say(...login("bob"))
      yield* bob.until("event: closed")
      yield* bob.ended
      assert.include(bob.text(), `"code":"logged-out","reason":"replaced"`)
      const headers = { ...DoorServer.authorization("bob"), "last-event-id": lastId(bob.text()) }
      assert.strictEqual((yield* ask("GET", "/listen", { headers })).status, 204)
    })
  )

  it.scoped("may be read by pages of allowed origins, and cached by no one", () =>
    Effect.gen(function* () {
      const { port } = yield* startDoor({ origins: ["https://chat.example"] })
      for (const query of ["from=x", "from=y&format=lines"]) {
        const { headers } = yield* open(port, `/listen?${query}`, { origin: "https://chat.example" })
        assert.deepInclude(headers, {
          "access-control-allow-origin": "https://chat.example",
          "cache-control": "no-store"
        })
      }
    })
  )

  it.scoped("takes the place of the stream that a guest has left, and of no other", () =>
    Effect.gen(function* () {
      const { join, port } = yield* startDoor({
        web: { forwardedFrom: Proxy.ranges([{ host: "127.0.0.0", bits: 8 }]) }
      })
      const listen = (host: string) => open(port, "/listen?from=bob2", { "x-forwarded-for": host })
      const bob = yield* listen("192.0.2.7")
      const dana = yield* join("dana")
      dana.say("/hello", "@1 bob2: hi")
      yield* bob.until("hi")
      // While it is there, its name is in use.
      assert.strictEqual((yield* listen("192.0.2.7")).status, 409)
      bob.break()
      // The page of a browser that was loaded again knows nothing of its last stream.
      let status = 409
      for (let attempts = 0; status === 409 && attempts < 100; attempts++) {
        yield* settle
        assert.strictEqual((yield* listen("192.0.2.8")).status, 409)
        status = (yield* listen("192.0.2.7")).status
      }
      assert.strictEqual(status, 200)
      yield* eventually(() => dana.received.some((line) => line.startsWith("! undelivered @1 ")), "not returned")
    })
  )

  it.scoped("refuses before the response begins", () =>
    Effect.gen(function* () {
      const { ask, join, port } = yield* startDoor({ limits: { maxStreams: 2 } })
      yield* join("dana")
      assert.strictEqual((yield* ask("GET", "/listen")).status, 400)
      assert.strictEqual((yield* ask("GET", "/listen?from=dana")).status, 409)
      assert.strictEqual((yield* ask("GET", "/listen?from=x&room=ops")).status, 400)
      for (const query of ["from=x", "from=y&format=lines"]) {
        assert.strictEqual((yield* open(port, `/listen?${query}`)).status, 200)
      }
      const { headers, json, status } = yield* ask("GET", "/listen?from=z")
      assert.deepStrictEqual([status, json.error.code, headers["retry-after"]], [503, "full", "5"])
    })
  )
})

describe("a full server", () => {
  it.scoped("gives a new stream the place of one whose client has been away longest", () =>
    Effect.gen(function* () {
      const { port } = yield* startDoor({ limits: { maxStreams: 2 } })
      const away = yield* open(port, "/listen?from=x")
      const there = yield* open(port, "/listen?from=y")
      away.break()
      assert.strictEqual((yield* open(port, "/listen?from=z")).status, 503)
      // the clock of a test stands still
      yield* Effect.async<void>((resume) => void setTimeout(() => resume(Effect.void), 1200))
      assert.strictEqual((yield* open(port, "/listen?from=z")).status, 200)
      assert.strictEqual((yield* open(port, "/listen?from=w")).status, 503)
      assert.isFalse(there.hasEnded())
    })
  )
})

describe("GET /listen?format=lines", () => {
  it.scoped("gives lines, which are written once the socket of the response took them", () =>
    Effect.gen(function* () {
      const { join, port } = yield* startDoor()
      const dana = yield* join("dana")
      dana.say("/join #ops")
      const bob = yield* open(port, "/listen?from=bob2&format=lines&room=%23ops")
      dana.say("/hello", "@1 bob2: hi", "#ops: deployed")
      yield* bob.until("deployed")
      assert.strictEqual(bob.text(), "from dana: hi\nfrom dana #ops: deployed\n")
      yield* eventually(() => dana.received.some((line) => line.startsWith("* written @1 ")), "not written")
    })
  )

  it.scoped("begins with what waits for an account, also while it enters a room", () =>
    Effect.gen(function* () {
      const { ask, join, port } = yield* startDoor()
      const body = Array.from({ length: 300 }, (_, index) => `${index} ${"x".repeat(1000)}`).join("\n")
      const sent = yield* ask("POST", "/send/bob", { body, headers: DoorServer.authorization("alice") })
      assert.strictEqual(sent.status, 200)
      const dana = yield* join("dana")
      dana.say("/join #ops")
      const bob = yield* open(port, "/listen?format=lines&room=%23ops", DoorServer.authorization("bob"))
      yield* bob.until("from alice: 299 ")
      dana.say("#ops: deployed")
      yield* bob.until("from dana #ops: deployed\n")
    })
  )

  it.scoped("returns to its sender what the socket of the response did not take", () =>
    Effect.gen(function* () {
      const { join, port } = yield* startDoor()
      const bob = yield* open(port, "/listen?from=bob2&format=lines")
      bob.pause()
      const dana = yield* join("dana")
      dana.say("/hello")
      const text = "x".repeat(60_000)
      // More than the buffers of the kernel and of Node hold.
      const lines = 600
      let sent = 0
      const outcomes = (code: string) => dana.received.filter((line) => line.startsWith(code))
      while (sent < lines) dana.say(`@${(sent += 1)} bob2: ${text}`)
      yield* eventually(() => outcomes("* written ").length > 0, "nothing was written")
      for (let before = 0; before < outcomes("* written ").length; yield* settle) before = outcomes("* written ").length
      assert.isBelow(outcomes("* written ").length, lines)
      bob.break()
      yield* eventually(
        () => outcomes("* written ").length + outcomes("! undelivered ").length === lines,
        "an outcome is missing"
      )
      assert.isAbove(outcomes("! undelivered ").length, 0)
    })
  )
})
