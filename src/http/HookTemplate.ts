import * as Either from "effect/Either"

/**
 * Templates that turn a payload into one line: text with fields such as `{repository.full_name}`. A field is a path
 * into the payload, or several with `|` between them, of which the first counts that leads to something; after a `:`
 * follows what to do with the value. `{{` is a `{`.
 *
 * In a path, a number is an element of an array (`-1` is the last), and `*` stands for all of them. A field that leads
 * to nothing is empty, and so is a line of which no field leads to anything.
 */
export interface Template {
  readonly parts: ReadonlyArray<string | Field>
}

interface Field {
  readonly paths: ReadonlyArray<ReadonlyArray<string>>
  readonly format: Format | undefined
}

type Format = (values: ReadonlyArray<unknown>) => string

/** The longest line, in code points; what is longer ends with `…`. */
const maxLength = 1_000

/** Elements of an array that a line lists. */
const maxListed = 5

const formats: Readonly<Record<string, Format>> = {
  /** The first line of a text, such as that of a commit. */
  first: (values) =>
    joined(
      values.map(
        (value) =>
          textOf(value)
            .trim()
            .split(/[\r\n]/u, 1)[0] ?? ""
      )
    ),
  /** The beginning of a hash. */
  short: (values) => joined(values.map((value) => textOf(value).slice(0, 7))),
  /** A Git reference without `refs/heads/` or `refs/tags/`. */
  ref: (values) => joined(values.map((value) => textOf(value).replace(/^refs\/(?:heads|tags)\//u, ""))),
  upper: (values) => joined(values.map((value) => textOf(value).toUpperCase()))
}

const path = String.raw`[\w@$-]+(?:\.[\w@$*-]+)*`

const field = new RegExp(String.raw`^(${path}(?:\|${path})*)(?::(\w+)(?: ([\w ]+))?)?$`, "u")

/** Parses a template, or returns what is wrong with it. */
export const parse = (text: string): Either.Either<Template, string> => {
  const parts: Array<string | Field> = []
  // oxlint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f]/u.test(text)) return Either.left("a template is one line")
  let hasField = false
  for (const [whole, inner] of text.matchAll(/\{\{|\{([^{}]*)\}|[^{}]+|[{}]/gu)) {
    if (whole === "{{") parts.push("{")
    else if (inner !== undefined) {
      const parsed = parseField(inner)
      if (Either.isLeft(parsed)) return Either.left(parsed.left)
      parts.push(parsed.right)
      hasField = true
    } else if (whole === "{") return Either.left("a { has no }; write {{ for the character")
    else parts.push(whole)
  }
  return hasField ? Either.right({ parts }) : Either.left("a template has a field, such as {message}")
}

const parseField = (inner: string): Either.Either<Field, string> => {
  const [, paths = "", name, argument] = field.exec(inner) ?? []
  if (paths === "") return Either.left(`{${inner}} is not a field, such as {commits.0.message:first}`)
  const format = name === undefined ? undefined : name === "count" ? count(argument) : formats[name]
  if (name !== undefined && (format === undefined || (name !== "count" && argument !== undefined))) {
    return Either.left(`{${inner}}: after the colon comes first, short, ref, upper, or count and a noun`)
  }
  return Either.right({ paths: paths.split("|").map((one) => one.split(".")), format })
}

/** The number of elements, or the number that the value is: `3`, or with a noun `1 commit`, `3 commits`. */
export const count =
  (noun: string | undefined): Format =>
  ([value]) => {
    const number = Array.isArray(value) ? value.length : typeof value === "number" ? value : undefined
    if (number === undefined) return ""
    return noun === undefined ? `${number}` : `${number} ${noun}${number === 1 ? "" : "s"}`
  }

/** The line for a payload; empty if none of the template's fields leads to anything. */
export const render = ({ parts }: Template, payload: unknown): string => {
  let isEmpty = true
  const text = parts.map((part) => {
    if (typeof part === "string") return part
    const value = valueOf(part, payload)
    if (value !== "") isEmpty = false
    return value
  })
  return isEmpty ? "" : oneLine(text.join(""))
}

const valueOf = ({ format = joined, paths }: Field, payload: unknown): string => {
  for (const keys of paths) {
    const value = format(at([payload], keys))
    if (value.trim() !== "") return value
  }
  return ""
}

/** The values to which a path leads. */
const at = (values: ReadonlyArray<unknown>, [key, ...more]: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  if (key === undefined) return values
  return at(
    values.flatMap((value) => {
      if (Array.isArray(value)) {
        if (key === "*") return value
        const found: unknown = /^-?\d{1,6}$/u.test(key) ? value.at(Number(key)) : undefined
        return found === undefined ? [] : [found]
      }
      const isObject = typeof value === "object" && value !== null
      // Only what the payload itself has: `constructor` is in every object.
      return isObject && Object.hasOwn(value, key) ? [(value as Record<string, unknown>)[key]] : []
    }),
    more
  )
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? String(value) : ""

/** Each text once: alerts of one kind have their names in common. */
const joined: Format = (values) => {
  const texts = [...new Set(values.map(textOf))].filter((text) => text !== "")
  const more = texts.length - maxListed
  return more > 0 ? `${texts.slice(0, maxListed).join(", ")} and ${more} more` : texts.join(", ")
}

/** White space, line breaks and control characters become one blank each. */
const oneLine = (text: string): string => {
  // oxlint-disable-next-line no-control-regex
  const plain = text.replaceAll(/[\0-\x20\x7f-\xa0\u2028\u2029\s]+/gu, " ").trim()
  const points = Array.from(plain)
  return points.length <= maxLength ? plain : `${points.slice(0, maxLength - 1).join("")}…`
}
