import * as Either from "effect/Either"
import * as HttpRefusal from "./HttpRefusal.js"

/** The target of a request: its path, cut at the slashes, and its parameters. */
export interface Target {
  /** The first part of the path: `send`. */
  readonly name: string
  /** What follows it, decoded: `bob,#ops`; undefined if nothing does. */
  readonly rest: string | undefined
  readonly parameters: URLSearchParams
}

/** The target of a request; fails if it is not percent-encoded UTF-8. */
export const targetOf = (url: string): Either.Either<Target, HttpRefusal.HttpRefusal> => {
  const question = url.indexOf("?")
  const path = question < 0 ? url : url.slice(0, question)
  const [, name = "", encoded = ""] = /^\/([^/]*)(?:\/(.*))?$/su.exec(path) ?? []
  const rest = decoded(encoded)
  return rest === undefined
    ? Either.left(HttpRefusal.badRequest("the path is not percent-encoded UTF-8"))
    : Either.right({
        name,
        rest: rest === "" ? undefined : rest,
        parameters: new URLSearchParams(question < 0 ? "" : url.slice(question))
      })
}

const decoded = (encoded: string): string | undefined => {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return undefined
  }
}

/**
 * The parameters of these names, each at most once. Any other name is refused, and its value is not repeated: it may be
 * a secret, which belongs in a header.
 *
 * @param several names of parameters that may be repeated, whose first value is returned
 */
export const only = <Name extends string>(
  parameters: URLSearchParams,
  names: ReadonlyArray<Name>,
  several: ReadonlyArray<Name> = []
): Either.Either<{ readonly [Key in Name]: string | undefined }, HttpRefusal.HttpRefusal> => {
  for (const name of parameters.keys()) {
    if (!(names as ReadonlyArray<string>).includes(name)) {
      const taken = names.length === 0 ? "there are no parameters" : `the parameters are ${names.join(", ")}`
      return Either.left(HttpRefusal.badRequest(`${taken}; secrets are in headers`))
    }
    // The author of the URL, and the reader of a log with it, may take the other value for the one that counts.
    if (parameters.getAll(name).length > 1 && !(several as ReadonlyArray<string>).includes(name)) {
      return Either.left(HttpRefusal.badRequest(`${name} is there more than once`))
    }
  }
  const found = names.map((name) => [name, parameters.get(name) ?? undefined])
  return Either.right(Object.fromEntries(found) as { readonly [Key in Name]: string | undefined })
}

/** One of a few words; the first without the parameter. */
export const oneOf = <Word extends string>(
  name: string,
  given: string | undefined,
  words: readonly [Word, ...ReadonlyArray<Word>]
): Either.Either<Word, HttpRefusal.HttpRefusal> => {
  const found = given === undefined ? words[0] : words.find((word) => word === given)
  return found === undefined
    ? Either.left(HttpRefusal.badRequest(`${name} is one of ${words.join(", ")}`))
    : Either.right(found)
}

/** A whole number; undefined without the parameter. */
export const number = (
  name: string,
  given: string | undefined
): Either.Either<number | undefined, HttpRefusal.HttpRefusal> => {
  if (given === undefined) return Either.right(undefined)
  return /^\d{1,15}$/u.test(given)
    ? Either.right(Number(given))
    : Either.left(HttpRefusal.badRequest(`${name} is a whole number`))
}
