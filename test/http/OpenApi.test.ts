import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { assert } from "vitest"
import { LoginRefused } from "../../src/client/Login.js"
import { NoAnswer } from "../../src/client/Query.js"
import * as Hooks from "../../src/http/Hooks.js"
import * as HttpRefusal from "../../src/http/HttpRefusal.js"
import { faultOf, pathOf, paths, schemas } from "../support/DescribedAnswers.js"
import { authorization, open, startDoor } from "../support/DoorServer.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const damagedPage = {
  lines: [],
  damaged: [{ first: 2, last: 101 }],
  first: 1,
  last: 101,
  hasMore: true
}

/** The statuses that the description has for a path. */
const statusesOf = (path: string) => Object.keys(Object.values(paths[path] ?? {})[0]?.responses ?? {})

describe("/openapi.json", () => {
  it.scoped("describes what the server answers", () =>
    Effect.gen(function* () {
      const hooks = yield* Hooks.open(join(yield* temporaryFolder, "hooks.json"))
      const secret = yield* Effect.orDie(
        hooks.add({
          id: "ci",
          kind: "custom",
          rooms: ["#ops"],
          template: "{x}",
          name: undefined,
          proof: undefined
        })
      )
      const {
        ask,
        join: enter,
        port
      } = yield* startDoor({
        hooks,
        limits: { maxBodyBytes: 2000 },
        store: (store) => ({
          ...store,
          page: (request) => (request.after === 1 ? Effect.succeed(damagedPage) : store.page(request))
        })
      })
      const dana = yield* enter("dana")
      dana.say("/join #ops", "#ops: hi")
      yield* dana.barrier
      const alice = authorization("alice")
      const hook = { authorization: `Bearer ${secret}` }
      const seen = new Set<string>()
      /** Requests, which compares the answer with the description. */
      const check = (method: string, path: string, options: Parameters<typeof ask>[2] = {}) =>
        Effect.map(ask(method, path, options), ({ status }) => void seen.add(`${method} ${pathOf(path)} ${status}`))
      const send = (query: string, options: object, names = "dana") => check("POST", `/send/${names}${query}`, options)
      yield* send("", { body: "hi" })
      yield* send("", { body: "hi", headers: alice }, "bob")
      yield* send("?wait=none", { body: "hi" })
      yield* send("", { body: "hi" }, "nobody")
      yield* send("", { body: "" })
      yield* send("?from=dana", { body: "hi" })
      yield* send("?from=alice", { body: "hi" })
      yield* send("", { body: "x".repeat(2001) })
      yield* send("", { body: "hi", headers: { origin: "https://evil.example" } })
      yield* send("", { body: "hi" }, "%23none")
      yield* send("", { body: "one", headers: { ...alice, "idempotency-key": "1" } }, "bob")
      yield* send("", { body: "two", headers: { ...alice, "idempotency-key": "1" } }, "bob")
      yield* check("GET", "/history/%23ops")
      // A page of which nothing can be read.
      yield* check("GET", "/history/%23ops?after=1")
      const { json: page } = yield* ask("GET", "/history/%23ops?after=1")
      assert.deepStrictEqual(page, { lines: [], damaged: damagedPage.damaged, more: true })
      yield* check("GET", "/history/bob", { headers: alice })
      yield* check("GET", "/history/bob")
      yield* check("GET", "/history/%23none")
      yield* check("GET", "/history/%23ops?limit=0")
      yield* check("GET", "/who")
      yield* check("GET", "/who?x=1")
      yield* check("POST", "/hook/ci", { body: '{"x":1}', headers: hook })
      yield* check("POST", "/hook/ci", { body: "{}", headers: hook })
      yield* check("POST", "/hook/ci", { body: "{", headers: hook })
      yield* check("POST", "/hook/ci", { body: "{}" })
      yield* check("GET", "/listen")
      yield* check("GET", "/listen?from=dana")
      yield* check("GET", "/openapi.json")
      yield* check("GET", "/openapi.json", { headers: { origin: "https://evil.example" } })
      const stream = yield* open(port, "/listen?from=eve")
      assert.strictEqual(stream.status, 200)
      seen.add("GET /listen 200")
      dana.say("eve: hi")
      yield* stream.until("hi")
      const data = /^data: (.*)$/mu.exec(stream.text())?.[1] ?? ""
      assert.isUndefined(faultOf(JSON.parse(data), schemas["Line"] ?? {}))
      // Every path was asked, and each with a success and a refusal, where there is one.
      for (const [path, operations] of Object.entries(paths)) {
        for (const method of Object.keys(operations)) {
          const place = `${method.toUpperCase()} ${path} `
          for (const about of [/^2/u, /^4/u]) {
            const isSeen = [...seen].some((one) => one.startsWith(place) && about.test(one.slice(place.length)))
            assert.isTrue(isSeen, `${place}${about}`)
          }
        }
      }
      assert.isAbove(seen.size, 20)
    })
  )

  it.scoped("has every parameter that the server takes, and no other", () =>
    Effect.gen(function* () {
      const { ask } = yield* startDoor()
      const places = {
        "/send/{names}": "/send/bob",
        "/listen": "/listen",
        "/history/{name}": "/history/bob",
        "/who": "/who"
      }
      for (const [about, path] of Object.entries(places)) {
        const [method = "", operation] = Object.entries(paths[about] ?? {})[0] ?? []
        const described = (operation?.parameters ?? []).filter((one) => one.in === "query").map(({ name }) => name)
        const { json, status } = yield* ask(method.toUpperCase(), `${path}?x=1`)
        assert.strictEqual(status, 400)
        const [, named = ""] =
          /^(?:there are no parameters|the parameters are (.*)); secrets are in headers$/u.exec(json.error.text) ?? []
        assert.sameMembers(
          named.split(", ").filter((name) => name !== ""),
          described
        )
      }
    })
  )

  it("describes each status of a refused login, and of a refused command", () => {
    const all = ["/send/{names}", "/listen", "/history/{name}", "/who", "/hook/{id}"]
    for (const code of [...Object.keys(HttpRefusal.loginStatuses), "unheard-of"]) {
      const { status } = HttpRefusal.ofLogin(new LoginRefused({ code, text: "", retryMillis: undefined }))
      for (const path of all) assert.include(statusesOf(path), String(status), `${path} after ${code}`)
    }
    for (const reason of Object.keys(HttpRefusal.commandStatuses)) {
      const { status } = HttpRefusal.ofRefusedCommand(reason, 1000, "")
      for (const path of ["/send/{names}", "/history/{name}"]) {
        assert.include(statusesOf(path), String(status), `${path} after ${reason}`)
      }
    }
    const timeout = String(HttpRefusal.ofNoAnswer(new NoAnswer({ timeout: Duration.seconds(1) })).status)
    for (const path of all) assert.include(statusesOf(path), timeout)
  })
})
