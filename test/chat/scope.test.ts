import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import * as Server from "../../src/chat/Server.js"
import * as Client from "../../src/client/Client.js"
import * as Memory from "../../src/ports/Memory.js"

describe("the end of a server's scope", () => {
  it.scopedLive(
    "drains the server: accepted messages are delivered and clients are notified, long before the grace time is over",
    () =>
      Effect.gen(function* () {
        const network = yield* Memory.make()
        const scope = yield* Scope.make()
        const times = { grace: Duration.minutes(1), linger: Duration.millis(200) }
        yield* Scope.extend(Server.start({ listen: [network.listen], ...times }), scope)
        const bob = yield* Client.greet({ socket: network.connect, login: "bob" })
        const alice = yield* Client.connect({ socket: network.connect, login: "alice" })
        yield* alice.send(["bob"], "last words")
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        const lines = [...(yield* Effect.timeout(Stream.runCollect(bob.lines), "5 seconds"))]
        const heads = lines.map((line) => line.split(/[ :]/u, 2).join(" "))
        assert.sameMembers(heads, ["* joined", "from alice", "* closing", "* bye"])
        assert.strictEqual(heads.at(-1), "* bye")
        yield* closing
      })
  )
})
