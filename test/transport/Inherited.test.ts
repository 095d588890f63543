import { assert, describe, it } from "@effect/vitest"
import * as Inherited from "../../src/transport/Inherited.js"

const explain = Inherited.explainInherited(3)

describe("an inherited socket that cannot be listened on", () => {
  for (const code of [undefined, "EINVAL", "ENOTSOCK"]) {
    it(`is not a listening stream socket: ${code ?? "no socket at all"}`, () => {
      assert.deepStrictEqual(explain(code), {
        why: "descriptor 3 is not a listening stream socket",
        hint: "not-a-listening-socket"
      })
    })
  }

  it("is reported with the operating system's code where that says something else", () => {
    assert.deepStrictEqual(explain("ENOBUFS"), { why: "ENOBUFS" })
  })
})
