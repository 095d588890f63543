import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import { login } from "../support/Conversations.js"
import { authorization, startDoor } from "../support/DoorServer.js"

describe("GET /who", () => {
  it.scoped("lists who is present, without a login", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor()
      yield* join("dana")
      yield* join("bea")
      const { json, status } = yield* ask("GET", "/who")
      assert.deepStrictEqual([status, json], [200, { names: ["bea", "dana"] }])
    })
  )
})

describe("GET /history", () => {
  it.scoped("gives a page of a room, and of a direct conversation", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor()
      const dana = yield* join("dana")
      dana.say("/join #ops", "#ops: one", "#ops: two", "#ops: three")
      yield* dana.barrier
      const page = yield* ask("GET", "/history/%23ops?limit=2")
      assert.deepStrictEqual([page.status, page.json.more], [200, true])
      const [two] = page.json.lines
      assert.deepInclude(two, { from: "dana", text: "two", room: "#ops", seq: 2, guest: true })
      const before = yield* ask("GET", "/history/%23ops?before=2&from=eve")
      assert.deepStrictEqual([before.json.lines.length, before.json.more], [1, false])
      yield* ask("POST", "/send/bob", { body: "hi", headers: authorization("alice") })
      const direct = yield* ask("GET", "/history/alice", { headers: authorization("bob") })
      assert.deepInclude(direct.json.lines[0], { from: "alice", with: "alice", text: "hi", seq: 1 })
    })
  )

  it.scoped("is no way around who may read", () =>
    Effect.gen(function* () {
      const { ask, connect } = yield* startDoor()
      const bob = yield* connect
      bob.say(...login("bob", "seq"), "/join #secret", "/lock #secret", "#secret: psst")
      yield* bob.barrier
      const read = (path: string, headers = {}) =>
        Effect.map(ask("GET", path, { headers }), ({ json, status, text }) => {
          assert.notInclude(text, "psst")
          return [status, json.error?.code]
        })
      assert.deepStrictEqual(yield* read("/history/%23secret"), [403, "policy"])
      assert.deepStrictEqual(yield* read("/history/%23secret", authorization("alice")), [404, "no-room"])
      assert.deepStrictEqual(yield* read("/history/%23secret?join=yes", authorization("alice")), [403, "policy"])
      assert.deepStrictEqual(yield* read("/history/bob"), [401, "guest"])
      assert.deepStrictEqual(yield* read("/history/%23none"), [404, "no-room"])
      assert.deepStrictEqual(yield* read("/history/%23secret?limit=101"), [400, "bad-request"])
      assert.deepStrictEqual(yield* read("/history/%23secret?limit=x"), [400, "bad-request"])
      assert.deepStrictEqual(yield* read("/history"), [400, "bad-request"])
    })
  )
})
