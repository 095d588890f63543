import { assert, describe, it } from "@effect/vitest"
import * as HelloWord from "../../src/protocol/HelloWord.js"

const { all, none } = HelloWord

const after = (...args: ReadonlyArray<string>) => [
  ...args.reduce<ReadonlySet<HelloWord.HelloWord>>(
    (words, argument) => HelloWord.add(words, argument, false, all),
    none
  )
]

describe("HelloWord", () => {
  it("reads the words of an argument, separated by spaces and TABs", () => {
    for (const word of all) {
      assert.deepStrictEqual(after(word), [word])
      assert.deepStrictEqual(after(`x \t ${word}\t\ty ${word}`), [word])
    }
    assert.deepStrictEqual(after(all.join(" ")), [...all])
  })

  it("ignores unknown words, and words that only contain a known one", () => {
    for (const word of all) {
      assert.deepStrictEqual(after(`${word}s`), [])
      assert.deepStrictEqual(after(`x${word} ${word}=1 ${word}+x ${word.toUpperCase()}`), [])
    }
  })

  it("adds the words of several arguments up, in the order of the table", () => {
    for (const word of all) assert.deepStrictEqual(after(word, "", "x", word), [word])
    assert.deepStrictEqual(after(...all.toReversed()), [...all])
  })

  it("ignores the words about kept lines where there are none", () => {
    assert.deepStrictEqual([...HelloWord.add(none, all.join(" "), false)], [...HelloWord.basic])
    assert.deepStrictEqual([...HelloWord.add(none, HelloWord.kept.join(" "), false)], [])
  })

  it("shares the empty set, and a set that does not change", () => {
    assert.strictEqual(HelloWord.add(none, "x", false), none)
    const some = HelloWord.add(none, all[0] ?? "", false)
    assert.strictEqual(HelloWord.add(some, all[0] ?? "", false), some)
  })

  it("does not add words for the login after it, and keeps them", () => {
    assert.deepStrictEqual([...HelloWord.add(none, "send-only to", true)], ["to"])
    const before = HelloWord.add(none, "send-only", false)
    assert.deepStrictEqual([...HelloWord.add(before, "to", true)], ["send-only", "to"])
  })
})
