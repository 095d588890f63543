import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Units from "./Units.js"

/**
 * A setting: a flag, an environment variable, and for a server a line in a settings file. It describes and parses a
 * value; `Sources` finds the text.
 */
export interface Setting<out A> {
  /** `max-line`: the flag is `--max-line`, the variable `ACHAT_MAX_LINE`. */
  readonly name: string
  /** The description, including the unit, as help shows it. */
  readonly about: string
  /** `value`: the flag takes a value. `list`: it may also be repeated. `switch`: it takes no value, and means yes. */
  readonly form: "value" | "list" | "switch"
  /** The name of the value in help: `--max-line size`. */
  readonly placeholder: string
  /** The allowed range, in words; undefined if the values are not a range. */
  readonly range: string | undefined
  /** The allowed words; empty if any text is allowed. */
  readonly words: ReadonlyArray<string>
  /** The value if no source has the setting. */
  readonly default: A
  /** The same in words. */
  readonly defaultText: string
  /** Whether a running server can change it. */
  readonly live: boolean
  /** Returns the value, or the complaint about the text: `"x" is not a whole number`. */
  readonly parse: (text: Text) => Either.Either<A, string>
}

/** The value in a source: one text, or the values of a repeated flag or of an array in a file. */
export type Text = string | ReadonlyArray<string>

interface Facts<D> {
  readonly about: string
  readonly default: D
  /** Needed if the default is not shown like a value. */
  readonly defaultText?: string
  readonly live?: boolean
  /** Whether the value may contain a secret, which a complaint must not quote. By default false. */
  readonly isSecret?: boolean
}

interface Range<A> {
  /** The smallest and the largest value allowed. */
  readonly min: A
  readonly max: A
  /** Whether `off`, which means 0, is also allowed. */
  readonly off?: boolean
}

/** Returns the value, or the complaint about the text: `is not a whole number`. */
type Parse<A> = (text: string) => Either.Either<A, string>

/** The environment variable of a setting. */
export const variable = (name: string): string => `ACHAT_${name.toUpperCase().replaceAll("-", "_")}`

const describe = <D>(name: string, placeholder: string, facts: Facts<D>): Omit<Setting<D>, "parse"> => ({
  name,
  about: facts.about,
  form: "value",
  placeholder,
  range: undefined,
  words: [],
  default: facts.default,
  defaultText: facts.defaultText ?? "none",
  live: facts.live ?? false
})

/** A setting with its own parser. */
export const parsed = <A, D>(name: string, placeholder: string, facts: Facts<D>, parse: Parse<A>): Setting<A | D> => ({
  ...describe(name, placeholder, facts),
  parse: (text) => complaining(String(text), parse, facts.isSecret === true ? () => "its value" : JSON.stringify)
})

/** Parses a text, and shows it in the complaint about it. */
const complaining = <A>(text: string, parse: Parse<A>, show: (text: string) => string): Either.Either<A, string> =>
  Either.mapLeft(parse(text.trim()), (complaint) => `${show(text)} ${complaint}`)

export const text = <D extends string | undefined>(
  name: string,
  placeholder: string,
  facts: Facts<D>
): Setting<string | D> =>
  parsed(name, placeholder, { defaultText: facts.default ?? "none", ...facts }, (given) =>
    given === "" ? Either.left("is empty") : Either.right(given)
  )

interface Format<A> {
  readonly placeholder: string
  readonly show: (value: A) => string
  readonly parse: (text: string) => A | undefined
  readonly toNumber: (value: A) => number
  /** The value of `off`. */
  readonly zero: A
  /** The complaint about a text that cannot be parsed. */
  readonly complaint: string
}

const ranged =
  <A>({ complaint, parse, placeholder, show, toNumber, zero }: Format<A>) =>
  <D extends A | undefined>(name: string, facts: Facts<D> & Range<A>): Setting<A | D> => {
    const { default: value, max, min, off = false } = facts
    const range = `${off ? "off, or " : ""}${show(min)} to ${show(max)}`
    const shown = value === undefined ? "none" : off && toNumber(value) === 0 ? "off" : show(value)
    const one = parsed<A, D>(name, placeholder, { defaultText: shown, ...facts }, (given) => {
      const found = off && given.toLowerCase() === "off" ? zero : parse(given)
      if (found === undefined) return Either.left(`${complaint}; allowed: ${range}`)
      const number = toNumber(found)
      const isAllowed = (off && number === 0) || (number >= toNumber(min) && number <= toNumber(max))
      return isAllowed ? Either.right(found) : Either.left(`is out of range; allowed: ${range}`)
    })
    return { ...one, range }
  }

const wholeNumber = { parse: Units.parseCount, toNumber: Number, zero: 0, complaint: "is not a whole number" }

export const count = ranged<number>({ ...wholeNumber, placeholder: "number", show: Units.showCount })

/** A TCP port: a number that is not a quantity, so it is shown without separators. */
export const port = ranged<number>({ ...wholeNumber, placeholder: "port", show: String })

/** A number of bytes: `65536`, `64KiB`, `1 MiB`. */
export const bytes = ranged<number>({
  placeholder: "size",
  show: Units.showBytes,
  parse: Units.parseBytes,
  toNumber: Number,
  zero: 0,
  complaint: "is not a size such as 65536, 64KiB or 1MiB"
})

/** A time: `500ms`, `10s`, `2 seconds`, `1m`, `0`. */
export const duration = ranged<Duration.Duration>({
  placeholder: "time",
  show: Units.showDuration,
  parse: Units.parseDuration,
  toNumber: Duration.toMillis,
  zero: Duration.zero,
  complaint: "is not a time such as 500ms, 10s or 1m"
})

/** A flag without a value. Its variable, or its line in a file, is yes or no. */
export const toggle = (name: string, about: string, live = false): Setting<boolean> => ({
  ...parsed(name, "", { about, default: false, defaultText: "no", live }, yesOrNo),
  form: "switch"
})

const yesOrNo: Parse<boolean> = (text) => {
  const word = text.toLowerCase()
  if (["yes", "y", "true", "on", "1"].includes(word)) return Either.right(true)
  return ["no", "n", "false", "off", "0"].includes(word) ? Either.right(false) : Either.left("is neither yes nor no")
}

/** One of a few words. */
export const choice = <const A extends string, D extends A | undefined>(
  name: string,
  facts: Facts<D>,
  words: ReadonlyArray<A>
): Setting<A | D> => ({
  ...parsed(name, words.join("|"), { defaultText: facts.default ?? "none", ...facts }, (given) => {
    const found = words.find((word) => word === given.toLowerCase())
    return found === undefined ? Either.left(`is not one of ${words.join(", ")}`) : Either.right(found)
  }),
  words
})

/** A flag that may be repeated. Its variable is one text, with commas between the values. */
export const list = <A>(
  name: string,
  placeholder: string,
  facts: Omit<Facts<unknown>, "default">,
  parse: Parse<A>
): Setting<ReadonlyArray<A>> => ({
  ...describe<ReadonlyArray<A>>(name, placeholder, { ...facts, default: [] }),
  form: "list",
  parse: (text) =>
    Either.all(
      (typeof text === "string" ? text.split(",") : text).map((one) => complaining(one, parse, JSON.stringify))
    )
})
