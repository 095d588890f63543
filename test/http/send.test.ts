import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import * as Http from "node:http"
import * as Net from "node:net"
import { assert } from "vitest"
import { login, messages } from "../support/Conversations.js"
import { authorization, startDoor } from "../support/DoorServer.js"
import { eventually } from "../support/Eventually.js"
import { settle } from "../support/Turns.js"

const outcomes = (json: { readonly outcomes: ReadonlyArray<Record<string, unknown>> }) =>
  json.outcomes.map(({ line, outcome, reason, to }) => [line, to, outcome, ...(reason === undefined ? [] : [reason])])

describe("POST /send", () => {
  it.scoped("writes to those who are present, and says so", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor()
      const dana = yield* join("dana")
      const { json, status } = yield* ask("POST", "/send/dana?from=ci", { body: "the build is done" })
      assert.deepStrictEqual([status, outcomes(json)], [200, [[1, "dana", "written"]]])
      yield* dana.barrier
      assert.include(dana.received, "from ci: the build is done")
    })
  )

  it.scoped("sends each line as a message, and answers 409 with every reason when something was returned", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor()
      const dana = yield* join("dana")
      const { json, status } = yield* ask("POST", "/send/dana,zoe", { body: "one\n\ntwo\r\nthr\u{e9}e" })
      assert.strictEqual(status, 409)
      assert.sameDeepMembers(
        outcomes(json),
        [1, 2, 3].flatMap((line) => [
          [line, "dana", "written"],
          [line, "zoe", "returned", "offline"]
        ])
      )
      yield* dana.barrier
      assert.deepStrictEqual(messages(dana), ["from http: one", "from http: two", "from http: thr\u{e9}e"])
    })
  )

  it.scoped("stores for accounts, with a number and a time", () =>
    Effect.gen(function* () {
      const { ask, connect } = yield* startDoor()
      const { json, status } = yield* ask("POST", "/send/bob", { body: "hi", headers: authorization("alice") })
      assert.deepStrictEqual([status, outcomes(json)], [200, [[1, "bob", "stored"]]])
      assert.strictEqual(json.outcomes[0].seq, 1)
      assert.match(json.outcomes[0].at, /^\d{4}-\d\d-\d\dT/u)
      const bob = yield* connect
      bob.say(...login("bob"))
      assert.strictEqual(yield* bob.next, "from alice: hi")
    })
  )

  it.scoped("takes a token as Bearer, and its login from the URL", () =>
    Effect.gen(function* () {
      const { ask } = yield* startDoor()
      const [, token = ""] = login("alice/phone")[0]?.split(": ") ?? []
      const headers = { authorization: `Bearer ${token}` }
      assert.strictEqual((yield* ask("POST", "/send/bob?from=alice/phone", { body: "hi", headers })).status, 200)
      assert.strictEqual((yield* ask("POST", "/send/bob", { body: "hi", headers })).status, 401)
    })
  )

  it.scoped("is no way around a login", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor()
      yield* join("dana")
      const send = (from: string, headers = {}) =>
        Effect.map(ask("POST", `/send/bob?from=${from}`, { body: "hi", headers }), ({ headers, json, status }) => [
          status,
          json.error?.code,
          headers["www-authenticate"]?.split(" ")[0] ?? ""
        ])
      const wrong = { authorization: `Basic ${Buffer.from("alice:wrong password").toString("base64")}` }
      assert.deepStrictEqual(yield* send("dana"), [409, "login-in-use", ""])
      assert.deepStrictEqual(yield* send("alice"), [401, "password-required", "Bearer"])
      assert.deepStrictEqual(yield* send("alice", wrong), [401, "wrong-password", "Bearer"])
      assert.deepStrictEqual(yield* send("%2Fquit"), [400, "bad-login", ""])
      assert.deepStrictEqual(yield* send("a%20b"), [400, "bad-login", ""])
      assert.deepStrictEqual(yield* send("x%0Aalice"), [400, "bad-login", ""])
      // Another name than that of the secret.
      assert.deepStrictEqual(yield* send("bob", authorization("alice")), [401, "wrong-password", "Bearer"])
    })
  )

  it.scoped("enters a room as a guest only if others are in it", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor()
      const dana = yield* join("dana")
      dana.say("/hello", "/join #ops")
      yield* dana.barrier
      const { json, status } = yield* ask("POST", "/send/%23ops?from=ci", { body: "done" })
      assert.deepStrictEqual([status, outcomes(json)], [200, [[1, "#ops", "stored"]]])
      yield* eventually(() => dana.received.includes("from ci #ops: done"), "the line did not come")
      const typo = yield* ask("POST", "/send/%23opps?from=ci", { body: "done" })
      assert.deepStrictEqual([typo.status, typo.json.error.code], [404, "no-room"])
      dana.say("/rooms")
      yield* dana.barrier
      assert.isFalse(dana.received.some((line) => line.includes("#opps")))
      // No one is notified of such a guest.
      assert.isFalse(dana.received.some((line) => /^\* (?:joined|left) .*ci/u.test(line)))
    })
  )

  it.scoped("enters a room as an account only on request", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor()
      const dana = yield* join("dana")
      dana.say("/join #ops")
      yield* dana.barrier
      const send = (path: string) => ask("POST", path, { body: "hi", headers: authorization("alice") })
      const { json, status } = yield* send("/send/%23ops")
      assert.deepStrictEqual([status, outcomes(json)], [409, [[1, "#ops", "returned", "not-member"]]])
      assert.strictEqual((yield* send("/send/%23ops?join=yes")).status, 200)
      assert.strictEqual((yield* send("/send/%23ops")).status, 200)
    })
  )

  it.scoped("with wait=none, responds 202 once every line was read, and still reports refusals", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor({ server: { maxLineBytes: 100 } })
      const dana = yield* join("dana")
      const { status } = yield* ask("POST", "/send/dana,zoe?wait=none", { body: "hi" })
      assert.strictEqual(status, 202)
      yield* eventually(() => dana.received.includes("from http: hi"), "the line did not come")
      const refused = yield* ask("POST", "/send/dana?wait=none", { body: `${"x".repeat(200)}\nshort` })
      assert.deepStrictEqual(
        [
          refused.status,
          refused.json.outcomes.filter(({ outcome }: { outcome: string }) => outcome === "refused")[0].reason
        ],
        [413, "too-long"]
      )
    })
  )

  it.scoped("answers 413 for a line that is too long, 429 with Retry-After above the rate", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor({ server: { maxLineBytes: 100, rate: 6 } })
      yield* join("dana")
      const { json, status } = yield* ask("POST", "/send/dana?from=a", { body: `short\n${"x".repeat(200)}` })
      assert.strictEqual(status, 413)
      assert.sameDeepMembers(outcomes(json), [
        [1, "dana", "written"],
        [2, "dana", "refused", "too-long"]
      ])
      const fast = yield* ask("POST", "/send/dana?from=b", { body: "x\n".repeat(10) })
      assert.deepStrictEqual([fast.status, fast.headers["retry-after"]], [429, "1"])
      assert.isTrue(fast.json.outcomes.some(({ reason }: { reason: string }) => reason === "slow-down"))
    })
  )

  it.scoped("takes a body up to its limits of bytes and lines, and no larger one", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor({ limits: { maxBodyBytes: 20, maxLines: 3 } })
      yield* join("dana")
      const send = (body: string, headers = {}) =>
        Effect.map(ask("POST", "/send/dana", { body, headers }), ({ json, status }) => [status, json.error?.code])
      assert.deepStrictEqual(yield* send("x".repeat(20)), [200, undefined])
      assert.deepStrictEqual(yield* send("x".repeat(21)), [413, "too-long"])
      assert.deepStrictEqual(yield* send("x".repeat(21), { "transfer-encoding": "chunked" }), [413, "too-long"])
      assert.deepStrictEqual(yield* send("a\nb\nc"), [200, undefined])
      assert.deepStrictEqual(yield* send("a\nb\nc\nd"), [413, "too-long"])
      assert.deepStrictEqual(yield* send(" \n"), [400, "bad-line"])
    })
  )

  it.scoped("does not repeat what may be a secret, and takes none in a URL", () =>
    Effect.gen(function* () {
      const { ask } = yield* startDoor()
      for (const path of ["/send/bob?token=hunter22", "/send/bob?from=alice:hunter22", "/who?password=hunter22"]) {
        const { status, text } = yield* ask(path.startsWith("/who") ? "GET" : "POST", path, { body: "hi" })
        assert.strictEqual(status, 400, path)
        assert.notInclude(text, "hunter22")
      }
    })
  )

  it.scoped("answers 503 with Retry-After while the server shuts down", () =>
    Effect.gen(function* () {
      let isOpen = true
      const { ask, join } = yield* startDoor({ isOpen: () => isOpen })
      yield* join("dana")
      isOpen = false
      const { headers, json, status } = yield* ask("POST", "/send/dana", { body: "hi" })
      assert.deepStrictEqual([status, headers["retry-after"], json.error.code], [503, "1", "closing"])
    })
  )

  it.scoped("answers 503 on a connection that was there before the shutdown, and has accepted nothing", () =>
    Effect.gen(function* () {
      const { ask, join, server } = yield* startDoor()
      const dana = yield* join("dana")
      const agent = new Http.Agent({ keepAlive: true, maxSockets: 1 })
      yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
      assert.strictEqual((yield* ask("POST", "/send/dana", { agent, body: "before" })).status, 200)
      // It takes nothing, so the drain continues.
      dana.socket.pause()
      const drain = yield* Effect.fork(server.drain)
      yield* eventually(() => Effect.runSync(server.isDraining), "no drain")
      const { json, status } = yield* ask("POST", "/send/dana", { agent, body: "after" })
      assert.strictEqual(status, 503)
      assert.isUndefined(json.outcomes?.find(({ outcome }: { outcome: string }) => outcome !== "refused"))
      dana.socket.resume()
      dana.say("/quit")
      yield* Fiber.interruptFork(drain)
    })
  )

  it.scoped("answers 504 once it has waited for long enough, with the outcomes that it has", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor({ limits: { patience: Duration.seconds(5) } })
      const dana = yield* join("dana")
      yield* join("bea")
      dana.say("/hello ack")
      yield* dana.barrier
      // She acknowledges nothing.
      const asked = yield* Effect.fork(ask("POST", "/send/dana,bea", { body: "hi" }))
      yield* eventually(() => dana.received.includes("from http: hi"), "the line did not come")
      yield* settle
      yield* TestClock.adjust(Duration.millis(4999))
      yield* settle
      assert.isNull(asked.unsafePoll())
      yield* TestClock.adjust(Duration.millis(1))
      const { json, status } = yield* Fiber.join(asked)
      assert.strictEqual(status, 504)
      assert.sameDeepMembers(outcomes(json), [
        [1, "bea", "written"],
        [1, "dana", "unknown"]
      ])
      dana.say("/ack 1")
      yield* dana.barrier
    })
  )

  it.scoped("answers 502 once its connection to the chat has ended, with the outcomes that it has", () =>
    Effect.gen(function* () {
      const { ask, join, server } = yield* startDoor()
      const dana = yield* join("dana")
      yield* join("bea")
      dana.say("/hello ack")
      yield* dana.barrier
      const asked = yield* Effect.fork(ask("POST", "/send/dana,bea", { body: "hi" }))
      yield* eventually(() => dana.received.includes("from http: hi"), "the line did not come")
      yield* settle
      assert.isTrue(yield* server.kick("http"))
      const { json, status } = yield* Fiber.join(asked)
      assert.strictEqual(status, 502)
      assert.sameDeepMembers(outcomes(json), [
        [1, "bea", "written"],
        [1, "dana", "unknown"]
      ])
      dana.say("/ack 1")
      yield* dana.barrier
    })
  )

  it.scoped("stores once what is sent again with its Idempotency-Key, and refuses another text", () =>
    Effect.gen(function* () {
      // It remembers one key at a time, as it remembers none after a restart.
      const { ask, connect } = yield* startDoor({ limits: { maxKeys: 1 } })
      const headers = { ...authorization("alice"), "idempotency-key": "build 17" }
      const first = yield* ask("POST", "/send/bob", { body: "one\ntwo", headers })
      const again = yield* ask("POST", "/send/bob", { body: "one\ntwo", headers })
      assert.deepStrictEqual([first.status, again.status], [200, 200])
      assert.deepStrictEqual(
        again.json.outcomes,
        first.json.outcomes.map((outcome: object) => ({ ...outcome, again: true }))
      )
      for (const [names, body] of [
        ["bob", "one\nthree"],
        ["bob", "new\ntwo\nthree"],
        ["bob", "one\ntwo\nthree"],
        ["bob", "one"],
        ["bob,alice", "one\ntwo"]
      ] as const) {
        const other = yield* ask("POST", `/send/${names}`, { body, headers })
        assert.deepStrictEqual([other.status, other.json.error?.code], [422, "label-used"], `${names} ${body}`)
      }
      // Another key, or none, is another request.
      const next = yield* ask("POST", "/send/bob", { body: "one", headers: { ...headers, "idempotency-key": "18" } })
      assert.deepStrictEqual([next.status, next.json.outcomes[0].again], [200, undefined])
      const forgotten = yield* ask("POST", "/send/bob", { body: "one\nthree", headers })
      assert.deepStrictEqual([forgotten.status, forgotten.json.outcomes[1].reason], [422, "label-used"])
      const bob = yield* connect
      bob.say(...login("bob"))
      yield* ask("POST", "/send/bob", { body: "three", headers: authorization("alice") })
      yield* eventually(() => bob.received.includes("from alice: three"), "the last line did not come")
      assert.deepStrictEqual(messages(bob), [
        "from alice: one",
        "from alice: two",
        "from alice: one",
        "from alice: three"
      ])
      const guest = yield* ask("POST", "/send/bob", { body: "one", headers: { "idempotency-key": "x" } })
      assert.deepStrictEqual([guest.status, guest.json.error.code], [400, "guest"])
    })
  )

  it.scoped("leaves an Idempotency-Key unused if nothing was sent", () =>
    Effect.gen(function* () {
      const { ask } = yield* startDoor()
      const headers = { ...authorization("alice"), "idempotency-key": "build 17" }
      const send = (to: string) => ask("POST", `/send/${to}?join=yes`, { body: "one", headers })
      assert.strictEqual((yield* send(encodeURIComponent(`#${"r".repeat(200)}`))).status, 400)
      const corrected = yield* send("%23ops")
      assert.deepStrictEqual([corrected.status, outcomes(corrected.json)], [200, [[1, "#ops", "stored"]]])
      assert.strictEqual((yield* send("%23dev")).status, 422)
    })
  )

  it.scoped("carries out what it was sent although the client does not wait for the answer", () =>
    Effect.gen(function* () {
      const { ask, join, port, server } = yield* startDoor()
      const dana = yield* join("dana")
      dana.socket.pause()
      const socket = Net.connect(port, "127.0.0.1")
      const body = `${"x".repeat(60_000)}\n`.repeat(5)
      socket.write(`POST /send/dana HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      yield* eventually(() => Effect.runSync(server.ledger).accepted === 5, "not accepted")
      socket.destroy()
      dana.socket.resume()
      yield* eventually(() => Effect.runSync(server.ledger).written === 5, "not written")
      assert.strictEqual((yield* ask("POST", "/send/dana", { body: "next" })).status, 200)
    })
  )

  it.scoped.each([
    ["has left", (socket: Net.Socket): void => void socket.destroy()],
    ["has ended its half of the connection", (socket: Net.Socket): void => void socket.end()]
  ] as const)("learns what becomes of lines also after their client %s, for the log", ([, leave]) =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.make(({ annotations, message }) => {
        if (String(message).includes("left before")) logged.push(JSON.stringify(Object.fromEntries(annotations)))
      })
      const { join, port, server } = yield* Effect.provide(startDoor(), Logger.replace(Logger.defaultLogger, logger))
      const dana = yield* join("dana")
      dana.say("/hello ack")
      yield* dana.barrier
      const socket = Net.connect(port, "127.0.0.1")
      socket.write("POST /send/dana HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\n\r\none\ntwo")
      yield* eventually(() => messages(dana).length === 2, "the lines did not come")
      leave(socket)
      socket.resume()
      yield* Effect.async<void>((resume) => void socket.once("close", () => resume(Effect.void)))
      // Longer than a connection that has ended waits for outcomes.
      for (let seconds = 0; seconds < 20; seconds++) {
        yield* settle
        yield* TestClock.adjust(Duration.seconds(1))
      }
      assert.isEmpty(logged)
      assert.strictEqual(Effect.runSync(server.ledger).received, 0)
      dana.say("/ack 2")
      yield* eventually(() => logged.length > 0, "nothing was logged")
      assert.deepStrictEqual(logged, ['{"received":2}'])
    })
  )

  it.scoped("logs in once for the requests of a connection, and again for another client of it", () =>
    Effect.gen(function* () {
      const { ask, connect, server } = yield* startDoor()
      const bob = yield* connect
      bob.say(...login("bob"))
      yield* bob.barrier
      const agent = new Http.Agent({ keepAlive: true, maxSockets: 1 })
      yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
      const connections = Effect.map(server.inspect, (inspection) => inspection.connections.length)
      for (let count = 0; count < 3; count++) yield* ask("POST", "/send/bob?from=ci", { agent, body: "hi" })
      assert.strictEqual(yield* connections, 2)
      const other = yield* ask("POST", "/send/bob", { agent, body: "hi", headers: authorization("alice") })
      assert.strictEqual(other.status, 200)
      yield* eventually(() => bob.received.includes("from alice: hi"), "the line did not come")
      agent.destroy()
      while ((yield* connections) > 1) yield* settle
    })
  )
})
