import * as Effect from "effect/Effect"
import * as ExitStatus from "../ExitStatus.js"
import * as ServerSettings from "../serve/ServerSettings.js"
import * as Flags from "../settings/Flags.js"
import * as Setting from "../settings/Setting.js"
import * as SettingsFile from "../settings/SettingsFile.js"
import type { Source } from "../settings/Sources.js"

export const settings = {
  config: Setting.text("config", "file", { about: "Settings file", default: undefined }),
  check: Setting.toggle("check", "Only list what is wrong, each mistake with its place")
}

export const command = Flags.command("config", settings, ({ values: { check, config } }) =>
  Effect.gen(function* () {
    const file = config === undefined ? undefined : yield* SettingsFile.read(config)
    yield* Effect.mapError((check ? ServerSettings.check : ServerSettings.withoutFlags)(file), (mistakes) =>
      ExitStatus.asMisuse({ message: mistakes.join("\na-chat: ") })
    )
    if (!check) process.stdout.write(table(ServerSettings.sources({ file })))
  })
)

/** Every setting with its value as written, and its place. */
const table = (source: Source): string => {
  const rows = Object.values(ServerSettings.settings).map(({ defaultText, name }) => {
    const found = source(name)
    return { name, text: String(found?.text ?? defaultText), place: found?.place ?? "default" }
  })
  // A default may be a whole sentence, to which the column width need not adapt.
  const width = (key: "name" | "text") => Math.max(...rows.map((row) => row[key].length).filter((one) => one <= 40))
  const [name, text] = [width("name"), width("text")]
  return rows.map((row) => `${row.name.padEnd(name)}  ${row.text.padEnd(text)}  ${row.place}\n`).join("")
}
