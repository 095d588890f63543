import { assert, describe, it } from "@effect/vitest"
import { screen, started } from "./ChatPage.js"
import { PlayedServer, PlayedTimers } from "./PlayedServer.js"

describe("the page's clock", () => {
  it("shows the time of the server where the browser's clock is wrong", async () => {
    const server = new PlayedServer()
    const wrong = new PlayedTimers(1_700_000_000_000)
    const { chat } = await started(server, { timers: wrong })
    chat.send("bob", ["hi"])
    await server.settle()
    const [line] = screen(chat, "bob")
    assert.strictEqual(line?.at, server.log("bob").lines[0]?.at)
    assert.isBelow(Math.abs(chat.now() - (line?.at ?? 0)), 1_000)
  })

  it("asks for that time after the login, and does without an answer", async () => {
    const server = new PlayedServer()
    const year = 365 * 86_400_000
    const at = 1_764_000_000_000
    for (const [serverTime, expected] of [
      [() => Promise.resolve(at), at],
      [() => Promise.resolve(undefined), at + year],
      [() => Promise.reject(new Error("no network")), at + year]
    ] as const) {
      const { chat } = await started(server, { timers: new PlayedTimers(at + year), serverTime })
      assert.strictEqual(chat.now(), expected)
      chat.stop("", "test")
    }
  })
})
