import { assert, describe, it } from "@effect/vitest"
import * as NetListener from "../../src/transport/NetListener.js"

const address = { _tag: "Inherited", descriptor: 3, name: "a" } as const

/** What is said of a failure with that code of the system's. */
const said = (code: string | undefined) =>
  NetListener.listenError(address, code === undefined ? undefined : { code }).message

describe("a socket that was passed and cannot be listened on", () => {
  for (const code of [undefined, "EINVAL", "ENOTSOCK"]) {
    it(`is none that listens for streams: ${code ?? "no socket at all"}`, () => {
      assert.match(said(code), /^cannot listen on fd:\/\/a: descriptor 3 is no socket that listens for streams; in a /)
    })
  }

  it("is told with the system's own code where that says something else", () => {
    assert.strictEqual(said("ENOBUFS"), "cannot listen on fd://a: ENOBUFS")
  })
})
