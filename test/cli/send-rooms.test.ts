import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { labelOf, make as keeping, type KeepingServerOptions } from "../support/KeepingServer.js"
import * as Program from "../support/Program.js"
import { objects } from "../support/SendCommand.js"

/** Runs `a-chat send` as a guest, on a server that takes lines only after a `/join`; returns also what it was asked. */
const send = (args: ReadonlyArray<string>, options: KeepingServerOptions = {}, input = "") =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    let isIn = false
    const { port } = yield* keeping({
      isGuest: true,
      exchanges: false,
      command: (line, label) => {
        asked.push(line)
        isIn = true
        return [`* room @${label} #ops members=1 last=0: x`]
      },
      answer: (line) => {
        asked.push(line.slice(line.indexOf(" ") + 1))
        const label = labelOf(line)
        return [
          isIn
            ? `* stored @${label} #ops seq=1 at=5: x`
            : `! undelivered @${label} #ops reason=not-member: not a member`
        ]
      },
      ...options
    })
    const ended = yield* Program.run(["send", "--port", `${port}`, ...args], { input })
    return { ...ended, asked }
  })

describe.concurrent("a-chat send to a room", () => {
  it.scopedLive("says what to do if the login is not in it", () =>
    Effect.gen(function* () {
      const { asked, errors, status } = yield* send(["#ops", "hi"])
      assert.deepStrictEqual(asked, ["#ops: hi"])
      assert.strictEqual(
        errors,
        "a-chat: #ops: not-member: not a member; with --join, the command enters the room first\n"
      )
      assert.strictEqual(status, 1)
    })
  )

  it.scopedLive("enters it with --join, once for all lines", () =>
    Effect.gen(function* () {
      const { asked, errors, output, status } = yield* send(["--join", "--json", "#ops"], {}, "one\ntwo\n")
      assert.deepStrictEqual(asked, ["/join #ops", "#ops: one", "#ops: two"])
      assert.deepStrictEqual([status, errors], [0, ""])
      assert.deepStrictEqual(
        objects(output),
        [1, 2].map((line) => ({ line, to: "#ops", outcome: "stored", seq: 1, at: "1970-01-01T00:00:00.005Z" }))
      )
    })
  )

  it.scopedLive("asks nothing about people with --join", () =>
    Effect.gen(function* () {
      const { asked } = yield* send(["--join", "bob", "hi"], {
        answer: (line) => [`* written @${labelOf(line)} bob: x`]
      })
      assert.deepStrictEqual(asked, [])
    })
  )

  it.scopedLive("has status 1 if it may not enter", () =>
    Effect.gen(function* () {
      const { asked, errors, status } = yield* send(["--join", "#ops", "hi"], {
        command: (_, label) => [`! refused @${label} join reason=policy: the room is locked`]
      })
      assert.deepStrictEqual([status, asked], [1, []])
      assert.strictEqual(errors, "a-chat: #ops: policy: the room is locked\n")
    })
  )

  it.scopedLive("says that there is no such room", () =>
    Effect.gen(function* () {
      const { errors, status } = yield* send(["#ops", "hi"], {
        answer: (line) => [`! undelivered @${labelOf(line)} #ops reason=no-room: there is no such room`]
      })
      assert.strictEqual(status, 1)
      assert.include(errors, "a-chat: #ops: no-room: there is no such room; check the name")
    })
  )

  for (const name of ["#", "# ", "#a b,#"]) {
    it.scopedLive(`refuses ${JSON.stringify(name)}`, () =>
      Effect.gen(function* () {
        const { asked, errors, status } = yield* send([name, "hi"])
        assert.deepStrictEqual([status, asked], [2, []])
        assert.include(errors, "not a recipient")
      })
    )
  }
})

it.live("a-chat ask does not ask a room", () =>
  Effect.map(Program.run(["ask", "#ops", "hi"]), ({ errors, status }) => {
    assert.strictEqual(status, 2)
    assert.include(errors, "a room does not answer")
  })
)
