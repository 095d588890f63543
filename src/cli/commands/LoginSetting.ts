import * as Either from "effect/Either"
import * as Setting from "../settings/Setting.js"

/** What a command says about its `login` in help. */
interface Facts {
  readonly about: string
  readonly default: undefined
  readonly defaultText: string
}

/**
 * The setting `login`: `alice`, or `alice/phone`. What follows a colon would be a secret, which others could read in
 * the list of processes, and which would be sent before the server is known. So it is refused, and not repeated.
 */
export const make = (facts: Facts): Setting.Setting<string | undefined> => {
  const setting = Setting.text("login", "name", facts)
  return { ...setting, parse: (text) => (hasSecret(String(text)) ? Either.left(withSecret) : setting.parse(text)) }
}

/** Of several lines, which are no login anyway, only the first could be one with a secret. */
const hasSecret = (text: string) => /^[^\r\n]*:/u.test(text)

const withSecret =
  "a login has no ':'; a password comes from --password-file, --password-command or the variable ACHAT_PASSWORD"
