import { assert, describe, it } from "@effect/vitest"
import { seededRandom } from "../../scripts/random.mjs"
import type { Chat } from "../../src/web/model/Chat.js"
import { pageOf, texts } from "./ChatPage.js"
import { memory, PlayedServer, PlayedTimers } from "./PlayedServer.js"

describe("the page's model", () => {
  it("has each line once and in order, whenever the connection breaks and the page is loaded again", async () => {
    for (let seed = 1; seed <= 60; seed++) await wander(seed)
  }, 60_000)
})

/** Random events, until everything comes to rest: the screen then shows the log of the server. */
const wander = async (seed: number) => {
  const random = seededRandom(seed)
  const server = new PlayedServer()
  const kept = { browser: memory(), tab: memory(), timers: new PlayedTimers() }
  let { chat } = pageOf(server, kept)
  let written = 0
  chat.start()
  chat.reading.open("bob")
  for (let step = 0; step < 120; step++) {
    await Promise.resolve()
    server.holdsOutcomes = random.below(2) === 0
    switch (random.below(13)) {
      case 0:
        server.cut()
        break
      case 1:
        kept.timers.pass(random.below(3_000))
        break
      case 2:
        written += 1
        chat.send("bob", [`mine ${written}`])
        break
      case 3:
      case 4:
        written += 1
        server.write("bob", "bob", `theirs ${written}`)
        break
      case 5:
        // The page is loaded again.
        if (random.below(4) === 0) {
          chat.stop("", "test")
          server.cut()
          chat = pageOf(server, kept).chat
          chat.start()
        }
        break
      case 6:
        chat.reading.open(random.below(2) === 0 ? "bob" : "dave")
        break
      case 8:
        server.release()
        break
      case 7:
        await new Promise((resolve) => setImmediate(resolve))
        break
      default:
        for (let lines = random.below(4); lines >= 0; lines--)
          if (random.below(2) === 0) server.hearOne()
          else server.showOne()
    }
    assertOnce(chat, seed)
  }
  server.holdsOutcomes = false
  server.release()
  chat.reading.open("bob")
  for (let rounds = 0; rounds < 10; rounds++) {
    await server.settle()
    kept.timers.pass(5_000)
  }
  await server.settle()
  const log = server.log("bob").lines.map(({ text }) => text)
  assert.deepStrictEqual(texts(chat, "bob"), log, `seed ${seed}`)
  assert.isTrue(chat.sending.isEmpty, `seed ${seed}`)
  assert.deepStrictEqual(server.mistakes, [], `seed ${seed}`)
  assert.strictEqual(new Set(log).size, log.length, `seed ${seed}: a line was stored twice`)
}

const assertOnce = (chat: Chat, seed: number) => {
  const all = texts(chat, "bob")
  assert.strictEqual(new Set(all).size, all.length, `seed ${seed}: a line is on the screen twice: ${all.join(", ")}`)
}
