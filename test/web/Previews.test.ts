import { assert, describe, it } from "@effect/vitest"
import { started } from "./ChatPage.js"
import { PlayedServer } from "./PlayedServer.js"

/** A server whose conversations the device has been given whole before. */
const readBefore = (...names: ReadonlyArray<string>) => {
  const server = new PlayedServer()
  for (const name of names) {
    for (const text of ["first", `last of ${name}`]) server.write(name, "bob", text)
    server.log(name).place = 2
  }
  return server
}

const previews = (chat: Awaited<ReturnType<typeof started>>["chat"]) =>
  chat.conversations.all.map(({ lastMessage }) => lastMessage.peek()?.text)

const pagesAskedOf = (server: PlayedServer) => server.heard.filter((line) => line.includes("/history "))

describe("the beginnings of the last messages in the list", () => {
  it("come for what is in sight after the page was loaded again, once each", async () => {
    const server = readBefore("#ops", "bob", "carol")
    const { chat } = await started(server)
    assert.deepStrictEqual(previews(chat), [undefined, undefined, undefined])
    for (const name of ["#ops", "bob", "#ops"]) chat.reading.previews.want(chat.at(name))
    await server.settle()
    assert.deepStrictEqual(previews(chat), ["last of #ops", "last of bob", undefined])
    chat.reading.previews.want(chat.at("bob"))
    await server.settle()
    assert.deepStrictEqual(
      pagesAskedOf(server).map((line) => line.replace(/^@\S+ /u, "")),
      ["/history #ops limit=1", "/history bob limit=1"]
    )
    assert.strictEqual(chat.at("#ops").timeline.size, 0)
  })

  it("are not asked for once the conversation is out of sight, or has a line", async () => {
    const server = readBefore("#ops", "bob", "carol")
    const { chat } = await started(server)
    for (const name of ["#ops", "bob", "carol"]) chat.reading.previews.want(chat.at(name))
    chat.reading.previews.leave(chat.at("bob"))
    server.write("carol", "carol", "new")
    await server.settle()
    assert.deepStrictEqual(previews(chat), ["last of #ops", undefined, "new"])
    assert.strictEqual(pagesAskedOf(server).length, 1)
    chat.reading.previews.want(chat.at("bob"))
    await server.settle()
    assert.strictEqual(previews(chat)[1], "last of bob")
  })

  it("follow the conversation, which begins with the missing lines", async () => {
    const server = readBefore("#ops")
    server.log("#ops").place = 0
    const { chat } = await started(server)
    const one = chat.at("#ops")
    assert.strictEqual(one.lastMessage.peek()?.text, "last of #ops")
    server.write("#ops", "bob", "third")
    await server.settle()
    assert.strictEqual(one.lastMessage.peek()?.text, "third")

    const other = readBefore("#ops")
    const late = (await started(other)).chat.at("#ops")
    late.learnLast({ key: "k", kind: "message", from: "bob", isOwn: false, text: "fifth", at: Number.MAX_SAFE_INTEGER })
    other.write("#ops", "bob", "third")
    await other.settle()
    assert.deepStrictEqual([late.lastMessage.peek()?.text, late.timeline.size], ["fifth", 1])
  })

  it("are asked for again after a refusal that was about the pace, and after the next login", async () => {
    const server = readBefore("#ops")
    const { chat, timers } = await started(server)
    server.slowDowns = 1
    chat.reading.previews.want(chat.at("#ops"))
    await server.settle()
    assert.deepStrictEqual(previews(chat), [undefined])
    timers.pass(1_000)
    await server.settle()
    assert.deepStrictEqual(previews(chat), ["last of #ops"])

    server.isDamaged = () => true
    const { chat: again, timers: clock } = await started(server)
    again.reading.previews.want(again.at("#ops"))
    await server.settle()
    again.reading.previews.want(again.at("#ops"))
    await server.settle()
    assert.strictEqual(pagesAskedOf(server).length, 3)
    server.cut()
    server.isDamaged = () => false
    clock.pass(2_000)
    await server.settle()
    again.reading.previews.want(again.at("#ops"))
    await server.settle()
    assert.deepStrictEqual(previews(again), ["last of #ops"])
  })

  it("leave the pace of a server with limits to the user", async () => {
    const server = readBefore("#ops", "bob", "carol")
    server.facts += " rate=5"
    const { chat, timers } = await started(server)
    for (const one of chat.conversations.all) chat.reading.previews.want(one)
    for (const pages of [0, 1, 2, 3]) {
      await server.settle()
      assert.strictEqual(pagesAskedOf(server).length, pages)
      timers.pass(1_000)
    }
  })

  it("do not come from a server that has begun from nothing meanwhile", async () => {
    const server = readBefore("#ops")
    const { chat, timers } = await started(server)
    chat.reading.previews.want(chat.at("#ops"))
    await server.settle()
    server.cut()
    server.logs.clear()
    server.facts = server.facts.replace("log=one", "log=two")
    timers.pass(2_000)
    await server.settle()
    assert.deepStrictEqual(previews(chat), [undefined])
  })
})
