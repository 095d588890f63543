import { assert, describe, it } from "@effect/vitest"
import type { MessageFate } from "../../src/client/Client.js"
import type { SettledMessage } from "../../src/terminal/Outgoing.js"
import { StoredMessages } from "../../src/terminal/StoredMessages.js"

const stored = (name: string, seq: number): MessageFate => ({
  _tag: "Written",
  names: [name],
  code: "stored",
  seq,
  at: 1
})

const received = (name: string): MessageFate => ({ _tag: "Written", names: [name], code: "received" })

const written = (name: string): MessageFate => ({ _tag: "Written", names: [name] })

const message = (text: string, ...fates: ReadonlyArray<MessageFate>): SettledMessage => ({
  to: fates.flatMap((fate) => ("names" in fate ? fate.names : [])),
  text,
  fates
})

const start = () => {
  const shown: Array<string> = []
  const receipts = new StoredMessages(({ text }, isReceived) => shown.push(isReceived ? `${text} received` : text))
  return { receipts, shown }
}

describe("StoredMessages", () => {
  it("shows a message once, as received, if its receipt comes soon", () => {
    const { receipts, shown } = start()
    assert.isTrue(receipts.settle(message("one", stored("bob", 4)), 0))
    assert.isTrue(receipts.settle(message("both", stored("bob", 5), stored("carol", 1)), 0))
    assert.deepStrictEqual(shown, [])
    assert.strictEqual(receipts.take({ name: "bob", seq: 5 }), 0)
    assert.deepStrictEqual(shown, ["one received"])
    receipts.take({ name: "carol", seq: 1 })
    assert.deepStrictEqual(shown, ["one received", "both received"])
    assert.isFalse(receipts.showLate(10_000))
    assert.deepStrictEqual(shown, ["one received", "both received"])
  })

  it("shows it as stored after a second, and then counts what is received of it", () => {
    const { receipts, shown } = start()
    receipts.settle(message("one", stored("bob", 4)), 0)
    receipts.settle(message("two", stored("bob", 5)), 500)
    assert.isTrue(receipts.showLate(999))
    assert.deepStrictEqual(shown, [])
    assert.isTrue(receipts.showLate(1000))
    assert.isFalse(receipts.showLate(1500))
    assert.deepStrictEqual(shown, ["one", "two"])
    assert.strictEqual(receipts.take({ name: "bob", seq: 3 }), 0)
    assert.strictEqual(receipts.take({ name: "bob", seq: 4 }), 1)
    assert.strictEqual(receipts.take({ name: "bob", seq: 9 }), 1)
    assert.strictEqual(receipts.take({ name: "bob", seq: 9 }), 0)
    assert.deepStrictEqual(shown, ["one", "two"])
  })

  it("takes a receipt that comes before its message is settled, and none of another name", () => {
    const { receipts, shown } = start()
    receipts.take({ name: "mallory", seq: 99 })
    receipts.take({ name: "bob", seq: 4 })
    assert.isFalse(receipts.settle(message("one", stored("bob", 4)), 0))
    assert.isTrue(receipts.settle(message("two", stored("bob", 5)), 0))
    assert.deepStrictEqual(shown, ["one received"])
  })

  it("waits for no receipt where none can come", () => {
    const { receipts, shown } = start()
    assert.isFalse(receipts.settle(message("a", received("bob")), 0))
    assert.isFalse(receipts.settle(message("b", written("bob"), stored("carol", 1)), 0))
    assert.isTrue(receipts.settle(message("c", received("bob"), stored("carol", 2)), 0))
    const offline = { _tag: "Returned", names: ["dave"], reason: "offline", retryMillis: undefined, text: "" } as const
    assert.isFalse(receipts.settle(message("d", offline), 0))
    assert.deepStrictEqual(shown, ["a received", "b", "d"])
    assert.strictEqual(receipts.take({ name: "carol", seq: 2 }), 1)
    assert.deepStrictEqual(shown, ["a received", "b", "d", "c received"])
  })

  it("remembers a bounded number of names", () => {
    const { receipts } = start()
    for (let name = 0; name < 3000; name++) receipts.take({ name: `n${name}`, seq: 1 })
    assert.isTrue(receipts.settle(message("old", stored("n0", 1)), 0))
    assert.isFalse(receipts.settle(message("new", stored("n2999", 1)), 0))
  })

  it("waits for no receipt of a room, whose members do not send any", () => {
    const { receipts, shown } = start()
    assert.isFalse(receipts.settle(message("to the room", stored("#ops", 4)), 0))
    assert.isFalse(receipts.settle(message("to both", stored("bob", 1), stored("#ops", 5)), 0))
    assert.deepStrictEqual(shown, ["to the room", "to both"])
    assert.strictEqual(receipts.take({ name: "#ops", seq: 5 }), 0)
    assert.strictEqual(receipts.take({ name: "bob", seq: 1 }), 1)
  })
})
