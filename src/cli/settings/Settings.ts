import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Flags from "./Flags.js"
import * as SettingsFile from "./SettingsFile.js"
import * as Spelling from "./DidYouMean.js"

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
  return value?.text === undefined ? undefined : { text: value.text, by: "file" as const }
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

/** What is wrong with a setting, and where it stands. */
export interface Mistake {
  readonly name: string
  /** In the file; 0 if it is not from there. */
  readonly line: number
  /** With its place. */
  readonly text: string
}

/** The value of one setting, or what is wrong with it. */
const one = <A>(
  flag: Flags.Flag<A>,
  file: SettingsFile.SettingsFile | undefined
): Either.Either<Option.Option<Flags.Given<A>>, Mistake> => {
  const setting = Flags.settingOf(flag)
  const given = setting === undefined ? undefined : raw(setting.name, file)
  if (setting === undefined || given === undefined) return Either.right(Option.none())
  const { name } = setting
  const { by, text } = given
  const place = by === "file" && file !== undefined ? SettingsFile.placeOf(file, name) : Flags.variable(name)
  const line = by === "file" ? (file?.values.get(name)?.line ?? 0) : 0
  return Either.mapBoth(setting.parse(text), {
    onLeft: (wrong) => ({ name, line, text: `${place}: ${JSON.stringify(text)} ${wrong}` }),
    // The flag's own setting parses to what the flag has.
    onRight: (value) => Option.some({ by, value: value as A })
  })
}

/** The values of those settings with which nothing is wrong, and what is wrong with the others and with the file. */
export const evaluate = <S extends Settings>(
  settings: S,
  file: SettingsFile.SettingsFile | undefined
): { readonly given: Given<S>; readonly mistakes: ReadonlyArray<Mistake> } => {
  const mistakes = [...inFile(settings, file)]
  const given = Object.entries(settings).map(([key, flag]) => {
    const value = one(flag, file)
    if (Either.isLeft(value)) mistakes.push(value.left)
    return [key, Either.getOrElse(value, () => Option.none())] as const
  })
  // Each value was parsed by the flag that stands at its key.
  return { given: Object.fromEntries(given) as Given<S>, mistakes }
}

/** Lines of the file that are no settings, or have no value that one could have. */
const inFile = (settings: Settings, file: SettingsFile.SettingsFile | undefined): ReadonlyArray<Mistake> => {
  if (file === undefined) return []
  const names = namesOf(settings).map(({ name }) => name)
  return [...file.values].flatMap(([name, { line, text }]) => {
    const place = `${file.path}:${line}: ${name}`
    if (text === undefined) return [{ name, line, text: `${place} is a table or a date; settings are neither` }]
    if (names.includes(name)) return []
    const meant = Spelling.nearest(name, names)
    const hint = meant === undefined ? "see a-chat serve --help" : `did you mean ${meant}?`
    return [{ name, line, text: `${place} is no setting; ${hint}` }]
  })
}
