import * as Effect from "effect/Effect"
import * as ExitStatus from "../ExitStatus.js"
import * as ServerSettings from "../serve/ServerSettings.js"
import * as ClientFile from "../settings/ClientFile.js"
import * as Flags from "../settings/Flags.js"
import * as Setting from "../settings/Setting.js"
import * as SettingsFile from "../settings/SettingsFile.js"
import * as Sources from "../settings/Sources.js"
import * as ConnectFlags from "./ConnectFlags.js"

export const settings = {
  config: Setting.text("config", "file", {
    about: "Settings file",
    default: undefined,
    defaultText: "none; with --client, ~/.config/a-chat/client.toml"
  }),
  client: Setting.toggle("client", "Show or check the settings of the clients, instead of those of serve"),
  check: Setting.toggle("check", "Only list what is wrong, each mistake with its place")
}

export const command = Flags.command(settings, ({ values: { check, client, config } }) =>
  client ? ofClient(config, check) : ofServer(config, check)
)

const ofServer = (path: string | undefined, check: boolean) =>
  Effect.gen(function* () {
    const file = path === undefined ? undefined : yield* SettingsFile.read(path)
    yield* Effect.mapError((check ? ServerSettings.check : ServerSettings.withoutFlags)(file), failure)
    if (!check) process.stdout.write(table(rowsOf(ServerSettings.settings, ServerSettings.sources({ file }))))
  })

const ofClient = (given: string | undefined, check: boolean) =>
  Effect.gen(function* () {
    const settings = ConnectFlags.fileSettings
    const path = given ?? ClientFile.path(process.env)
    // A file that was named must exist.
    const file = yield* given === undefined ? ClientFile.read(path) : SettingsFile.read(path)
    const inFile = file === undefined ? [] : ClientFile.mistakes(file, settings)
    if (inFile.length > 0) return yield* Effect.fail(failure(inFile.map(({ text }) => text)))
    const source = yield* ClientFile.sources({ environment: process.env, file })
    const { mistakes, resolved } = Sources.resolve(settings, source)
    if (mistakes.length > 0) return yield* Effect.fail(failure(mistakes.map(({ text }) => text)))
    yield* Effect.mapError(ConnectFlags.check(resolved), ExitStatus.asMisuse)
    if (check) return
    const servers = [...ClientFile.servers(file)].flatMap(([name, { entries, path }]) =>
      [...entries].map(([key, { line, text }]) => ({
        name: `servers.${name}.${key}`,
        text: String(text),
        place: `${path}:${line}`
      }))
    )
    process.stdout.write(table([...rowsOf(settings, source), ...servers]))
  })

const failure = (mistakes: ReadonlyArray<string>) => ExitStatus.asMisuse({ message: mistakes.join("\na-chat: ") })

interface Row {
  readonly name: string
  readonly text: string
  readonly place: string
}

/** Every setting with its value as written, and its source. */
const rowsOf = (settings: Sources.CommandSettings, source: Sources.SettingSource): ReadonlyArray<Row> =>
  Object.values(settings).map(({ defaultText, name }) => {
    const found = source(name)
    return { name, text: String(found?.text ?? defaultText), place: found?.place ?? "default" }
  })

const table = (rows: ReadonlyArray<Row>): string => {
  // A default may be a whole sentence, which must not widen the column.
  const width = (key: "name" | "text") => Math.max(...rows.map((row) => row[key].length).filter((one) => one <= 40))
  const [name, text] = [width("name"), width("text")]
  return rows.map((row) => `${row.name.padEnd(name)}  ${row.text.padEnd(text)}  ${row.place}\n`).join("")
}
