import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Tcp from "../../src/transport/Tcp.js"
import { noPerl, unansweredPort } from "../support/OtherProcesses.js"
import * as FakeServer from "../support/FakeServer.js"

describe("Tcp.connect", () => {
  for (const [address, said] of [
    [
      { _tag: "Inherited", descriptor: 3, name: "chat" },
      /^cannot connect to fd:\/\/chat: only who opened it knows where it is$/
    ],
    [{ _tag: "Tls", host: "::1", port: 1 }, /^cannot connect to tls:\/\/\[::1\]:1: it speaks TLS; see Tls\.connect$/],
    [{ _tag: "Memory" }, /^cannot connect to memory: /]
  ] as const) {
    it.live(`says that it is not for a ${address._tag} address`, () =>
      Effect.map(Effect.flip(Tcp.connect(address)), ({ message }) => assert.match(message, said))
    )
  }

  it.scopedLive.skipIf(noPerl !== undefined)("gives up after its time where nobody answers", () =>
    Effect.gen(function* () {
      const port = yield* unansweredPort
      const error = yield* Effect.flip(Tcp.connect({ _tag: "Tcp", host: "127.0.0.1", port }, "200 millis"))
      assert.strictEqual(error.code, "ETIMEDOUT")
      assert.match(error.message, /^cannot connect to 127\.0\.0\.1:\d+: the host does not answer;/u)
    })
  )

  it.scopedLive("leaves a connection alone that was made in time", () =>
    Effect.gen(function* () {
      const { port } = yield* FakeServer.make((socket) => setTimeout(() => socket.end("late"), 300))
      const socket = yield* Tcp.connect({ _tag: "Tcp", host: "127.0.0.1", port }, "100 millis")
      const came = yield* Effect.async<string>((resume) => {
        let text = ""
        socket.attach({
          data: (bytes) => (text += Buffer.from(bytes).toString()),
          end: () => resume(Effect.succeed(text)),
          closed: (error) => resume(Effect.dieMessage(`closed: ${error?.message}`))
        })
      })
      socket.destroy()
      assert.strictEqual(came, "late")
    })
  )
})
