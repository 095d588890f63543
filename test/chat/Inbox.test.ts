import { assert, describe, it } from "@effect/vitest"
import { Budget } from "../../src/chat/Budget.js"
import { Inbox } from "../../src/chat/Inbox.js"
import * as MemorySocket from "../../src/ports/MemorySocket.js"

describe("Inbox", () => {
  it("keeps no text of a block that has been handled while the next one waits", () => {
    const [socket] = MemorySocket.pair({ bufferBytes: 1_000, readBytes: 1_000 }, { remote: "a client" }, () => {})
    const inbox = new Inbox(socket, 100, new Budget(Infinity))
    inbox.read(Buffer.from("one\n"))
    inbox.read(Buffer.from("two\n"))
    const first = inbox.current
    assert.isTrue(first?._tag === "Lines" && first.text === "one\n")
    inbox.advance()
    assert.isTrue(first?._tag === "Lines" && first.text === "")
    const second = inbox.current
    assert.isTrue(second?._tag === "Lines" && second.text === "two\n")
  })
})
