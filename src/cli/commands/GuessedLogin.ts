import * as Os from "node:os"
import * as Name from "../../protocol/Name.js"
import * as Wire from "../../protocol/Wire.js"

/** Who one is at the command line when no `--login` says so. */

export const guess = (): string => nameFor(user(), Os.hostname())

/** The user and the machine as one name: `alice-build7`. */
export const nameFor = (user: string, host: string): string => {
  const name = `${user}-${host.split(".", 1)[0] ?? ""}`
    .normalize("NFC")
    .replaceAll(/[^\p{L}\p{M}\p{Nd}_.-]+/gu, "-")
    .replace(/^[^\p{L}\p{Nd}_]+/u, "")
  const fitting = [...name]
    .slice(0, maxGuessLength)
    .join("")
    .replace(/[-.]+$/u, "")
  return Name.parse(Wire.encode(fitting)) === undefined ? nobody : fitting
}

/** Another name for when that one is taken: who sends from two windows, or fifty jobs at once. */
export const alternative = (name: string): string =>
  `${name}-${Math.random()
    .toString(36)
    .slice(2, 2 + suffixLength)}`

const nobody = "guest"

const suffixLength = 5

const maxGuessLength = Name.maxLength - suffixLength - 1

const user = (): string => {
  try {
    return Os.userInfo().username
  } catch {
    return nobody // a user id without an entry, as in many containers
  }
}
