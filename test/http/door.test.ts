import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Http from "node:http"
import { assert } from "vitest"
import { authorization, startDoor } from "../support/DoorServer.js"

describe("what one request can do", () => {
  it.scoped("limits what lines and recipients are together", () =>
    Effect.gen(function* () {
      const { ask } = yield* startDoor({ limits: { maxLines: 10 } })
      const send = (names: string, body: string) =>
        Effect.map(ask("POST", `/send/${names}`, { body }), ({ status }) => status)
      assert.deepStrictEqual([yield* send("a,b,c,d", "x\ny\nz"), yield* send("a,b,c", "x\ny\nz")], [413, 409])
    })
  )

  it.scoped("says no-room to a guest whose room has emptied since its last request", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor()
      const agent = new Http.Agent({ keepAlive: true, maxSockets: 1 })
      const dana = yield* join("dana")
      dana.say("/join #ops")
      yield* dana.barrier
      const send = Effect.map(ask("POST", "/send/%23ops?from=ci", { body: "hi", agent }), ({ status }) => status)
      assert.strictEqual(yield* send, 200)
      dana.say("/leave #ops")
      yield* dana.barrier
      assert.strictEqual(yield* send, 404)
      agent.destroy()
    })
  )

  it.scoped("refuses a secret that others can read even after a private one on the same connection", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor()
      yield* join("dana")
      const agent = new Http.Agent({ keepAlive: true, maxSockets: 1 })
      const send = (more: Record<string, string>) =>
        ask("POST", "/send/dana", { body: "hi", agent, headers: { ...authorization("alice"), ...more } })
      assert.strictEqual((yield* send({})).status, 200)
      const { json, status } = yield* send({ "x-forwarded-proto": "http" })
      assert.deepStrictEqual([status, json.error.code], [403, "tls-required"])
      agent.destroy()
    })
  )

  it.scoped("takes no GET of a browser that does not say where it comes from", () =>
    Effect.gen(function* () {
      const { ask } = yield* startDoor()
      const headers = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64)" }
      assert.strictEqual((yield* ask("GET", "/who", { headers })).status, 403)
    })
  )
})

describe("the HTTP door", () => {
  it.scoped("takes nothing from pages of other sites, unless their origin is allowed", () =>
    Effect.gen(function* () {
      const { ask, join, port } = yield* startDoor({ origins: ["https://chat.example"] })
      const dana = yield* join("dana")
      const own = `http://127.0.0.1:${port}`
      const send = (headers: Http.OutgoingHttpHeaders) =>
        Effect.map(ask("POST", "/send/dana", { body: "hi", headers }), ({ status }) => status)
      assert.strictEqual(yield* send({ origin: "https://evil.example" }), 403)
      assert.strictEqual(yield* send({ origin: "null" }), 403)
      assert.strictEqual(yield* send({ "sec-fetch-site": "cross-site" }), 403)
      assert.strictEqual(yield* send({ "sec-fetch-site": "same-site" }), 403)
      assert.strictEqual(yield* send({ origin: own, "sec-fetch-site": "cross-site" }), 403)
      assert.strictEqual((yield* ask("GET", "/who", { headers: { "sec-fetch-site": "cross-site" } })).status, 403)
      assert.isEmpty(dana.received.filter((line) => line.startsWith("from ")))
      assert.strictEqual(yield* send({ origin: own, "sec-fetch-site": "same-origin" }), 200)
      assert.strictEqual(yield* send({ origin: own }), 200)
      assert.strictEqual(yield* send({ origin: "https://chat.example", "sec-fetch-site": "cross-site" }), 200)
    })
  )

  it.scoped("lets browsers show its responses only to pages of allowed origins", () =>
    Effect.gen(function* () {
      const { ask } = yield* startDoor({ origins: ["https://chat.example"] })
      const preflight = (origin: string) => ask("OPTIONS", "/send/dana", { headers: { origin } })
      const { headers, status } = yield* preflight("https://chat.example")
      assert.deepStrictEqual([status, headers["access-control-allow-origin"]], [204, "https://chat.example"])
      assert.include(headers["access-control-allow-headers"], "Authorization")
      const other = yield* preflight("https://evil.example")
      assert.deepStrictEqual([other.status, other.headers["access-control-allow-origin"]], [403, undefined])
      const who = yield* ask("GET", "/who", { headers: { origin: "https://chat.example" } })
      assert.strictEqual(who.headers["access-control-allow-origin"], "https://chat.example")
      assert.isUndefined((yield* ask("GET", "/who")).headers["access-control-allow-origin"])
    })
  )

  it.scoped("says what there is, and which method each takes", () =>
    Effect.gen(function* () {
      const { ask } = yield* startDoor()
      assert.strictEqual((yield* ask("GET", "/nothing")).status, 404)
      assert.strictEqual((yield* ask("GET", "/constructor")).status, 404)
      const { headers, status } = yield* ask("GET", "/send/dana")
      assert.deepStrictEqual([status, headers.allow], [405, "POST"])
      assert.strictEqual((yield* ask("POST", "/send/%ff")).status, 400)
      assert.strictEqual((yield* ask("POST", "/hook/x", { body: "{}" })).status, 404)
    })
  )
})
