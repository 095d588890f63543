import { assert, describe, it } from "@effect/vitest"
import * as Address from "../../src/client/Address.js"

describe("a line that is addressed to bot", () => {
  const table: ReadonlyArray<readonly [text: string, rest: string | undefined]> = [
    ["bot: status", "status"],
    ["bot, status", "status"],
    ["bot:  a: b ", "a: b "],
    ["@bot status", "status"],
    ["@bot: status", "status"],
    ["BOT: status", "status"],
    ["ｂｏｔ: status", "status"],
    ["bot", ""],
    ["bot:", ""],
    ["@bot", ""],
    ["bot is away", undefined],
    ["bot:status", undefined],
    ["bots: status", undefined],
    ["bot.: status", undefined],
    ["hi bot: status", undefined],
    ["hi", undefined],
    ["", undefined],
    [" bot: status", undefined],
    ["@@bot status", undefined]
  ]
  for (const [text, rest] of table) {
    it(`is ${rest === undefined ? "not " : ""}${JSON.stringify(text)}`, () =>
      assert.strictEqual(Address.textFor(text, "bot"), rest))
  }

  it("is none for a client without a name", () => assert.isUndefined(Address.textFor("\u200b: hi", "")))
})
