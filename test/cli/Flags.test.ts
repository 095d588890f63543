import * as CliConfig from "@effect/cli/CliConfig"
import * as Options from "@effect/cli/Options"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Flags from "../../src/cli/settings/Flags.js"
import * as Help from "../../src/cli/help/HelpText.js"

const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer)

/** The value, or what is said of it. */
const parse = <A>(flag: Flags.Flag<A>, args: ReadonlyArray<string>, environment: Record<string, string> = {}) =>
  Options.processCommandLine(flag, args, CliConfig.defaultConfig).pipe(
    Effect.map(([, , given]) => Option.getOrUndefined(given)),
    Effect.catchAll(({ error }) => Effect.succeed(Help.plain(error))),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(environment)))),
    Effect.provide(platform)
  )

const value = <A>(flag: Flags.Flag<A>, text: string) =>
  Effect.map(parse(flag, ["--some-limit", text]), (given) => (typeof given === "object" ? given.value : given))

const description = { about: "x", fallback: "none" }

const count = Flags.count("some-limit", description, { min: 2, max: 2000 })
const countOrOff = Flags.count("some-limit", description, { min: 2, max: 2000, off: true })
const bytes = Flags.bytes("some-limit", description, { min: 64, max: 1_048_576 })
const duration = Flags.duration("some-limit", description, { min: 100, max: 600_000 })

describe("Flags", () => {
  it.effect("take the flag before the environment, and the environment before nothing", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* parse(count, ["--some-limit", "7"], { ACHAT_SOME_LIMIT: "8" }), {
        by: "flag",
        value: 7
      })
      assert.deepStrictEqual(yield* parse(count, [], { ACHAT_SOME_LIMIT: "8" }), { by: "environment", value: 8 })
      assert.isUndefined(yield* parse(count, []))
      assert.isUndefined(yield* parse(count, [], { ACHAT_SOME_LIMIT: "" }))
    })
  )

  it.effect("name what a bad value came from", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* parse(count, ["--some-limit", "a"]),
        `--some-limit: "a" is not a whole number; allowed: 2 to 2,000`
      )
      assert.strictEqual(
        yield* parse(count, [], { ACHAT_SOME_LIMIT: "1" }),
        `ACHAT_SOME_LIMIT: "1" is out of range; allowed: 2 to 2,000`
      )
      // A flag hides the variable, bad as it may be.
      assert.deepStrictEqual(yield* parse(count, ["--some-limit", "7"], { ACHAT_SOME_LIMIT: "a" }), {
        by: "flag",
        value: 7
      })
    })
  )

  it("are variables of a name of their own", () =>
    assert.strictEqual(Flags.variable("max-connections-per-address"), "ACHAT_MAX_CONNECTIONS_PER_ADDRESS"))

  const outOfRange = /is out of range; allowed: /u
  const malformed = /is not a /u

  const numbers: ReadonlyArray<readonly [string, Flags.Flag<number>, string, number | RegExp]> = [
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
  for (const [name, flag, text, expected] of numbers) {
    it.effect(`read ${name}`, () =>
      Effect.map(value(flag, text), (given) =>
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
    ["ten seconds", malformed],
    ["-1s", malformed],
    ["Infinity", malformed]
  ]
  for (const [text, expected] of durations) {
    it.effect(`read the time ${text}`, () =>
      Effect.map(value(duration, text), (given) =>
        expected instanceof RegExp
          ? assert.match(String(given), expected)
          : assert.strictEqual(Duration.isDuration(given) && Duration.toMillis(given), expected)
      )
    )
  }

  it.effect("are there or not, if they have no value", () =>
    Effect.gen(function* () {
      const flag = Flags.toggle("some-limit", "x")
      const on = (args: ReadonlyArray<string>, variable = "") =>
        Effect.map(parse(flag, args, { ACHAT_SOME_LIMIT: variable }), (given) =>
          typeof given === "object" ? given.value : given
        )
      assert.isUndefined(yield* on([]))
      assert.isTrue(yield* on(["--some-limit"]))
      for (const text of ["1", "true", "yes", "on", " TRUE "]) assert.isTrue(yield* on([], text))
      for (const text of ["0", "false", "no", "off"]) assert.isFalse(yield* on([], text))
      assert.strictEqual(yield* on([], "perhaps"), `ACHAT_SOME_LIMIT: "perhaps" is neither yes nor no`)
      assert.isTrue(yield* on(["--some-limit"], "perhaps"))
    })
  )

  it.effect("read one of a few words, in any case", () =>
    Effect.gen(function* () {
      const choice = Flags.choice("some-limit", description, ["json", "pretty"])
      assert.strictEqual(yield* value(choice, "JSON"), "json")
      assert.strictEqual(yield* value(choice, "xml"), `--some-limit: "xml" is not one of json, pretty`)
    })
  )

  it("show sizes and times in the unit that fits", () => {
    assert.deepStrictEqual([0, 63, 65_536, 1_048_576, 1_048_577].map(Flags.showBytes), [
      "0 B",
      "63 B",
      "64 KiB",
      "1 MiB",
      "1048577 B"
    ])
    assert.deepStrictEqual(
      [0, 500, 1500, 10_000, 60_000, 3_600_000].map((millis) => Flags.showDuration(Duration.millis(millis))),
      ["0 ms", "500 ms", "1500 ms", "10 s", "1 m", "1 h"]
    )
  })
})
