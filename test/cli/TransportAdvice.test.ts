import { assert, describe, it } from "@effect/vitest"
import * as TransportAdvice from "../../src/cli/TransportAdvice.js"
import { TransportError, type Hint } from "../../src/ports/Transport.js"

const failure = (hint?: Hint) => new TransportError({ during: "Listen", reason: "it failed", code: "E", hint })

describe("the advice after a failure", () => {
  it("depends on what the program was doing", () => {
    assert.strictEqual(TransportAdvice.toConnect(failure("unknown-host")).message, "it failed; check --host")
    assert.strictEqual(TransportAdvice.toListenForAdmin(failure("unknown-host")).message, "it failed; check --admin")
    assert.match(TransportAdvice.toListen(failure("port-in-use")).message, /^it failed; .*--port/u)
    assert.match(TransportAdvice.toListenForAdmin(failure("port-in-use")).message, /^it failed; .*--admin/u)
  })

  it("is given once, and keeps the code", () => {
    const advised = TransportAdvice.toConnect(failure("not-tls"))
    assert.strictEqual(advised.code, "E")
    assert.strictEqual(
      TransportAdvice.toConnect(advised).message,
      "it failed; leave out --tls, or write tcp:// in place of tls://"
    )
  })

  it("is left out where there is none", () => {
    assert.strictEqual(TransportAdvice.toConnect(failure()).message, "it failed")
    assert.strictEqual(TransportAdvice.toConnect(failure("port-in-use")).message, "it failed")
  })
})
