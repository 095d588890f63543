import { assert, describe, it } from "@effect/vitest"
import { deliveredOf, type Delivery } from "../../src/cluster/NatsJetStream.js"

/** What is read of a message; the connection is used for flow control only. */
const read = (reply: string): Delivery =>
  deliveredOf({ reply, subject: "achat.names.x.bob", string: () => "a" } as never, undefined as never)

describe("a message that a consumer delivers", () => {
  it("has its numbers in the reply subject, in the short form and in the long ones", () => {
    const message = { subject: "achat.names.x.bob", sequence: 42, value: "a", isMarker: false }
    const expected = { _tag: "Message" as const, number: 7, pending: 5, message }
    for (const reply of [
      "$JS.ACK.achat-names.consumer.1.42.7.1700000000123456789.5",
      "$JS.ACK.domain.account.achat-names.consumer.1.42.7.1700000000123456789.5",
      "$JS.ACK._.account.achat-names.consumer.1.42.7.1700000000123456789.5.random",
      "$JS.ACK.domain.account.achat-names.consumer.1.42.7.1700000000123456789.5.12345.more"
    ]) {
      assert.deepStrictEqual(read(reply), expected, reply)
    }
  })

  it("has no number that another one could follow if the reply subject is none", () => {
    for (const reply of ["", "$JS.ACK", "a.b.c.d.e.f.g.h.i"]) {
      assert.deepInclude(read(reply), { _tag: "Message", number: NaN })
    }
  })
})
