import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CommandLine from "../../src/cli/help/CommandLine.js"
import * as Flags from "../../src/cli/settings/Flags.js"
import * as Setting from "../../src/cli/settings/Setting.js"
import * as Sources from "../../src/cli/settings/Sources.js"
import * as Units from "../../src/cli/settings/Units.js"

/** The value and its origin as a command gets them, or the complaint about it. */
const parse = <A>(setting: Setting.Setting<A>, args: ReadonlyArray<string>, environment: Record<string, string> = {}) =>
  Effect.sync(() => {
    const flags = Flags.source({ setting }, CommandLine.parse(["serve", ...args], { setting }).flags)
    const source = Sources.inOrder({ flags, environment: Sources.environment(environment) })
    const { mistakes, resolved } = Sources.resolve({ setting }, source)
    return mistakes[0]?.text ?? { origin: resolved.origins.setting, value: resolved.values.setting }
  })

const value = <A>(setting: Setting.Setting<A>, text: string) =>
  Effect.map(parse(setting, ["--some-limit", text]), (given) => (typeof given === "object" ? given.value : given))

const facts = { about: "x", default: undefined }

const count = Setting.count("some-limit", { ...facts, min: 2, max: 2000 })
const countOrOff = Setting.count("some-limit", { ...facts, min: 2, max: 2000, off: true })
const bytes = Setting.bytes("some-limit", { ...facts, min: 64, max: 1_048_576 })
const duration = Setting.duration("some-limit", { ...facts, min: Duration.millis(100), max: Duration.minutes(10) })

describe("A setting", () => {
  it.effect("has the value of its flag, else of its variable, else its default", () =>
    Effect.gen(function* () {
      const both = yield* parse(count, ["--some-limit", "7"], { ACHAT_SOME_LIMIT: "8" })
      assert.deepStrictEqual(both, { origin: "flag", value: 7 })
      const environment = yield* parse(count, [], { ACHAT_SOME_LIMIT: "8" })
      assert.deepStrictEqual(environment, { origin: "environment", value: 8 })
      const nothing = { origin: "default", value: undefined } as const
      assert.deepStrictEqual(yield* parse(count, []), nothing)
      assert.deepStrictEqual(yield* parse(count, [], { ACHAT_SOME_LIMIT: "" }), nothing)
    })
  )

  it.effect("with a bad value names the source of the value", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* parse(count, ["--some-limit", "a"]),
        `--some-limit: "a" is not a whole number; allowed: 2 to 2,000`
      )
      assert.strictEqual(
        yield* parse(count, [], { ACHAT_SOME_LIMIT: "1" }),
        `ACHAT_SOME_LIMIT: "1" is out of range; allowed: 2 to 2,000`
      )
    })
  )

  it.effect("with a good flag does not look at its variable", () =>
    Effect.gen(function* () {
      const given = yield* parse(count, ["--some-limit", "7"], { ACHAT_SOME_LIMIT: "a" })
      assert.deepStrictEqual(given, { origin: "flag", value: 7 })
    })
  )

  it("has a variable that is named like it", () =>
    assert.strictEqual(Setting.variable("max-connections-per-address"), "ACHAT_MAX_CONNECTIONS_PER_ADDRESS"))

  const outOfRange = /is out of range; allowed: /u
  const malformed = /is not a /u

  const numbers: ReadonlyArray<readonly [string, Setting.Setting<number | undefined>, string, number | RegExp]> = [
    ["the smallest number", count, "2", 2],
    ["one below it", count, "1", outOfRange],
    ["the greatest number", count, "2000", 2000],
    ["one above it", count, "2001", outOfRange],
    ["a number with blanks around", count, " 5 ", 5],
    ["a fraction", count, "2.5", malformed],
    ["a negative number", count, "-5", malformed],
    ["hexadecimal", count, "0x10", malformed],
    ["an exponent", count, "1e2", malformed],
    ["nothing", count, "", malformed],
    ["more digits than a number has", count, "9".repeat(400), malformed],
    ["off where it is allowed", countOrOff, "off", 0],
    ["0 where off is allowed", countOrOff, "0", 0],
    ["a number where off is allowed", countOrOff, "2", 2],
    ["a number out of range where off is allowed", countOrOff, "1", outOfRange],
    ["off where it is not allowed", count, "off", malformed],
    ["bytes", bytes, "65536", 65_536],
    ["KiB", bytes, "64KiB", 65_536],
    ["KiB with a blank, in small letters", bytes, "64 kib", 65_536],
    ["MiB", bytes, "1MiB", 1_048_576],
    ["half a MiB", bytes, "0.5MiB", 524_288],
    ["B", bytes, "64B", 64],
    ["a byte too few", bytes, "63", outOfRange],
    ["a byte too many", bytes, "1048577", outOfRange],
    ["a GiB out of range", bytes, "1GiB", outOfRange],
    ["a part of a byte", bytes, "64.5", malformed],
    ["a unit that is none", bytes, "64KB", malformed],
    ["a unit that is a property of every object", bytes, "64toString", malformed],
    ["a unit alone", bytes, "KiB", malformed]
  ]
  for (const [name, setting, text, expected] of numbers) {
    it.effect(`reads ${name}`, () =>
      Effect.map(value(setting, text), (given) =>
        expected instanceof RegExp ? assert.match(String(given), expected) : assert.strictEqual(given, expected)
      )
    )
  }

  const durations: ReadonlyArray<readonly [string, number | RegExp]> = [
    ["500ms", 500],
    ["500 millis", 500],
    ["10s", 10_000],
    ["2 seconds", 2000],
    ["1 second", 1000],
    ["1.5s", 1500],
    ["1m", 60_000],
    ["10 minutes", 600_000],
    ["100", malformed],
    ["99ms", outOfRange],
    ["100ms", 100],
    ["600001ms", outOfRange],
    ["1h", outOfRange],
    ["1d", outOfRange],
    ["2 days", outOfRange],
    ["ten seconds", malformed],
    ["-1s", malformed],
    ["Infinity", malformed]
  ]
  for (const [text, expected] of durations) {
    it.effect(`reads the time ${text}`, () =>
      Effect.map(value(duration, text), (given) =>
        expected instanceof RegExp
          ? assert.match(String(given), expected)
          : assert.strictEqual(Duration.isDuration(given) && Duration.toMillis(given), expected)
      )
    )
  }

  it.effect("that is a switch is on when its flag is there, and else as its variable says", () =>
    Effect.gen(function* () {
      const setting = Setting.toggle("some-limit", "x")
      const on = (args: ReadonlyArray<string>, variable = "") =>
        Effect.map(parse(setting, args, { ACHAT_SOME_LIMIT: variable }), (given) =>
          typeof given === "object" ? given.value : given
        )
      assert.isFalse(yield* on([]))
      assert.isTrue(yield* on(["--some-limit"]))
      for (const text of ["1", "true", "yes", "on", " TRUE "]) assert.isTrue(yield* on([], text))
      for (const text of ["0", "false", "no", "off"]) assert.isFalse(yield* on([], text))
      assert.strictEqual(yield* on([], "perhaps"), `ACHAT_SOME_LIMIT: "perhaps" is neither yes nor no`)
      assert.isTrue(yield* on(["--some-limit"], "perhaps"))
      for (const flag of ["--some-limit=no", "--some-limit=off"]) assert.isFalse(yield* on([flag], "yes"))
      assert.isFalse(yield* on(["--some-limit", "n"], "yes"))
    })
  )

  it.effect("that is one of a few words reads it in any case", () =>
    Effect.gen(function* () {
      const choice = Setting.choice("some-limit", facts, ["json", "pretty"])
      assert.strictEqual(yield* value(choice, "JSON"), "json")
      assert.strictEqual(yield* value(choice, "xml"), `--some-limit: "xml" is not one of json, pretty`)
    })
  )

  it.effect("that is a list reads each of its flags, or its variable with commas", () =>
    Effect.gen(function* () {
      const list = Setting.list("some-limit", "n", { about: "x" }, (text) => count.parse(text))
      const parsed = (args: ReadonlyArray<string>, variable = "") => parse(list, args, { ACHAT_SOME_LIMIT: variable })
      assert.deepStrictEqual(yield* parsed([]), { origin: "default", value: [] })
      const flags = yield* parsed(["--some-limit", "2", "--some-limit", "3"])
      assert.deepStrictEqual(flags, { origin: "flag", value: [2, 3] })
      assert.deepStrictEqual(yield* parsed([], "4, 5"), { origin: "environment", value: [4, 5] })
    })
  )
})

describe("Units", () => {
  it("show sizes and times in the unit that fits", () => {
    assert.deepStrictEqual([0, 63, 65_536, 1_048_576, 1_048_577].map(Units.showBytes), [
      "0 B",
      "63 B",
      "64 KiB",
      "1 MiB",
      "1048577 B"
    ])
    assert.deepStrictEqual(
      [0, 500, 1500, 10_000, 60_000, 3_600_000].map((millis) => Units.showDuration(Duration.millis(millis))),
      ["0 ms", "500 ms", "1500 ms", "10 s", "1 m", "1 h"]
    )
  })
})
