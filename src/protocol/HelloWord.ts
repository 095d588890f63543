/**
 * The words that a client may write after `/hello`, each of which changes what its connection does (protocol, section
 * 6). `/help`, and `on=` in `* hello`, follow from these rows; `on=` keeps their order.
 */
const rows = {
  ack: { about: "counts a line to you as received once you have acknowledged it with /ack" },
  auto: { about: "marks your lines as sent by a program, for others who said auto, and theirs for you" },
  "send-only": { about: "before the login: you get no messages, and nobody is told of you", isForLogin: true },
  to: { about: "shows you who else got a message" }
} as const satisfies Record<string, HelloWordRow>

interface HelloWordRow {
  /** A clause without a subject, for `/help`. */
  readonly about: string
  /** It changes the login, and has no effect after it. */
  readonly isForLogin?: true
}

export type HelloWord = keyof typeof rows

export const all = Object.keys(rows) as ReadonlyArray<HelloWord>

export const entries = Object.entries(rows) as ReadonlyArray<readonly [HelloWord, (typeof rows)[HelloWord]]>

/** No words. Shared, because most connections have none (benchmark: idle memory). */
export const none: ReadonlySet<HelloWord> = new Set()

/** Words that have no effect after the login. */
const forLogin: ReadonlySet<HelloWord> = new Set(all.filter((word) => "isForLogin" in rows[word]))

/**
 * The words that are on after another `/hello`: those that already were, and those in its argument. Unknown words are
 * ignored, and after the login those that are for it.
 */
export const add = (before: ReadonlySet<HelloWord>, argument: string, hasLoggedIn: boolean): ReadonlySet<HelloWord> => {
  if (argument === "") return before
  const said = new Set(argument.split(/[ \t]+/))
  const mayAdd = (word: HelloWord) => said.has(word) && !(hasLoggedIn && forLogin.has(word))
  const on = all.filter((word) => before.has(word) || mayAdd(word))
  return on.length === before.size ? before : new Set(on)
}
