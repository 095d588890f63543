import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { startSocketServer } from "../support/SocketServer.js"

const start = Effect.gen(function* () {
  const server = yield* startSocketServer()
  /** Logs in as a client that only sends. */
  const sender = (name: string) =>
    Effect.gen(function* () {
      const client = yield* server.connect
      client.name = name
      yield* client.send(`/hello send-only\n${name}\n/ping\n`)
      assert.match(yield* client.line, /^\* hello [^:]* on=send-only: /u)
      yield* client.expect("* pong")
      return client
    })
  const refused = (login: string, hello: string) =>
    Effect.gen(function* () {
      const client = yield* server.connect
      yield* client.send(`${hello}${login}\n`)
      const lines = yield* client.rest
      assert.match(lines.at(-1) ?? "", new RegExp(`^! login-in-use ${login} fatal: `, "u"))
    })
  return { refused, sender, server }
})

describe("/hello send-only", () => {
  it.scopedLive("lets a client send without being seen by others", () =>
    Effect.gen(function* () {
      const { sender, server } = yield* start
      const bob = yield* server.join("bob")
      yield* bob.send("/hello\n")
      assert.match(yield* bob.line, /^\* hello /u)
      const script = yield* sender("script")
      yield* script.send("@k1 bob: done\n@k2 script: me\n")
      yield* bob.expect("from script: done")
      yield* script.expect("! undelivered @k2 script reason=offline", "* written @k1 bob")
      yield* bob.send("script, SCRIPT: hi\n/who\n")
      yield* bob.expect("! undelivered script, SCRIPT reason=offline", "* who 1: bob")
      yield* script.send("/quit\n")
      yield* script.expect("* bye reason=quit")
      yield* bob.barrier
      const { accepted, returned, written } = yield* server.ledger
      assert.deepStrictEqual([accepted, written, returned], [6, 3, 3])
    })
  )

  it.scopedLive("lets several clients send under one name, which no other client can take meanwhile", () =>
    Effect.gen(function* () {
      const { refused, sender, server } = yield* start
      const bob = yield* server.join("bob")
      const scripts = [yield* sender("script"), yield* sender("script")] as const
      for (const script of scripts) yield* script.send("bob: done\n")
      yield* bob.expect("from script: done", "from script: done")
      yield* refused("script", "")
      yield* refused("Script", "")
      yield* refused("SCRIPT", "/hello send-only\n")
      yield* scripts[0].send("/quit\n")
      yield* scripts[0].expect("* bye reason=quit")
      assert.deepStrictEqual(yield* scripts[0].rest, [])
      yield* refused("script", "")
      yield* scripts[1].send("/quit\n")
      yield* scripts[1].expect("* bye reason=quit")
      assert.deepStrictEqual(yield* scripts[1].rest, [])
      yield* server.join("script")
    })
  )

  it.scopedLive("does not let a client send under the name of one that is present", () =>
    Effect.gen(function* () {
      const { refused, server } = yield* start
      const alice = yield* server.join("alice")
      yield* refused("alice", "/hello send-only\n")
      yield* refused("Alice", "/hello send-only\n")
      yield* alice.barrier
    })
  )

  it.scopedLive("has no effect after the login", () =>
    Effect.gen(function* () {
      const { server } = yield* start
      const alice = yield* server.join("alice")
      yield* alice.send("/hello send-only\n")
      assert.notInclude(yield* alice.line, "on=")
      yield* alice.barrier
    })
  )
})
