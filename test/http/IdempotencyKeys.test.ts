import { assert, describe, it } from "@effect/vitest"
import { IdempotencyKeys } from "../../src/http/IdempotencyKeys.js"

/** Takes a key for a request with this text. */
const taking = (keys: IdempotencyKeys) => (login: string, key: string, text: string) =>
  keys.take({ login, key, head: "bob", texts: [text] })

describe("IdempotencyKeys", () => {
  it("of more than it remembers, forgets the oldest of the account with the most", () => {
    const take = taking(new IdempotencyKeys(4))
    assert.isTrue(take("alice/ci", "1", "one"))
    for (let key = 1; key <= 20; key++) assert.isTrue(take(`mallory/${key % 2}`, String(key), "one"))
    // A key that is known takes no other text.
    assert.isFalse(take("alice/ci", "1", "two"))
    assert.deepStrictEqual(
      [18, 19, 20].map((key) => take(`mallory/${key % 2}`, String(key), "two")),
      [false, false, false]
    )
    assert.isTrue(take("mallory/1", "17", "two"))
  })

  it("makes room for each account", () => {
    const take = taking(new IdempotencyKeys(2))
    for (const login of ["alice", "bob", "carol"]) assert.isTrue(take(login, "1", "one"))
    assert.deepStrictEqual([take("bob", "1", "two"), take("carol", "1", "two")], [false, false])
    assert.isTrue(take("alice", "1", "two"))
  })
})
