import * as Os from "node:os"
import * as Name from "../../protocol/Name.js"
import * as Wire from "../../protocol/Wire.js"

/** The login of a command without `--login`. */

export const guess = (): string => nameFor(user(), Os.hostname())

/** The names of the user and of the machine combined: `alice-build7`. */
export const nameFor = (user: string, host: string): string => {
  const name = `${user}-${host.split(".", 1)[0] ?? ""}`
    .normalize("NFC")
    .replaceAll(/[^\p{L}\p{M}\p{Nd}_.-]+/gu, "-")
    .replace(/^[^\p{L}\p{Nd}_]+/u, "")
  const fitting = [...name]
    .slice(0, maxGuessLength)
    .join("")
    .replace(/[-.]+$/u, "")
  return Name.parse(Wire.encode(fitting)) === undefined ? fallback : fitting
}

/** `$USER`, which the terminal client suggests; undefined if it is not a valid name. */
export const ofUser = (user: string | undefined): string | undefined =>
  user === undefined || Name.parse(Wire.encode(user)) === undefined ? undefined : user

/** Another name if that one is taken, for example by the same user in another window, or in fifty parallel jobs. */
export const alternative = (name: string): string =>
  `${name}-${Math.random()
    .toString(36)
    .slice(2, 2 + suffixLength)}`

const fallback = "guest"

const suffixLength = 5

const maxGuessLength = Name.maxLength - suffixLength - 1

const user = (): string => {
  try {
    return Os.userInfo().username
  } catch {
    return fallback // the user id has no entry, as in many containers
  }
}
