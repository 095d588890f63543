import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Flags from "./Flags.js"
import * as SettingsFile from "./SettingsFile.js"

/** Settings as the environment and a file give them, without a command line. */

/** A setting, and where it comes from: `ACHAT_PORT`, `chat.toml:3`, or `default`. */
export interface Effective {
  readonly name: string
  readonly text: string
  readonly from: string
}

/** Some flags, each of which is a setting. */
export type Settings = Readonly<Record<string, Flags.Flag<unknown>>>

export type Given<S extends Settings> = { readonly [Name in keyof S]: Flags.Value<S[Name]> }

const raw = (name: string, file: SettingsFile.SettingsFile | undefined) => {
  if (Flags.inEnvironment(name)) return { text: process.env[Flags.variable(name)] ?? "", by: "environment" as const }
  const value = file?.values.get(name)
  return value === undefined ? undefined : { text: value.text, by: "file" as const }
}

const namesOf = (settings: Settings) =>
  Object.values(settings).flatMap((flag) => {
    const setting = Flags.settingOf(flag)
    return setting === undefined ? [] : [setting]
  })

/** What each setting comes to, in their order. */
export const effective = (settings: Settings, file: SettingsFile.SettingsFile | undefined): ReadonlyArray<Effective> =>
  namesOf(settings).map(({ fallback, name }) => {
    const given = raw(name, file)
    if (given === undefined) return { name, text: fallback, from: "default" }
    const line = file?.values.get(name)?.line
    return { name, text: given.text, from: given.by === "file" ? `${file?.path}:${line}` : Flags.variable(name) }
  })

/** The values, or everything that is wrong with them, each mistake with its place. */
export const evaluate = <S extends Settings>(
  settings: S,
  file: SettingsFile.SettingsFile | undefined
): Either.Either<Given<S>, ReadonlyArray<string>> => {
  const mistakes = [...unknown(settings, file)]
  const given = Object.entries(settings).map(([key, flag]) => {
    const setting = Flags.settingOf(flag)
    const text = setting === undefined ? undefined : raw(setting.name, file)
    if (setting === undefined || text === undefined) return [key, Option.none()] as const
    const parsed = setting.parse(text.text)
    if (Either.isRight(parsed)) return [key, Option.some({ by: text.by, value: parsed.right })] as const
    const place =
      text.by === "file" && file !== undefined ? SettingsFile.placeOf(file, setting.name) : Flags.variable(setting.name)
    mistakes.push(`${place}: ${JSON.stringify(text.text)} ${parsed.left}`)
    return [key, Option.none()] as const
  })
  // Each value was parsed by the flag that stands at its key.
  return mistakes.length > 0 ? Either.left(mistakes) : Either.right(Object.fromEntries(given) as Given<S>)
}

/** Lines of the file that are no settings. */
const unknown = (settings: Settings, file: SettingsFile.SettingsFile | undefined): Array<string> => {
  const names = new Set(namesOf(settings).map(({ name }) => name))
  return [...(file?.values ?? [])].flatMap(([name, { line }]) =>
    names.has(name) ? [] : [`${file?.path}:${line}: ${name} is no setting; see a-chat serve --help`]
  )
}
