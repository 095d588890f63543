import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as PostgresServer from "../support/PostgresServer.js"
import * as Program from "../support/Program.js"

describe.skipIf(PostgresServer.missing)("a-chat serve whose database is not there", () => {
  it.scopedLive("waits until it is", () =>
    Effect.gen(function* () {
      const database = yield* PostgresServer.make()
      yield* database.killAll
      const flags = ["serve", "--port", "0", "--log-format", "logfmt", "--store", database.url]
      const server = yield* Program.start(flags, { input: "" })
      yield* server.says("errors", /message="the store is not there yet" reason="the database cannot be used: /u)
      yield* database.start
      yield* server.says("errors", /message=listening/u)
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).status, 0)
    })
  )

  it.scopedLive("does not wait for one that refuses it", () =>
    Effect.gen(function* () {
      const { url } = yield* PostgresServer.make()
      const store = url.replace("chat@", "nobody@")
      const { errors, status } = yield* Program.runProcess(["serve", "--port", "0", "--store", store])
      assert.strictEqual(status, 2)
      assert.match(errors, /^a-chat: the database cannot be used: role "nobody" does not exist\n$/u)
    })
  )
})
