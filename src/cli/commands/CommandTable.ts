import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Commands } from "../help/BuiltIns.js"
import type { CommandForm } from "../help/CommandLine.js"
import type { CommandName } from "../help/ManualText.js"
import type * as Setting from "../settings/Setting.js"

/** The commands. Only those that a run needs are loaded: all of them together take 7 ms (benchmark: start-up). */

const table = {
  serve: { takes: "flags", load: () => import("./serve.js") },
  connect: { takes: "flags", load: () => import("./connect.js") },
  send: { takes: "text", needs: "recipients are required", load: () => import("./send.js") },
  ask: { takes: "text", needs: "recipients are required", load: () => import("./ask.js") },
  listen: { takes: "flags", load: () => import("./listen.js") },
  exec: { takes: "program", load: () => import("./exec.js") },
  history: { takes: "word", needs: "a room or a name is required", load: () => import("./history.js") },
  search: { takes: "query", needs: "words to search for are required", load: () => import("./search.js") },
  who: { takes: "flags", load: () => import("./who.js") },
  ping: { takes: "flags", load: () => import("./ping.js") },
  config: { takes: "flags", load: () => import("./config.js") },
  control: { takes: "words", load: () => import("./control.js") },
  store: { takes: "words", load: () => import("./store.js") },
  account: { takes: "words", load: () => import("./account.js") },
  hook: { takes: "words", load: () => import("./hook.js") },
  nodes: { takes: "flags", load: () => import("./nodes.js") }
} as const satisfies Readonly<Record<CommandName, unknown>>

/** The modules of commands. */
export type Loaded = { readonly [Name in CommandName]?: Awaited<ReturnType<(typeof table)[Name]["load"]>> }

// the keys of a constant are its only ones
export const names = Object.keys(table) as unknown as Arr.NonEmptyReadonlyArray<CommandName>

export const isName = (name: string | undefined): name is CommandName =>
  name !== undefined && Object.hasOwn(table, name)

export const load = (names: ReadonlyArray<CommandName>): Effect.Effect<Loaded> =>
  Effect.promise(async () => {
    const modules = await Promise.all(names.map(async (name) => [name, await table[name].load()] as const))
    return Object.fromEntries(modules)
  })

/** What the command line of a command may contain. */
export const form = (name: CommandName, loaded: Loaded): CommandForm | undefined => {
  const settings = loaded[name]?.settings
  const row: Pick<CommandForm, "needs" | "takes"> = table[name]
  return settings && { settings, takes: row.takes, needs: row.needs }
}

/** All commands in the order of the help, those that are not loaded as undefined. */
export const commands = (loaded: Loaded): Commands => Arr.map(names, (name) => [name, loaded[name]?.command] as const)

/** The settings of the loaded commands. */
export const settings = (loaded: Loaded): ReadonlyArray<Setting.Setting<unknown>> => [
  ...Object.values(loaded).flatMap(({ settings }) => Object.values<Setting.Setting<unknown>>(settings)),
  ...(loaded.serve === undefined ? [] : [loaded.serve.logLevel])
]
