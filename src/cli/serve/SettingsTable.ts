import type * as Setting from "../settings/Setting.js"
import { settings } from "./ServerSettings.js"

/**
 * The settings of a server as the table of OPERATING.md. `npm run settings` writes it there; a test compares the two.
 */
export const markdown = (): string =>
  [columns, columns.map(() => "---"), ...Object.values(settings).map(row)]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n")

const columns = ["flag", "default", "allowed", "live", "meaning"]

const row = ({
  about,
  defaultText,
  form,
  live,
  name,
  range,
  words
}: Setting.Setting<unknown>): ReadonlyArray<string> => {
  const listed = words.map((word) => `\`${word}\``).join(", ")
  const allowed = form === "switch" ? "yes, no" : (range ?? listed)
  return [`\`--${name}\``, code(defaultText), allowed, live ? "yes" : "no", code(about)]
}

/** Formats flags and addresses in a text as code, unless they already are. */
const code = (text: string): string =>
  text.replaceAll(/`[^`]*`|--[a-z-]+|[a-z+]+:\/\/[A-Z:]*|unix:PATH/gu, (found) =>
    found.startsWith("`") ? found : `\`${found}\``
  )
