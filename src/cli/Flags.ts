import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"

/**
 * Flags with a range. Each is also an environment variable: `--max-line` is `ACHAT_MAX_LINE`. A value is checked where
 * it comes in, and what is wrong with it names the flag or the variable that it came from.
 */

/** A value that somebody gave, and how: a flag counts more than the environment. */
export interface Given<A> {
  readonly by: "flag" | "environment"
  readonly value: A
}

export type Flag<A> = Options.Options<Option.Option<Given<A>>>

/** What was given, or what counts when nothing was. */
export const valueOr = <A>(given: Option.Option<Given<A>>, fallback: A): A =>
  Option.match(given, { onNone: () => fallback, onSome: ({ value }) => value })

/** What a flag comes to. */
export type Value<F> = F extends Options.Options<infer A> ? A : never

interface Description {
  /** What it is and in which unit. */
  readonly about: string
  /** What counts when nobody gives it, in words. */
  readonly fallback: string
}

/** A limit: both ends belong to the range. */
export interface Range {
  readonly min: number
  readonly max: number
  /** Whether `off` is allowed, which is 0. */
  readonly off?: boolean
}

export const variable = (name: string): string => `ACHAT_${name.toUpperCase().replaceAll("-", "_")}`

const make = <A>(
  name: string,
  placeholder: string,
  description: Description & { readonly range?: string },
  parse: (text: string) => Either.Either<A, string>
): Flag<A> => {
  const { about, fallback, range } = description
  const facts = [`default ${fallback}`, ...(range === undefined ? [] : [range]), variable(name)]
  return Options.text(name).pipe(
    Options.withPseudoName(placeholder),
    Options.withDescription(`${about} (${facts.join("; ")})`),
    Options.map((text) => ({ by: "flag" as const, source: `--${name}`, text })),
    Options.withFallbackConfig(
      // An empty variable is one that is not set.
      Config.map(Config.nonEmptyString(variable(name)), (text) => ({
        by: "environment" as const,
        source: variable(name),
        text
      }))
    ),
    Options.mapEffect(({ by, source, text }) =>
      Either.match(parse(text.trim()), {
        onLeft: (wrong) => Effect.fail(invalid(`${source}: ${JSON.stringify(text)} ${wrong}`)),
        onRight: (value) => Effect.succeed({ by, value })
      })
    ),
    Options.optional
  )
}

export const invalid = (message: string): ValidationError.ValidationError =>
  ValidationError.invalidValue(HelpDoc.p(message))

export const text = (name: string, placeholder: string, description: Description): Flag<string> =>
  make(name, placeholder, description, (given) => (given === "" ? Either.left("is empty") : Either.right(given)))

/** A value of a form of its own. */
export const parsed = <A>(
  name: string,
  placeholder: string,
  description: Description,
  parse: (text: string) => Either.Either<A, string>
): Flag<A> => make(name, placeholder, description, parse)

const wholeNumber = {
  parse: (given: string) => (/^\d{1,15}$/u.test(given) ? Number(given) : undefined),
  expected: "is not a whole number"
}

export const count = (name: string, description: Description, range: Range): Flag<number> =>
  inRange(name, "number", description, range, { ...wholeNumber, show: showCount })

export const showCount = (value: number): string => String(value).replace(/\B(?=(?:\d{3})+$)/g, ",")

/** A number that is no amount, and is written without separators. */
export const port = (name: string, description: Description, range: Range): Flag<number> =>
  inRange(name, "port", description, range, { ...wholeNumber, show: String })

const sizes: Readonly<Record<string, number>> = { "": 1, b: 1, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 }

/** A number of bytes: `65536`, `64KiB`, `1 MiB`. */
export const bytes = (name: string, description: Description, range: Range): Flag<number> =>
  inRange(name, "size", description, range, {
    show: showBytes,
    parse: (given) => parseUnit(given, sizes),
    expected: "is not a size such as 65536, 64KiB or 1MiB"
  })

export const showBytes = (size: number): string => {
  const unit = (["GiB", "MiB", "KiB"] as const).find((name) => size % (sizes[name.toLowerCase()] ?? 1) === 0)
  return unit === undefined || size === 0 ? `${size} B` : `${size / (sizes[unit.toLowerCase()] ?? 1)} ${unit}`
}

const second = 1000

const times: Readonly<Record<string, number>> = {
  ms: 1,
  millis: 1,
  milliseconds: 1,
  s: second,
  second,
  seconds: second,
  m: 60 * second,
  minute: 60 * second,
  minutes: 60 * second,
  h: 3600 * second,
  hour: 3600 * second,
  hours: 3600 * second
}

/** A time: `500ms`, `10s`, `2 seconds`, `1m`, `0`. The range is in milliseconds. */
export const duration = (name: string, description: Description, range: Range): Flag<Duration.Duration> =>
  Options.map(
    inRange(name, "time", description, range, {
      show: (millis) => showDuration(Duration.millis(millis)),
      parse: (given) => (given === "0" ? 0 : parseUnit(given, times)),
      expected: "is not a time such as 500ms, 10s or 1m"
    }),
    Option.map(({ by, value }) => ({ by, value: Duration.millis(value) }))
  )

export const showDuration = (time: Duration.Duration): string => {
  const millis = Duration.toMillis(time)
  const unit = (["h", "m", "s"] as const).find((name) => millis % (times[name] ?? 1) === 0)
  return unit === undefined || millis === 0 ? `${millis} ms` : `${millis / (times[unit] ?? 1)} ${unit}`
}

const unitValue = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)$/iu

/** A number and its unit; undefined if it is neither, or no whole number of the smallest unit. */
const parseUnit = (given: string, units: Readonly<Record<string, number>>): number | undefined => {
  const [, number, name = ""] = unitValue.exec(given) ?? []
  const unit = Object.hasOwn(units, name.toLowerCase()) ? units[name.toLowerCase()] : undefined
  if (number === undefined || unit === undefined) return undefined
  const value = Number(number) * unit
  return Number.isSafeInteger(value) ? value : undefined
}

const inRange = (
  name: string,
  placeholder: string,
  description: Description,
  range: Range,
  format: {
    readonly show: (value: number) => string
    readonly parse: (given: string) => number | undefined
    readonly expected: string
  }
): Flag<number> => {
  const allowed = `${range.off === true ? "off, or " : ""}${format.show(range.min)} to ${format.show(range.max)}`
  return make(name, placeholder, { ...description, range: allowed }, (given) => {
    const value = range.off === true && given.toLowerCase() === "off" ? 0 : format.parse(given)
    if (value === undefined) return Either.left(`${format.expected}; allowed: ${allowed}`)
    if (value === 0 && range.off === true) return Either.right(0)
    return value < range.min || value > range.max
      ? Either.left(`is out of range; allowed: ${allowed}`)
      : Either.right(value)
  })
}

/** A flag that may be there several times; its variable has commas between the values. */
export const list = <A>(
  name: string,
  placeholder: string,
  description: Description,
  parse: (text: string) => Either.Either<A, string>
): Options.Options<ReadonlyArray<Given<A>>> => {
  const all = (texts: ReadonlyArray<string>, by: Given<A>["by"], source: string) =>
    Effect.forEach(texts, (text) =>
      Either.match(parse(text.trim()), {
        onLeft: (wrong) => Effect.fail(invalid(`${source}: ${JSON.stringify(text)} ${wrong}`)),
        onRight: (value) => Effect.succeed({ by, value })
      })
    )
  return Options.text(name).pipe(
    Options.withPseudoName(placeholder),
    Options.withDescription(`${description.about} (default ${description.fallback}; ${variable(name)})`),
    Options.repeated,
    Options.mapEffect((texts) =>
      texts.length > 0
        ? all(texts, "flag", `--${name}`)
        : Config.nonEmptyString(variable(name)).pipe(
            Effect.map((text) => text.split(",")),
            Effect.orElseSucceed((): ReadonlyArray<string> => []),
            Effect.flatMap((parts) => all(parts, "environment", variable(name)))
          )
    )
  )
}

/** A flag without a value; its variable says yes or no. */
export const toggle = (name: string, about: string): Options.Options<boolean> =>
  Options.boolean(name).pipe(
    Options.withDescription(`${about} (${variable(name)}=yes)`),
    Options.mapEffect((on) => {
      const given = (process.env[variable(name)] ?? "").trim().toLowerCase()
      if (on || ["yes", "true", "on", "1"].includes(given)) return Effect.succeed(true)
      if (["", "no", "false", "off", "0"].includes(given)) return Effect.succeed(false)
      return Effect.fail(invalid(`${variable(name)}: ${JSON.stringify(given)} is neither yes nor no`))
    })
  )

/** One of a few words. */
export const choice = <const A extends string>(
  name: string,
  description: Description,
  choices: ReadonlyArray<A>
): Flag<A> =>
  make(name, choices.join("|"), description, (given) => {
    const found = choices.find((one) => one === given.toLowerCase())
    return found === undefined ? Either.left(`is not one of ${choices.join(", ")}`) : Either.right(found)
  })
