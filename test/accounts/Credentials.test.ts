import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Credentials from "../../src/accounts/Credentials.js"
import { cheap } from "../support/Accounts.js"

describe("a password", () => {
  const table: ReadonlyArray<readonly [string, string, string | undefined]> = [
    ["of 7 code points", "1234567", undefined],
    ["of 8 code points", "12345678", "12345678"],
    ["of 8 code points above the first plane", "𝒜".repeat(8), "𝒜".repeat(8)],
    ["of 128 code points", "x".repeat(128), "x".repeat(128)],
    ["of 129 code points", "x".repeat(129), undefined],
    ["that is far too long", "a\u0308".repeat(100_000), undefined],
    ["in another normal form", "cre\u0300me bru\u0302le\u0301e", "crème brûlée"],
    ["with white space around it", " \u2003correct horse\u00a0\t", "correct horse"],
    ["with spaces inside", "a b c d e", "a b c d e"],
    ["of white space alone", " ".repeat(20), undefined],
    ["with a NUL", "correct\0horse", undefined],
    ["with a TAB inside", "correct\thorse", undefined],
    ["with a C1 control", "correct\u0085horse", undefined],
    ["with half a surrogate pair", "correct\ud83dhorse", undefined],
    ["that is a token", `achat_${"0".repeat(32)}`, undefined],
    ["that begins like a token", "achat_and more", undefined]
  ]
  for (const [what, text, expected] of table) {
    it(`${what} is ${expected === undefined ? "none" : "one"}`, () =>
      assert.strictEqual(Credentials.parsePassword(text), expected))
  }
})

describe("the record of a password", () => {
  it.effect("has its cost and a salt of its own, and not the password", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* Credentials.hash("correct horse"), yield* Credentials.hash("correct horse")]
      assert.match(one, /^\$scrypt\$ln=14,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/u)
      assert.notStrictEqual(one, two)
      assert.notInclude(one, "correct")
      assert.isTrue(yield* Credentials.verify("correct horse", one))
      assert.isFalse(yield* Credentials.verify("correct hors", one))
    })
  )

  it.effect("is verified at its own cost, and then outdated", () =>
    Effect.gen(function* () {
      const record = yield* Credentials.hash("correct horse", { ln: 3, r: 2, p: 2 })
      assert.match(record, /^\$scrypt\$ln=3,r=2,p=2\$/u)
      assert.isTrue(yield* Credentials.verify("correct horse", record))
      assert.isTrue(Credentials.isOutdated(record))
      assert.isFalse(Credentials.isOutdated(record, { ln: 3, r: 2, p: 2 }))
    })
  )

  // The vector of RFC 7914, section 12: "password", "NaCl", N = 1024, r = 8, p = 16.
  it.effect("is scrypt of RFC 7914", () =>
    Effect.gen(function* () {
      const hash =
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e773" +
        "76634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
      const record = `$scrypt$ln=10,r=8,p=16$TmFDbA$${Buffer.from(hash, "hex").toString("base64").replace(/=+$/u, "")}`
      assert.isTrue(yield* Credentials.verify("password", record))
    })
  )

  const damaged = [
    "",
    "correct horse",
    "$scrypt$ln=14,r=8,p=1$c2FsdA$",
    "$scrypt$ln=99,r=8,p=1$c2FsdHNhbHRzYWx0$c2FsdHNhbHRzYWx0c2FsdHNhbHQ",
    "$scrypt$ln=20,r=8,p=1$c2FsdHNhbHRzYWx0$c2FsdHNhbHRzYWx0c2FsdHNhbHQ",
    "$scrypt$ln=0,r=0,p=0$c2FsdHNhbHRzYWx0$c2FsdHNhbHRzYWx0c2FsdHNhbHQ",
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"
  ]
  for (const record of damaged) {
    it.effect(`${JSON.stringify(record)} matches no password`, () =>
      Effect.map(Credentials.verify("correct horse", record), (isSame) => assert.isFalse(isSame))
    )
  }

  it.effect("of nobody takes the same cost, and no password", () =>
    Effect.gen(function* () {
      assert.match(Credentials.decoy, /^\$scrypt\$ln=14,r=8,p=1\$/u)
      assert.isFalse(yield* Credentials.verify("correct horse", Credentials.decoy))
    })
  )

  it.effect("is of its password and of no other", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(FastCheck.string(), FastCheck.string(), async (one, other) => {
          const record = await Effect.runPromise(Credentials.hash(one, cheap))
          assert.isTrue(await Effect.runPromise(Credentials.verify(one, record)))
          assert.strictEqual(await Effect.runPromise(Credentials.verify(other, record)), one === other)
        }),
        { numRuns: 50 }
      )
    )
  )
})

describe("a token", () => {
  it("has 128 random bits behind a prefix that scanners know", () => {
    const tokens = Array.from({ length: 100 }, Credentials.makeToken)
    for (const token of tokens) assert.match(token, /^achat_[0-9a-f]{32}$/u)
    assert.strictEqual(new Set(tokens).size, 100)
    for (const token of tokens) assert.isTrue(Credentials.isToken(token))
    assert.isFalse(Credentials.isToken("achat_"))
  })

  it("is stored as SHA-256", () =>
    assert.strictEqual(
      Buffer.from(Credentials.tokenHash("abc")).toString("hex"),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    ))
})
