import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { readFileSync } from "node:fs"
import { defaults } from "../../src/chat/Options.js"
import { limits } from "../../src/chat/Limits.js"
import * as LimitFlags from "../../src/cli/serve/LimitFlags.js"
import * as Sources from "../../src/cli/settings/Sources.js"

describe("LimitFlags.connections", () => {
  const descriptors = { limit: 1024, open: 24 }
  const none = { http: 0, admin: 0, control: 0 }
  const table: ReadonlyArray<readonly [string, number | undefined, { limit: number; open: number }, number]> = [
    ["what the descriptors leave", undefined, descriptors, 923],
    ["what is wanted, if there are descriptors for it", 923, descriptors, 923],
    ["no more than there are descriptors for", 924, descriptors, 923],
    ["100,000 where there is no limit", undefined, { limit: Infinity, open: 0 }, 100_000],
    ["at least one", undefined, { limit: 20, open: 24 }, 1]
  ]
  for (const [name, wanted, available, expected] of table) {
    it(`returns ${name}`, () =>
      assert.deepStrictEqual(LimitFlags.connections(wanted, none, available), { chat: expected, ...none }))
  }

  const others = (wanted: number | undefined, more: object, available = descriptors) => {
    const { admin, chat, control, http } = LimitFlags.connections(wanted, { ...none, ...more }, available)
    return [chat, http, admin, control]
  }

  it("sets descriptors aside for HTTP, at most a quarter", () => {
    assert.deepStrictEqual(others(undefined, { http: 200 }), [735, 200, 0, 0])
    assert.deepStrictEqual(others(undefined, { http: 512 }), [692, 246, 0, 0])
    assert.deepStrictEqual(others(500, { http: 246 }), [500, 246, 0, 0])
    assert.deepStrictEqual(others(undefined, { http: 512 }, { limit: 20, open: 24 }), [1, 1, 0, 0])
    assert.deepStrictEqual(others(undefined, { http: 512 }, { limit: Infinity, open: 0 }), [100_000, 512, 0, 0])
  })

  it("sets descriptors aside for the operators, at most an eighth for each port", () => {
    const operators = { admin: 64, control: 16 }
    assert.deepStrictEqual(others(undefined, operators), [848, 0, 64, 16])
    assert.deepStrictEqual(others(848, operators), [848, 0, 64, 16])
    assert.deepStrictEqual(others(849, operators), [848, 0, 64, 16])
    assert.deepStrictEqual(others(848, { ...operators, http: 1 }), [847, 1, 64, 16])
    assert.deepStrictEqual(others(undefined, { ...operators, http: 512 }, { limit: 120, open: 24 }), [24, 20, 10, 10])
    assert.deepStrictEqual(others(undefined, operators, { limit: 20, open: 24 }), [1, 0, 1, 1])
  })
})

const given = (variables: Record<string, string>) =>
  Sources.resolve(LimitFlags.settings, Sources.environment(variables)).resolved.values

describe("The settings of the limits", () => {
  it("are one for each row of the table, with the defaults of the server", () => {
    const { linger: _, maxConnections: __, ...others } = defaults
    assert.deepStrictEqual(given({}), { maxConnections: undefined, ...others })
  })

  it("have the key and the name of their row", () => {
    const values = given({ ACHAT_MAX_LINE: "100", ACHAT_RATE: "off", ACHAT_LIMIT_LOOPBACK: "yes" })
    assert.deepInclude(values, { maxLineBytes: 100, rate: 0, limitLoopback: true })
    for (const [key, { name }] of Object.entries(limits)) {
      assert.strictEqual(LimitFlags.settings[key as keyof typeof limits].name, name)
    }
  })

  it("accept their own defaults", () => {
    // The defaults of these depend on the machine.
    const derived = ["max-connections", "max-memory"]
    for (const { defaultText, name, parse, range } of Object.values(LimitFlags.settings)) {
      if (derived.includes(name) || range === undefined) continue
      assert.strictEqual(parse(defaultText.replaceAll(",", ""))._tag, "Right", `${name}: ${defaultText}`)
    }
    const { default: memory, max, min } = limits.maxMemory
    assert.isTrue(memory > min && memory < max)
  })
})

const conflict = (stall: number, hold: number) =>
  LimitFlags.conflict({ stallTimeout: Duration.seconds(stall), holdTimeout: Duration.seconds(hold) })

describe("The declarations of the library", () => {
  it("describe every limit", () => {
    const declarations = readFileSync(new URL("../../dist/library/chat/Limits.d.ts", import.meta.url), "utf8")
    for (const [key, { about }] of Object.entries(limits)) {
      const [, comment = ""] = declarations.match(new RegExp(`/\\*\\* (.*) \\*/\\s+${key}: `)) ?? []
      assert.include(comment, about.replace(/ --.*/u, ""))
    }
  })
})

describe("LimitFlags.conflict", () => {
  it("reports a stall timeout that is shorter than the hold timeout", () => {
    assert.isUndefined(conflict(5, 5))
    assert.strictEqual(conflict(4, 5), "--stall-timeout: 4 s is shorter than --hold-timeout, 5 s")
  })
})
