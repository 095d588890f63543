import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import * as Hooks from "../../src/http/Hooks.js"
import * as OpenApi from "../../src/http/OpenApi.js"
import { join } from "node:path"
import { authorization, open, startDoor, type DoorResponse } from "../support/DoorServer.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

interface Schema {
  readonly $ref?: string
  readonly oneOf?: ReadonlyArray<Schema>
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: ReadonlyArray<string>
  readonly items?: Schema
  readonly const?: unknown
}

const schemas = OpenApi.description.components.schemas as unknown as Readonly<Record<string, Schema>>

/** What is wrong with a value; undefined if it has the schema. */
const faultOf = (value: unknown, schema: Schema, where = "it"): string | undefined => {
  if (schema.$ref !== undefined) return faultOf(value, schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {}, where)
  if (schema.oneOf !== undefined) {
    return schema.oneOf.some((one) => faultOf(value, one) === undefined) ? undefined : `${where} is none of them`
  }
  if ("const" in schema) return value === schema.const ? undefined : `${where} is not ${schema.const}`
  switch (schema.type) {
    case "string":
      return typeof value === "string" ? undefined : `${where} is no string`
    case "integer":
      return Number.isInteger(value) ? undefined : `${where} is no integer`
    case "boolean":
      return typeof value === "boolean" ? undefined : `${where} is no boolean`
    case "array":
      if (!Array.isArray(value)) return `${where} is no array`
      return value.map((one, at) => faultOf(one, schema.items ?? {}, `${where}[${at}]`)).find((fault) => fault)
    case "object": {
      if (typeof value !== "object" || value === null) return `${where} is no object`
      const { properties, required = [] } = schema
      const missing = required.find((key) => !(key in value))
      if (missing !== undefined) return `${where} has no ${missing}`
      if (properties === undefined) return undefined
      return Object.entries(value)
        .map(([key, one]) =>
          properties[key] === undefined ? `${where} has ${key}` : faultOf(one, properties[key], `${where}.${key}`)
        )
        .find((fault) => fault)
    }
    default:
      return undefined
  }
}

interface Operation {
  readonly parameters?: ReadonlyArray<{ readonly name: string; readonly in: string }>
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >
}

const paths = OpenApi.description.paths as unknown as Readonly<Record<string, Readonly<Record<string, Operation>>>>

const damagedPage = {
  lines: [],
  damaged: [{ first: 2, last: 101 }],
  first: 1,
  last: 101,
  hasMore: true
}

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
      /** Requests, and compares the answer with the description. */
      const check = (method: string, path: string, about: string, options: Parameters<typeof ask>[2] = {}) =>
        Effect.map(ask(method, path, options), (response: DoorResponse) => {
          const operation = paths[about]?.[method.toLowerCase()]
          const described = operation?.responses[String(response.status)]
          assert.isDefined(described, `${method} ${path} answers ${response.status}: ${response.text}`)
          seen.add(`${method} ${about} ${response.status}`)
          const schema = described?.content?.["application/json"]?.schema
          if (schema !== undefined) assert.isUndefined(faultOf(response.json, schema), response.text)
          else assert.strictEqual(response.text, "")
          return response.status
        })
      const send = (query: string, options: object, names = "dana") =>
        check("POST", `/send/${names}${query}`, "/send/{names}", options)
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
      yield* check("GET", "/history/%23ops", "/history/{name}")
      // A page of which nothing can be read.
      yield* check("GET", "/history/%23ops?after=1", "/history/{name}")
      const { json: page } = yield* ask("GET", "/history/%23ops?after=1")
      assert.deepStrictEqual(page, { lines: [], damaged: damagedPage.damaged, more: true })
      yield* check("GET", "/history/bob", "/history/{name}", { headers: alice })
      yield* check("GET", "/history/bob", "/history/{name}")
      yield* check("GET", "/history/%23none", "/history/{name}")
      yield* check("GET", "/history/%23ops?limit=0", "/history/{name}")
      yield* check("GET", "/who", "/who")
      yield* check("GET", "/who?x=1", "/who")
      yield* check("POST", "/hook/ci", "/hook/{id}", { body: '{"x":1}', headers: hook })
      yield* check("POST", "/hook/ci", "/hook/{id}", { body: "{}", headers: hook })
      yield* check("POST", "/hook/ci", "/hook/{id}", { body: "{", headers: hook })
      yield* check("POST", "/hook/ci", "/hook/{id}", { body: "{}" })
      yield* check("GET", "/listen", "/listen")
      yield* check("GET", "/listen?from=dana", "/listen")
      yield* check("GET", "/openapi.json", "/openapi.json")
      const stream = yield* open(port, "/listen?from=eve")
      assert.strictEqual(stream.status, 200)
      dana.say("eve: hi")
      yield* stream.until("hi")
      const data = /^data: (.*)$/mu.exec(stream.text())?.[1] ?? ""
      assert.isUndefined(faultOf(JSON.parse(data), schemas["Line"] ?? {}))
      // Every path was asked, and each with a success and a refusal, where there is one.
      for (const [path, operations] of Object.entries(paths)) {
        for (const method of Object.keys(operations)) {
          assert.isTrue(
            [...seen].some((one) => one.startsWith(`${method.toUpperCase()} ${path} `)),
            path
          )
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
        const [, named = ""] = /^the parameters are (.*); secrets are in headers$/u.exec(json.error.text) ?? []
        assert.sameMembers(
          named.split(", ").filter((name) => name !== ""),
          described
        )
      }
    })
  )
})
