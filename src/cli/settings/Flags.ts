import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"

/**
 * Flags with a range. Each is also an environment variable: `--max-line` is `ACHAT_MAX_LINE`. A value is checked where
 * it comes in, and what is wrong with it names the flag or the variable that it came from.
 */

/** A value that somebody gave, and how: a flag counts more than the environment, and that more than a file. */
export interface Given<A> {
  readonly by: "flag" | "environment" | "file"
  readonly value: A
}

/** Where a value comes from. `source` is how a mistake in it is told: `--port`, `ACHAT_PORT`, `chat.toml:3: port`. */
export interface Origin {
  readonly by: "environment" | "file"
  readonly source: string
}

export type OriginOf = (name: string) => Origin

/** The origin of what no flag gave. */
export const environment: OriginOf = (name) => ({ by: "environment", source: variable(name) })

/** An empty variable is one that is not set. */
export const inEnvironment = (name: string): boolean => (process.env[variable(name)] ?? "") !== ""

export const currentOrigin: FiberRef.FiberRef<OriginOf> = FiberRef.unsafeMake(environment)

/** What a flag is apart from the command line: a setting that may stand in the environment, or in a file. */
export interface Setting {
  readonly name: string
  /** What counts when nobody gives it, in words. */
  readonly fallback: string
  /** The value, or what is wrong with it. */
  readonly parse: (text: string) => Either.Either<unknown, string>
}

const settings = new WeakMap<object, Setting>()

/** The setting of a flag that was made here. */
export const settingOf = (flag: object): Setting | undefined => settings.get(flag)

const withSetting = <F extends object>(flag: F, setting: Setting): F => {
  settings.set(flag, setting)
  return flag
}

export type Flag<A> = Options.Options<Option.Option<Given<A>>>

/** What was given, if anything was. */
export const value = <A>(given: Option.Option<Given<A>>): A | undefined =>
  Option.getOrUndefined(Option.map(given, ({ value }) => value))

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
  const flag: Flag<A> = Options.text(name).pipe(
    Options.withPseudoName(placeholder),
    Options.withDescription(`${about} (${facts.join("; ")})`),
    Options.map((text) => ({ by: "flag" as const, source: `--${name}`, text })),
    Options.withFallbackConfig(
      // An empty variable is one that is not set.
      Config.map(Config.nonEmptyString(variable(name)), (text) => ({ by: undefined, source: "", text }))
    ),
    Options.mapEffect(({ by, source, text }): Effect.Effect<Given<A>, ValidationError.ValidationError> =>
      by === undefined ? setValue(name, text, parse) : given({ by, source }, text, parse)
    ),
    Options.optional
  )
  return withSetting(flag, { name, fallback, parse: (text) => parse(text.trim()) })
}

/** The value of a text that came from somewhere, or what is wrong with it and where. */
const given = <A>(
  { by, source }: { readonly by: Given<A>["by"]; readonly source: string },
  text: string,
  parse: (text: string) => Either.Either<A, string>
): Effect.Effect<Given<A>, ValidationError.ValidationError> =>
  Either.match(parse(text.trim()), {
    onLeft: (wrong) => Effect.fail(invalid(`${source}: ${JSON.stringify(text)} ${wrong}`)),
    onRight: (value) => Effect.succeed({ by, value })
  })

/** The same for a text that no flag gave. */
const setValue = <A>(name: string, text: string, parse: (text: string) => Either.Either<A, string>) =>
  Effect.flatMap(FiberRef.get(currentOrigin), (originOf) => given(originOf(name), text, parse))

/** What the environment or a file gives. */
const withoutFlag = <A>(name: string, parse: (text: string) => Either.Either<A, string>) =>
  Effect.flatMap(Effect.option(Config.nonEmptyString(variable(name))), (text) =>
    Option.isNone(text) ? Effect.succeedNone : Effect.asSome(setValue(name, text.value, parse))
  )

/** The same for a setting that is no flag on the command line. */
export const unflagged = <A>(
  flag: Flag<A>
): Effect.Effect<Option.Option<Given<A>>, ValidationError.ValidationError> => {
  // It was made here, and parses to what the flag has.
  const { name, parse } = settingOf(flag) as Setting & { readonly parse: (text: string) => Either.Either<A, string> }
  return withoutFlag(name, parse)
}

export const invalid = (message: string): ValidationError.ValidationError =>
  ValidationError.invalidValue(HelpDoc.p(message))

export const text = (name: string, placeholder: string, description: Description): Flag<string> =>
  make(name, placeholder, description, (given) => (given === "" ? Either.left("is empty") : Either.right(given)))

/** Text of a form of its own; `parse` says what is wrong with it. */
export const parsed = make

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
export const duration = (name: string, description: Description, range: Range): Flag<Duration.Duration> => {
  const millis = inRange(name, "time", description, range, {
    show: (value) => showDuration(Duration.millis(value)),
    parse: (given) => (given === "0" ? 0 : parseUnit(given, times)),
    expected: "is not a time such as 500ms, 10s or 1m"
  })
  const flag = Options.map(
    millis,
    Option.map(({ by, value }) => ({ by, value: Duration.millis(value) }))
  )
  const { parse } = settingOf(millis) as Setting // it was made here
  return withSetting(flag, {
    name,
    fallback: description.fallback,
    parse: (text) => Either.map(parse(text), (value) => Duration.millis(Number(value)))
  })
}

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

/** A flag that may be there several times; elsewhere it is one text, with commas between the values. */
export const list = <A>(
  name: string,
  placeholder: string,
  description: Description,
  parse: (text: string) => Either.Either<A, string>
): Flag<ReadonlyArray<A>> => {
  const parseAll = (text: string) =>
    Either.all(text.split(",").map((part) => Either.mapLeft(parse(part.trim()), (wrong) => `has one that ${wrong}`)))
  const flag = Options.text(name).pipe(
    Options.withPseudoName(placeholder),
    Options.withDescription(`${description.about} (default ${description.fallback}; ${variable(name)})`),
    Options.repeated,
    Options.mapEffect((texts) => {
      const ofFlag = (text: string) => given({ by: "flag", source: `--${name}` }, text, parse)
      if (texts.length > 0) {
        return Effect.map(Effect.forEach(texts, ofFlag), (all) =>
          Option.some<Given<ReadonlyArray<A>>>({ by: "flag", value: all.map(({ value }) => value) })
        )
      }
      return withoutFlag(name, parseAll)
    })
  )
  return withSetting(flag, { name, fallback: description.fallback, parse: (text) => parseAll(text.trim()) })
}

/** A flag without a value; its variable, or its line in a file, says yes or no. */
export const toggle = (name: string, about: string): Flag<boolean> => {
  const flag = Options.boolean(name).pipe(
    Options.withDescription(`${about} (default no; ${variable(name)})`),
    // A fallback of @effect/cli's would never be asked: a flag that is not there is false, and not missing.
    Options.mapEffect((isOn) =>
      isOn ? Effect.succeed(Option.some<Given<boolean>>({ by: "flag", value: true })) : withoutFlag(name, yesOrNo)
    )
  )
  return withSetting(flag, { name, fallback: "no", parse: (text) => yesOrNo(text.trim()) })
}

const yesOrNo = (text: string): Either.Either<boolean, string> => {
  const word = text.toLowerCase()
  if (["yes", "true", "on", "1"].includes(word)) return Either.right(true)
  return ["no", "false", "off", "0"].includes(word) ? Either.right(false) : Either.left("is neither yes nor no")
}

const choices = new Map<string, ReadonlyArray<string>>()

/** The words that a flag may have, if they are few. */
export const choicesOf = (name: string): ReadonlyArray<string> | undefined => choices.get(name)

/** One of a few words. */
export const choice = <const A extends string>(
  name: string,
  description: Description,
  words: ReadonlyArray<A>
): Flag<A> => {
  choices.set(name, words)
  return make(name, words.join("|"), description, (given) => {
    const found = words.find((one) => one === given.toLowerCase())
    return found === undefined ? Either.left(`is not one of ${words.join(", ")}`) : Either.right(found)
  })
}
