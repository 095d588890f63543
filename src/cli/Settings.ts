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

/** The value of one setting, or what is wrong with it and where. */
const one = <A>(
  flag: Flags.Flag<A>,
  file: SettingsFile.SettingsFile | undefined
): Either.Either<Option.Option<Flags.Given<A>>, string> => {
  const setting = Flags.settingOf(flag)
  const given = setting === undefined ? undefined : raw(setting.name, file)
  if (setting === undefined || given === undefined) return Either.right(Option.none())
  const { by, text } = given
  const place =
    by === "file" && file !== undefined ? SettingsFile.placeOf(file, setting.name) : Flags.variable(setting.name)
  return Either.mapBoth(setting.parse(text), {
    onLeft: (wrong) => `${place}: ${JSON.stringify(text)} ${wrong}`,
    // The flag's own setting parses to what the flag has.
    onRight: (value) => Option.some({ by, value: value as A })
  })
}

/** The values, or everything that is wrong with them, each mistake with its place. */
export const evaluate = <S extends Settings>(
  settings: S,
  file: SettingsFile.SettingsFile | undefined
): Either.Either<Given<S>, ReadonlyArray<string>> => {
  const mistakes = [...unknown(settings, file)]
  const given = Object.entries(settings).map(([key, flag]) => {
    const value = one(flag, file)
    if (Either.isLeft(value)) mistakes.push(value.left)
    return [key, Either.getOrElse(value, () => Option.none())] as const
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
