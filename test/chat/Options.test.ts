import { assert, describe, it } from "@effect/vitest"
import { limits, type Limit } from "../../src/chat/Limits.js"
import * as Units from "../../src/cli/settings/Units.js"
import * as Documents from "../support/Documents.js"

const source = Documents.text("src/chat/Options.ts")

/** The comment before a property, without its line breaks. */
const commentOf = (property: string) =>
  new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*readonly ${property}:`, "u")
    .exec(source)?.[1]
    ?.replaceAll(/\s+(?:\* )?/gu, " ")

const defaultOf = (limit: Limit): string => {
  if (limit.defaultText !== undefined) return limit.defaultText
  switch (limit.kind) {
    case "toggle":
      return "off"
    case "duration":
      return Units.showDuration(limit.default)
    case "bytes":
      return Units.showBytes(limit.default)
    case "count":
      return limit.default === 0 ? "0, which means off" : Units.showCount(limit.default)
  }
}

describe("The options of a server", () => {
  for (const [property, limit] of Object.entries<Limit>(limits)) {
    it(`say in an editor what ${property} means, and its default`, () =>
      assert.include(commentOf(property), `${limit.about}. Default: ${defaultOf(limit)}.`))
  }
})
