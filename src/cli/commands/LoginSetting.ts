import * as Either from "effect/Either"
import * as Setting from "../settings/Setting.js"

/** The help of a command's `login`. */
interface Facts {
  readonly about: string
  readonly default: undefined
  readonly defaultText: string
}

/**
 * The setting `login`: `alice`, or `alice/phone`. Text after a colon would be a secret, visible in the list of
 * processes, and sent to an unknown server. So it is refused, and the complaint does not repeat it.
 */
export const make = (facts: Facts): Setting.Setting<string | undefined> => {
  const setting = Setting.text("login", "name", facts)
  return { ...setting, parse: (text) => (hasSecret(String(text)) ? Either.left(withSecret) : setting.parse(text)) }
}

/** Several lines are never a login, so only the first is checked for a secret. */
const hasSecret = (text: string) => /^[^\r\n]*:/u.test(text)

const withSecret =
  "a login has no ':'; a password comes from --password-file, --password-command or the variable ACHAT_PASSWORD"
