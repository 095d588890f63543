import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { startAccounts } from "../support/Accounts.js"
import { startSocketServer } from "../support/SocketServer.js"

const secrets = ["correct horse", "battery staple", "a wrong guess", "another password"]

describe("the log of a server", () => {
  it.scopedLive("never contains a password or a token, whatever the outcome of a login or a command", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({ alice: secrets[0] ?? "" })
      const server = yield* startSocketServer(accounts)
      const say = (...lines: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const client = yield* server.connect
          yield* client.send(`${[...lines, "/quit"].join("\n")}\n`)
          return (yield* client.rest).join("\n")
        })
      const answer = yield* say(`alice: ${secrets[0]}`, "/token bot", "/devices", `/password ${secrets[1]}`)
      const [, token = ""] = / bot (achat_[0-9a-f]{32}): /u.exec(answer) ?? []
      assert.notStrictEqual(token, "")
      yield* say(`alice/bot: ${token}`)
      yield* say(`alice: ${secrets[2]}`)
      yield* say(`alice/phone: ${token}`)
      yield* say(`Zoë/ä: ${secrets[2]}`)
      yield* say("bob", `/register ${secrets[3]}`, `/password ${secrets[3]}`, `/registr ${secrets[3]}`)
      yield* say(`/register ${secrets[3]}`, `@x alice: ${secrets[2]}`)
      const log = server.logs.map((entry) => JSON.stringify(entry)).join("\n")
      assert.include(log, "connection closed")
      for (const secret of [...secrets, token, token.slice(6)]) assert.notInclude(log, secret)
    }).pipe(Logger.withMinimumLogLevel(LogLevel.All))
  )
})
